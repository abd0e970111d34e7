"""Prepared data set: images decoded and normalised as a card says, the bits they take, and a list without bad ones."""

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from monai.transforms import Compose

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.decode import ImageList
from monai_mocoi.data.fingerprints import unreadable_images
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.errors import DatasetError, ImageDecodeError
from monai_mocoi.transforms import FitSquare, FitSquared, Normalized, ReadImage, RescaleIntensity
from monai_mocoi.transforms.grey_levels import FEW_LEVELS, is_flattened

logger = logging.getLogger(__name__)

PREPARATION = ("channels", "intensity", "decode_size", "decode_fit", "cache_bits", "image_size", "mean", "std")
"""What a classifier's card says of how its images are prepared; see docs/finetuning.md."""
_PROBED = 128


def decode_of(preparation: Mapping[str, Any]) -> Compose:
    """Path -> tensor: the part whose results are cached."""
    return Compose(
        [
            ReadImage(channels=preparation["channels"]),
            RescaleIntensity(mode=preparation["intensity"]),
            FitSquare(size=preparation["decode_size"], mode=preparation["decode_fit"]),
        ]
    )


def with_bits(preparation: Mapping[str, Any], training: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The preparation with ``cache_bits`` "auto" resolved, by the training images, as fine-tuning resolves it."""
    bits = resolved_cache_bits(preparation["cache_bits"], training, decode_of(preparation))
    return {**preparation, "cache_bits": bits}


def evaluation_dataset(
    items: Sequence[Mapping[str, Any]], preparation: Mapping[str, Any], normalise: bool = True, **options: Any
) -> ImageDataset:
    """Make the data set that a network is tested on, without augmentation, as a classifier's card says.

    ``cache_bits`` is 8 or 16; without ``normalise`` the values stay in 0..1; ``options`` are of the data set.
    """
    own = {name: preparation[name] for name in PREPARATION}
    plain: list[Any] = [FitSquared(keys="image", size=own["image_size"])]
    if normalise:
        plain.append(Normalized(keys="image", mean=own["mean"], std=own["std"]))
    return ImageDataset(items, decode_of(own), Compose(plain), bits=own["cache_bits"], **options)


def resolved_cache_bits(
    bits: int | str, items: Sequence[Mapping[str, Any]], decode: Callable[[str], torch.Tensor]
) -> int:
    """Return the bits of a cached value: as given or, for "auto", as the training images need.

    For "auto" up to 128 of them, drawn at random with a fixed seed, are read up to the step that changes their size. 16
    bits are taken if one would be flattened, else 8: a set of which 1 % are is found 72 times in 100, of 2 % 92 times.

    Args:
        bits: 8, 16 or "auto".
        items: of the whole training split, whatever part of it is labelled, so that all splits and processes agree.
        decode: see :data:`~monai_mocoi.data.decode.Decode`; its steps that are ``FitSquare`` are left out.

    Raises:
        DatasetError: another value of ``bits``.
    """
    if bits in (8, 16):
        return int(bits)
    if bits != "auto":
        raise DatasetError(f"cache_bits is {bits!r}; choose 8, 16 or auto.")
    if not items:
        return 8
    # At random: evenly spaced ones could meet only one kind of a set whose kinds take turns.
    chosen = random.Random(0).sample(list(items), min(_PROBED, len(items)))
    steps = [step for step in getattr(decode, "transforms", [decode]) if not isinstance(step, FitSquare)]

    def flattened(item: Mapping[str, Any]) -> bool | None:
        def read(path: str) -> torch.Tensor:
            value: Any = path
            for step in steps:
                value = step(value)
            found.append(is_flattened(value))
            return torch.zeros(1, 1, 1)

        found: list[bool] = []
        try:
            ImageList([item["image"]], read).decoded(0)
        except ImageDecodeError:  # a bad image is told of where all are decoded
            return None
        return found[0]

    results = map_in_threads(flattened, chosen, len(chosen), description="grey levels", progress=False)
    readable = [result for _, result in results if result is not None]
    count = sum(readable)
    if not count:
        return 8
    logger.info(
        "cache_bits auto: 16. In 8 bits %d of %d training images that were looked at would keep fewer than %d grey "
        "levels, because they use a small part of the range that their files declare. intensity percentiles stretches "
        "each picture to its own range.",
        count,
        len(readable),
        FEW_LEVELS,
    )
    return 16


def without_skipped(datalist: Datalist, *, skip: bool = False, **datasets: ImageDataset) -> Datalist:
    """Return a datalist without the images that cannot be read, where they are skipped, for what looks at all again.

    Args:
        datalist: the whole one; its ``sha256`` is kept.
        skip: whether images are skipped also where no data set says so.
        datasets: by split, the data set of all of its items: ``training=train_dataset``; another is a ValueError. A
            split that is not named is read here, and loses what cannot be read with a warning, if a data set skips.
    """
    splits = datalist.splits()
    for split, dataset in datasets.items():
        if split not in splits or dataset.data != splits[split]:
            raise ValueError(f"{split!r} with its data set is none of this datalist's splits ({', '.join(SPLITS)})")
    kept: dict[str, Any] = {split: [d.data[row] for row in d.rows] for split, d in datasets.items()}
    if skip or any(dataset.on_bad_image == "skip" for dataset in datasets.values()):
        kept |= {split: _readable(datalist, split) for split in splits if split not in datasets}
    return replace(datalist, **kept)


def _readable(datalist: Datalist, split: str) -> list[dict[str, Any]]:
    items = datalist.splits()[split]
    paths, names = ([item[key] for item in items] for key in ("image", "name"))
    bad = unreadable_images(datalist.folder, paths, names)
    if bad:
        logger.warning(
            "on_bad_image is skip: %d of %d images of the %s split cannot be read, and are left out of the leak audit. "
            "What uses that split names them, and decides on them anew.",
            len(bad),
            len(items),
            split,
        )
    return [item for position, item in enumerate(items) if position not in bad]
