"""Store of features: one file for each encoder and preprocessing, appended as computed.

A record of an image holds a hash of the file, its features and a checksum: no path, name or id.
"""

import errno
import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.describe import NotDescribableError, describe_settings
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.cache_dir import check_room, writing_cache
from monai_mocoi.files.file_signature import decoder_versions, file_signature
from monai_mocoi.networks import weights_sha256
from monai_mocoi.networks.resnet_shape import STAGES
from monai_mocoi.networks.stage_encoder import StageEncoder

_FORMAT = 2
_WHAT, _WITHOUT = "the cache of features", "use cache=False (computes them in every run)"


def record_type(channels: Sequence[int]) -> np.dtype[Any]:
    """Of one image: its hash, the features of each stage, and a checksum."""
    stages = [(f"stage{stage}", "<f4", (count,)) for stage, count in zip(STAGES, channels, strict=True)]
    return np.dtype([("image", "u1", (16,)), *stages, ("crc32", "<u4")])


class FeatureStore:
    """A file of records. What is not a whole record with the right checksum counts as absent."""

    def __init__(self, path: Path, record: np.dtype[Any]) -> None:
        self.path = path
        self.record = record

    def read(
        self,
        positions: Sequence[int],
        signatures: NDArray[np.uint8],
        take: Callable[[Sequence[int], NDArray[Any]], None],
    ) -> list[int]:
        """Hand the records that are there to ``take``; return the positions whose images have none."""
        try:
            count = self.path.stat().st_size // self.record.itemsize
            rows = np.memmap(self.path, self.record, "r", shape=(count,)) if count else None
        except OSError:
            rows = None
        if rows is None:
            return list(positions)
        place = {image.tobytes(): row for row, image in enumerate(rows["image"])}  # of two records the later one
        absent = []
        for position in positions:
            row = place.get(signatures[position].tobytes())
            if row is None or _checksum(rows[row]) != rows[row]["crc32"]:
                absent.append(position)
            else:
                take([position], rows[row : row + 1])
        return absent

    @contextmanager
    def appending(self, count: int) -> Iterator[Callable[[NDArray[Any]], None]]:
        """Give a function that appends records to the file; the lock must be held. ``count`` records must have room.

        CacheFullError: they have none; what was written of them is kept. DatasetError: the disk fails.
        """
        size = self.record.itemsize
        writing = partial(writing_cache, _WHAT, "what was written of it is kept", _WITHOUT)
        with writing():
            check_room(self.path.parent, count * size, _WHAT, _WITHOUT)
            # Unbuffered: a batch is in the file when it is computed, and nothing is left to write at an error.
            file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed below

        def append(rows: NDArray[Any]) -> None:
            rows["crc32"] = [_checksum(row) for row in rows]
            content = rows.tobytes()
            with writing():
                if file.write(content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with file:
            file.truncate(file.tell() // size * size)  # behind the last whole record of a process that was killed
            yield append
            with writing():
                os.fsync(file.fileno())


def _checksum(row: Any) -> int:
    return zlib.crc32(row.tobytes()[:-4])


def signature(dataset: ImageDataset, row: int) -> bytes:
    """Which file an image is, unchanged; DatasetError where it cannot be read."""
    item = dataset.data[row]
    try:
        return file_signature(item["image"])
    except OSError as error:
        name = f" ({item['name']})" if item.get("name") else ""
        raise DatasetError(
            f"image {row}{name} cannot be read ({error.strerror}); copy it into the dataset folder again."
        ) from None


def store_key(encoder: StageEncoder, dataset: ImageDataset, device: torch.device, autocast: torch.dtype | None) -> str:
    """Hash of all that features depend on, except the images; DatasetError where preprocessing does not show it."""
    try:
        steps = [describe_settings(dataset.decode), describe_settings(dataset.transform)]
    except NotDescribableError as error:
        raise DatasetError(
            f"features are computed once an image and kept, so every step of their preprocessing must be deterministic "
            f"and show its settings, but {error}. Use transforms without chance made of plain settings, or cache=False."
        ) from None
    weights = weights_sha256(encoder.state_dict())
    network = [_FORMAT, f"{encoder} {encoder.backbone.no_max_pool}", weights]
    computed = [torch.__version__, monai.__version__, device.type, str(autocast)]
    source = json.dumps([*network, *steps, dataset.bits, decoder_versions(), *computed])
    return hashlib.sha256(source.encode()).hexdigest()
