"""The images of a split as a torch ``Dataset`` whose random views depend on nothing but seed, epoch and index."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils.data import Dataset

from monai_mocoi.data.datalist import SPLITS, Datalist
from monai_mocoi.data.decoded_cache import DecodedCache, changed_in_the_run, decode_all, decode_one, dequantise
from monai_mocoi.data.fingerprints import unreadable_images
from monai_mocoi.data.seeding import derive_seeds, global_generators_kept, seed_global_generators
from monai_mocoi.errors import DatasetError, ImageDecodeError
from monai_mocoi.metrics.inputs import UNKNOWN

ON_BAD_IMAGE = ("stop", "skip")

logger = logging.getLogger(__name__)


class EpochIndex(NamedTuple):
    """A sample of a certain epoch: what :class:`~monai_mocoi.data.EpochSampler` gives to the data set.

    Attributes:
        epoch: from 0.
        index: the sample's position in the data set: the image's row in its split, less the skipped rows before it.
    """

    epoch: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody needs here


def patient_code(patient: str) -> int:
    """Return a number for a patient's id: the same in every split and run, for comparing patients in tensors.

    Args:
        patient: the id as it stands in the datalist.

    Returns:
        the first 63 bits of its SHA-256, so that it fits a torch int64 (two of a million patients meet by a chance of
        less than 1e-7).
    """
    return int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8], "big") >> 1


class ImageDataset(Dataset[Any]):
    """Decoded images with index, patient and label, then the random transform.

    Before each sample the transform is seeded from (seed, epoch, row in the split): a sample's views are the same
    whatever the number of workers or processes, the order of the samples and the skipped images, and differ from epoch
    to epoch. So are the global generators (``random``, ``numpy.random``, torch's of the CPU), for transforms that draw
    from them; afterwards these are as they were before. Only a generator that a transform keeps for itself, without
    MONAI's ``set_random_state``, is out of reach.

    An image that cannot be read (damaged, missing, or with values that are not finite) is found before the first
    sample. With ``on_bad_image="skip"`` it is left out: the length counts the others, whose positions follow one
    another without a gap, while a sample's ``index`` stays the row in the split, by which the queue, predictions and
    errors name it. Too little memory or disk is an error under both settings, as far as the reader lets it be seen.

    Args:
        data: the items of a split, as :func:`~monai_mocoi.data.load_datalist` gives them: ``image`` (path),
            ``patient``, and optionally ``label`` and ``name`` (for errors). Kept as ``data``.
        decode: path -> tensor (C, H, W), values 0..1; deterministic. With the cache, the same shape for all images,
            and it must describe itself (see :func:`~monai_mocoi.data.decoded_cache.describe_decode`).
        transform: dict -> anything, called with the sample; None gives the sample itself. Its random state is set if
            it has ``set_random_state`` (MONAI's random transforms and ``Compose``).
        seed: of the views, >= 0.
        cache: decode all images once into a memory-mapped file; False decodes at every access. The tensors are the
            same, bit for bit: both are rounded to ``bits``. False with "skip" decodes all images once when the data
            set is made, only to see which can be read; False with "stop" does not, and a bad image stops the run when
            its turn comes.
        cache_dir: the cache's folder; None means ``user_cache_dir()/decoded``.
        bits: 8 or 16 bits a cached value.
        progress: show a progress bar while the images are decoded.
        on_bad_image: "stop": an unreadable image is an error. "skip": it is left out with a warning, if there are not
            too many.
        max_bad_share: with "skip", the share of the split that may be unreadable, 0..1; 0.01 is one image in a
            hundred. It has no effect with "stop".

    Attributes:
        rows: by position, the row in the split.
        skipped: what was left out, by row: dicts of ``index`` (the row), ``name`` (as the item has it, else None) and
            ``reason``. Empty with "stop".

    A sample is a dict of ``image`` (C, H, W) float32 in 0..1, ``index`` (int), ``patient`` (int, see
    :func:`patient_code`) and, where all items have one, ``label``: an int64 scalar for a class, float32 (findings,)
    for a multi-label item, in which ``UNKNOWN`` (-1) stands for what is not known. ``dataset[i]`` is the sample of
    epoch 0, ``dataset[EpochIndex(e, i)]`` that of epoch e.

    Raises:
        DatasetError: an image cannot be read and "stop" is set, or more of them than ``max_bad_share``; the text names
            the first ones by row, name within the dataset folder and the reader's reason. Also, whatever the setting,
            when an image becomes unreadable after the data set was made.
        CacheFullError: no room for the cache.
    """

    def __init__(
        self,
        data: Sequence[Mapping[str, Any]],
        decode: Callable[[str], torch.Tensor],
        transform: Callable[[dict[str, Any]], Any] | None = None,
        seed: int = 0,
        cache: bool = True,
        cache_dir: str | Path | None = None,
        bits: int = 8,
        progress: bool = True,
        on_bad_image: str = "stop",
        max_bad_share: float = 0.01,
    ) -> None:
        if len(data) == 0:
            raise DatasetError("the split has no images; choose another split, or prepare a dataset folder with one.")
        if bits not in (8, 16):
            raise DatasetError(f"bits is {bits}; a decoded value takes 8 or 16 bits.")
        if seed < 0:
            raise DatasetError(f"seed is {seed}; it must be 0 or more.")
        if on_bad_image not in ON_BAD_IMAGE:
            raise DatasetError(f"on_bad_image is {on_bad_image!r}; choose one of {', '.join(ON_BAD_IMAGE)}.")
        if type(max_bad_share) not in (int, float) or not 0 <= max_bad_share <= 1:
            raise DatasetError(f"max_bad_share is {max_bad_share!r}; it is a share of the split, from 0 to 1.")
        self.data = data
        self.decode = decode
        self.transform = transform
        self.seed = seed
        self.bits = bits
        self.on_bad_image = on_bad_image
        self._names = [item.get("name") for item in data]
        self._labelled = all("label" in item for item in data)  # else a batch could not be put together
        self._patients = [patient_code(item["patient"]) for item in data]
        self._cache = None
        paths = [item["image"] for item in data]
        share = max_bad_share if on_bad_image == "skip" else None
        bad: Mapping[int, str] = {}
        if cache:
            self._cache = DecodedCache(
                paths, decode, bits, cache_dir, progress=progress, names=self._names, max_bad_share=share
            )
            bad = self._cache.bad
        elif on_bad_image == "skip":
            bad = decode_all(decode, paths, bits, self._names, share, progress=progress)
        self.rows = [row for row in range(len(data)) if row not in bad]
        self.skipped = [{"index": row, "name": self._names[row], "reason": reason} for row, reason in bad.items()]
        self._log_skipped()

    def __len__(self) -> int:
        return len(self.rows)

    def picture(self, position: int) -> torch.Tensor:
        """The decoded image at a position, float32 (C, H, W) in 0..1, before any transform."""
        return self._picture(self.rows[position])

    def spread(self, most: int) -> ImageDataset:
        """The same data set or, where it has more images than ``most``, so many of them, evenly over their order."""
        if len(self) <= most:
            return self
        return self.part([len(self) * place // most for place in range(most)], self.transform)

    def __getitem__(self, item: int | EpochIndex) -> Any:
        return self.__getitems__([item])[0]

    def __getitems__(self, items: Sequence[int | EpochIndex]) -> list[Any]:
        """The samples of a batch: torch's loaders ask for it as a whole, and to keep the generators takes 0.1 ms."""
        with global_generators_kept():
            return [self._sample(item) for item in items]

    def _sample(self, item: int | EpochIndex) -> Any:
        epoch, position = item if isinstance(item, tuple) else (0, int(item))
        if not 0 <= position < len(self):
            raise IndexError(f"index {position} is outside 0 to {len(self) - 1}")
        row = self.rows[position]
        sample: dict[str, Any] = {"image": self._picture(row), "index": row, "patient": self._patients[row]}
        if self._labelled:
            label = self.data[row]["label"]
            values = [UNKNOWN if value is None else value for value in label] if isinstance(label, list) else label
            sample["label"] = torch.tensor(values, dtype=torch.float32 if isinstance(label, list) else torch.int64)
        if self.transform is None:
            return sample
        own, *global_seeds = derive_seeds(4, self.seed, epoch, row)
        if hasattr(self.transform, "set_random_state"):
            self.transform.set_random_state(seed=own)
        seed_global_generators(*global_seeds)
        return self.transform(sample)

    def part(self, positions: Sequence[int], transform: Callable[[dict[str, Any]], Any] | None) -> ImageDataset:
        """Some of the images, with another transform; what is decoded is shared.

        Args:
            positions: in this data set, in the order wanted.
            transform: as for the class.
        """
        part = copy(self)
        part.rows = [self.rows[position] for position in positions]
        part.transform = transform
        return part

    def _picture(self, row: int) -> torch.Tensor:
        if self._cache is not None:
            return self._cache[row]
        try:
            return dequantise(decode_one(self.decode, self.data[row]["image"], row, self.bits, self._names))
        except ImageDecodeError as error:
            if self.on_bad_image == "skip":
                raise changed_in_the_run(error) from None
            text = str(error).rstrip(".")
            raise ImageDecodeError(
                f"{text}. Without the cache no image was looked at before, so it was so from the start or changed "
                "during the run. Repair it or take it out of the datalist; or leave such images out with "
                "--on_bad_image skip.",
                error.reason,
            ) from None

    def _log_skipped(self) -> None:
        if not self.skipped:
            return
        count, total = len(self.skipped), len(self.data)
        logger.warning(
            "on_bad_image is skip: %d of %d images (%.3g %%) cannot be read and are left out:",
            count,
            total,
            100 * count / total,
        )
        for image in self.skipped:
            name = "" if image["name"] is None else f" ({image['name']})"
            logger.warning("  skipped image %d%s: %s", image["index"], name, image["reason"])


def without_skipped(datalist: Datalist, **datasets: ImageDataset) -> Datalist:
    """Return a datalist without the images that cannot be read, where they are skipped, for what looks at all again.

    For the audit (:func:`~monai_mocoi.data.audit_datalist`) and :func:`~monai_mocoi.data.require_images`.

    Args:
        datalist: the whole one. Its ``sha256`` is kept: it is that of the file.
        datasets: by split, the data set of all of its items: ``training=train_dataset``. A split that is not named,
            such as ``test`` in training, is read here, and loses what cannot be read with a warning that counts it; it
            stays whole where no data set skips.

    Raises:
        ValueError: a name that is no split, or a data set of other items.
    """
    splits = datalist.splits()
    for split, dataset in datasets.items():
        if split not in splits or dataset.data != splits[split]:
            raise ValueError(f"{split!r} with its data set is none of this datalist's splits ({', '.join(SPLITS)})")
    kept: dict[str, Any] = {split: [d.data[row] for row in d.rows] for split, d in datasets.items()}
    if any(dataset.on_bad_image == "skip" for dataset in datasets.values()):
        kept |= {split: _readable(datalist, split) for split in splits if split not in datasets}
    return replace(datalist, **kept)


def _readable(datalist: Datalist, split: str) -> list[dict[str, Any]]:
    items = datalist.splits()[split]
    paths, names = ([item[key] for item in items] for key in ("image", "name"))
    bad = unreadable_images(datalist.folder, paths, names)
    if bad:
        logger.warning(
            "on_bad_image is skip: %d of %d images of the %s split cannot be read, and are left out of the leak audit. "
            "This run does not use that split; its evaluation names them, and decides on them anew.",
            len(bad),
            len(items),
            split,
        )
    return [item for position, item in enumerate(items) if position not in bad]
