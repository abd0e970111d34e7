"""Image data set: the images of a split; random views depend on nothing but seed, epoch and index."""

from collections.abc import Callable, Mapping, Sequence
from copy import copy
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from torch.utils.data import Dataset

from monai_mocoi.data.decode import ImageList, Levels
from monai_mocoi.data.decode_errors import changed_in_the_run, check_list, warn_of_skipped
from monai_mocoi.data.decoded_cache import DecodedCache
from monai_mocoi.data.patient_ids import patient_code
from monai_mocoi.data.seeding import EpochIndex, derive_seed, global_generators_kept, seed_all
from monai_mocoi.data.view_batches import drawn, draws_batches, label_tensor
from monai_mocoi.errors import ImageDecodeError
from monai_mocoi.transforms.rounding import dequantise
from monai_mocoi.transforms.two_views_dict import TwoViewsd


class ImageDataset(Dataset[Any]):
    """Decoded images with index, patient and label, then the random transform.

    Before each sample the transform and the global generators are seeded from (seed, epoch, row in the split), so that
    views do not depend on workers, processes, order or skipped images. Then the generators are as they were.

    With ``on_bad_image="skip"`` an image that cannot be read (damaged, missing, or with values that are not finite) is
    left out: the others' positions follow one another without a gap, while ``index`` stays the row in the split.
    ``rows`` has it by position; ``skipped`` has dicts of ``index``, ``name`` (or None) and ``reason``.
    A sample is a dict of ``image`` (C, H, W) float32 in 0..1, ``index`` (int), ``patient`` (int, see
    :func:`~monai_mocoi.data.patient_code`) and, where all items have one, ``label``: see
    :func:`~monai_mocoi.data.view_batches.label_tensor`. ``dataset[i]`` is the sample of epoch 0.

    Args:
        data: the items of a split, see :class:`~monai_mocoi.data.Datalist`.
        decode: see :data:`~monai_mocoi.data.decode.Decode`. With the cache, the same shape for all images, and it must
            describe itself (see :func:`~monai_mocoi.data.describe_settings`).
        transform: sample -> anything; None gives the sample itself.
        seed: of the views, >= 0.
        cache: decode all images once into a memory-mapped file; False decodes at every access, to the same tensors
            (and with "skip" once more at first, to see which can be read).
        cache_dir, progress: as for :class:`~monai_mocoi.data.DecodedCache`.
        bits: 8 or 16 bits a decoded value, with and without the cache.
        on_bad_image: "stop": an unreadable image is an error. "skip": it is left out with a warning, if not more than
            the share ``max_bad_share``, 0..1, of the split are.

    Raises:
        DatasetError: an image cannot be read, or more of them than allowed, at once or later; rows, names and reasons.
        CacheFullError: no room for the cache.

    Examples:
        >>> import torch
        >>> from monai_mocoi.data import ImageDataset
        >>> items = [{"image": f"{n}.png", "patient": "p1", "label": n} for n in range(3)]
        >>> dataset = ImageDataset(items, decode=lambda path: torch.full((1, 2, 2), 0.5), cache=False)
        >>> sorted(dataset[2])
        ['image', 'index', 'label', 'patient']
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
        check_list(len(data), seed, on_bad_image, max_bad_share)
        self.data, self.decode, self.bits = data, decode, bits
        self.transform, self.seed, self.on_bad_image = transform, seed, on_bad_image
        self._names = [item.get("name") for item in data]
        self._labelled = all("label" in item for item in data)  # else a batch could not be put together
        self._patients = [patient_code(item["patient"]) for item in data]
        share = max_bad_share if on_bad_image == "skip" else None
        self._images = ImageList([item["image"] for item in data], decode, bits, self._names, share)
        self._cache = None
        bad: Mapping[int, str] = {}
        if cache:
            self._cache = DecodedCache(self._images, cache_dir, progress=progress)
            bad = self._cache.bad
        elif on_bad_image == "skip":
            bad = self._images.decode_all(progress=progress)
        self.rows = [row for row in range(len(data)) if row not in bad]
        self.skipped = [{"index": row, "name": self._names[row], "reason": reason} for row, reason in bad.items()]
        warn_of_skipped(bad, len(data), self._names)

    def __len__(self) -> int:
        return len(self.rows)

    def picture(self, position: int) -> torch.Tensor:
        """The decoded image at a position, float32 (C, H, W) in 0..1, before any transform."""
        return dequantise(self._levels(self.rows[position]))

    def spread(self, most: int) -> Self:
        """The same data set or, where it has more images than ``most``, so many of them, evenly over their order."""
        few = len(self) <= most
        return self if few else self.part([len(self) * n // most for n in range(most)], self.transform)

    def __getitem__(self, item: int | EpochIndex) -> Any:
        return self.__getitems__([item])[0]

    def __getitems__(self, items: Sequence[int | EpochIndex]) -> list[Any]:
        """The samples of a batch: torch's loaders ask for it as a whole."""
        with global_generators_kept():
            return [self._sample(item) for item in items]

    def batch(self, items: Sequence[int | EpochIndex], later: bool = False) -> dict[str, Any]:
        """A batch of images whose transform draws batches, see :func:`~monai_mocoi.data.view_batches.drawn`."""
        epochs, samples = zip(*map(self._described, items), strict=True)
        seeds = [derive_seed(self.seed, epoch, sample["index"]) for epoch, sample in zip(epochs, samples, strict=True)]
        images = torch.from_numpy(np.stack([self._levels(sample["index"]) for sample in samples]))
        return drawn(cast(TwoViewsd, self.transform), samples, images, seeds, later)

    def _described(self, item: int | EpochIndex) -> tuple[int, dict[str, Any]]:
        """Epoch of an item, and its sample without the picture."""
        epoch, position = item if isinstance(item, tuple) else (0, int(item))
        if not 0 <= position < len(self):
            raise IndexError(f"index {position} is outside 0 to {len(self) - 1}")
        row = self.rows[position]
        sample: dict[str, Any] = {"index": row, "patient": self._patients[row]}
        if self._labelled:
            sample["label"] = label_tensor(self.data[row]["label"])
        return epoch, sample

    def _sample(self, item: int | EpochIndex) -> Any:
        if draws_batches(self.transform):
            batch = self.batch([item])
            return {name: int(rows) if name in ("index", "patient") else rows[0] for name, rows in batch.items()}
        epoch, sample = self._described(item)
        sample = {"image": dequantise(self._levels(sample["index"])), **sample}
        if self.transform is not None:
            seed_all(self.transform, self.seed, epoch, sample["index"])
        return sample if self.transform is None else self.transform(sample)

    def part(self, positions: Sequence[int], transform: Callable[[dict[str, Any]], Any] | None) -> Self:
        """Some of the images, in the order of these positions, with another transform; what is decoded is shared."""
        part = copy(self)
        part.rows = [self.rows[position] for position in positions]
        part.transform = transform
        return part

    def _levels(self, row: int) -> Levels:
        """The decoded image of a row of the split, (C, H, W), as the 8 or 16 bits that the cache keeps."""
        if self._cache is not None:
            return self._cache.levels(row)
        try:
            return self._images.decoded(row)
        except ImageDecodeError as error:
            raise changed_in_the_run(error, looked_at=self.on_bad_image == "skip") from None
