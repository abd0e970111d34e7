"""The images of a split as a torch ``Dataset`` whose random views depend on nothing but seed, epoch and index."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch.utils.data import Dataset

from monai_mocoi.data.decoded_cache import DecodedCache, decode_one, dequantise
from monai_mocoi.data.errors import DatasetError
from monai_mocoi.data.seeding import derive_seed


class EpochIndex(NamedTuple):
    """A sample of a certain epoch: what :class:`~monai_mocoi.data.EpochSampler` gives to the data set.

    Attributes:
        epoch: from 0.
        index: of the image in its split.
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

    Before each sample the transform is seeded from (seed, epoch, index): a sample's views are the same whatever the
    number of workers or processes and the order of the samples, and differ from epoch to epoch.

    Args:
        data: the items of a split, as :func:`~monai_mocoi.data.load_datalist` gives them: ``image`` (path),
            ``patient``, and optionally ``label`` and ``name`` (for errors). Kept as ``data``.
        decode: path -> tensor (C, H, W), values 0..1; deterministic. With the cache, the same shape for all images,
            and it must describe itself (see :func:`~monai_mocoi.data.decoded_cache.describe_decode`).
        transform: dict -> anything, called with the sample; None gives the sample itself. Its random state is set if
            it has ``set_random_state`` (MONAI's random transforms and ``Compose``).
        seed: of the views, >= 0.
        cache: decode all images once into a memory-mapped file; False decodes at every access. The tensors are the
            same, bit for bit: both are rounded to ``bits``.
        cache_dir: the cache's folder; None means ``user_cache_dir()/decoded``.
        bits: 8 or 16 bits a cached value.
        progress: show a progress bar while the cache is made.

    A sample is a dict of ``image`` (C, H, W) float32 in 0..1, ``index`` (int), ``patient`` (int, see
    :func:`patient_code`) and, where the items have one, ``label``: an int64 scalar for a class, float32 (findings,)
    for a multi-label item. ``dataset[i]`` is the sample of epoch 0, ``dataset[EpochIndex(e, i)]`` that of epoch e.

    Raises:
        DatasetError: an image cannot be decoded; the text names its index, its name within the dataset folder and the
            reader's reason.
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
    ) -> None:
        if len(data) == 0:
            raise DatasetError("the split has no images; choose another split, or prepare a dataset folder with one.")
        if bits not in (8, 16):
            raise DatasetError(f"bits is {bits}; a decoded value takes 8 or 16 bits.")
        if seed < 0:
            raise DatasetError(f"seed is {seed}; it must be 0 or more.")
        self.data = data
        self.decode = decode
        self.transform = transform
        self.seed = seed
        self.bits = bits
        self._names = [item["name"] for item in data] if all("name" in item for item in data) else None
        self._patients = [patient_code(item["patient"]) for item in data]
        self._cache = None
        if cache:
            paths = [item["image"] for item in data]
            self._cache = DecodedCache(paths, decode, bits, cache_dir, progress=progress, names=self._names)

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, item: int | EpochIndex) -> Any:
        epoch, index = item if isinstance(item, tuple) else (0, int(item))
        if not 0 <= index < len(self):
            raise IndexError(f"index {index} is outside 0 to {len(self) - 1}")
        sample: dict[str, Any] = {"image": self._picture(index), "index": index, "patient": self._patients[index]}
        if "label" in self.data[index]:
            label = self.data[index]["label"]
            sample["label"] = torch.tensor(label, dtype=torch.float32 if isinstance(label, list) else torch.int64)
        if self.transform is None:
            return sample
        if hasattr(self.transform, "set_random_state"):
            self.transform.set_random_state(seed=derive_seed(self.seed, epoch, index))
        return self.transform(sample)

    def _picture(self, index: int) -> torch.Tensor:
        if self._cache is not None:
            return self._cache[index]
        path = self.data[index]["image"]
        return dequantise(decode_one(self.decode, path, index, self.bits, self._names))
