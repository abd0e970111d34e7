"""The averaged features of an encoder's four stages, computed once an image and kept between runs.

The store is one file for each encoder and preprocessing in ``user_cache_dir()/features``: records of one image each,
appended as they are computed. It holds a hash that says which file it was, unchanged (see
:func:`~monai_mocoi.files.file_signature.file_signature`), the features and a checksum: no path, name or id.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import monai
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Subset

from monai_mocoi.analysis.describe import NotDescribableError, describe_settings
from monai_mocoi.data.data_loader import keep_working
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.parallel import progress_bar
from monai_mocoi.data.pixel_versions import decoder_versions
from monai_mocoi.errors import CacheFullError, DatasetError, FeatureError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.file_signature import file_signature
from monai_mocoi.networks.stage_choice import STAGES, stages_of
from monai_mocoi.networks.stage_encoder import StageEncoder

MAP_SIZE = 4
"""Fields a side of a pooled map."""
MOST_MAP_IMAGES = 2000
"""Images whose pooled maps of ResNet-50 take 0.5 GB."""

_FORMAT = 1
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

Features = dict[int, NDArray[np.float32]]


def pooled_features(
    encoder: StageEncoder,
    dataset: ImageDataset,
    stages: Sequence[int] = STAGES,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    autocast: torch.dtype | None = None,
    num_workers: int = 0,
    cache: bool = True,
    cache_dir: str | Path | None = None,
    progress: bool = True,
) -> Features:
    """Compute the stages' maps of every image, averaged over their positions.

    The encoder runs in eval mode without gradient: neither a weight nor a buffer changes (fault A16), and it is left in
    the mode in which it came. What is in the store is read from there, whatever selection of images asks; the rest is
    computed batch by batch and added to it, all four stages at once. A process that is stopped leaves what it has done.
    Several processes may ask at once: one computes, the others wait and read. A damaged record is computed again.

    Args:
        encoder: moved to ``device``.
        dataset: its ``transform`` is deterministic and gives a dict with ``image`` (C, H, W), normalised as the encoder
            expects it, all of one shape. No augmentation.
        stages: which to return, of 1 to 4.
        batch_size: images at once, >= 1; it changes speed and memory only (and the last digits).
        device: where to compute.
        autocast: dtype of convolutions, None for float32; the averages are float32 in any case.
        num_workers: loader processes; 0 loads in this one.
        cache: False neither reads nor writes the store.
        cache_dir: folder of the stores; None means ``user_cache_dir()/features``.
        progress: show a progress bar if anything has to be computed.

    Returns:
        by stage, (images, channels) float32: a row an image, in the order of the data set's positions.

    Raises:
        DatasetError: the transform is random or does not show its settings (only with ``cache``); an image cannot be
            read; the store cannot be written.
        CacheFullError: no room for the store; what fits is kept.
        FeatureError: features that are not finite.
        ValueError: an unknown stage.
    """
    _check_stages(stages)
    device = torch.device(device)
    encoder.to(device)
    record = _record_type(encoder.stage_channels)
    result = {s: np.empty((len(dataset), encoder.stage_channels[s - 1]), np.float32) for s in sorted(set(stages))}

    def take(positions: Sequence[int], rows: NDArray[Any]) -> None:
        for stage, values in result.items():
            values[positions] = rows[f"stage{stage}"]

    def compute(positions: Sequence[int]) -> Iterator[tuple[Sequence[int], NDArray[Any]]]:
        for part, maps in _stage_maps(encoder, dataset, positions, batch_size, device, autocast, num_workers, progress):
            rows = np.zeros(len(part), record)
            for stage, values in zip(STAGES, maps, strict=True):
                rows[f"stage{stage}"] = values.float().mean(dim=(2, 3)).cpu().numpy()
            _check_finite([rows[f"stage{stage}"] for stage in STAGES], [dataset.rows[position] for position in part])
            take(part, rows)
            yield part, rows

    todo = list(range(len(dataset)))
    if not cache:
        for _ in compute(todo):
            pass
        return result
    signatures = np.array([np.frombuffer(_signature(dataset, row), np.uint8) for row in dataset.rows])
    folder = Path(cache_dir) if cache_dir is not None else user_cache_dir() / "features"
    store = _Store(folder / f"{_key(encoder, dataset, device, autocast)}.bin", record)
    todo = store.read(todo, signatures, take)
    if todo:
        with file_lock(store.path.with_suffix(".lock")):
            todo = store.read(todo, signatures, take)  # another process may have computed them meanwhile
            if todo:
                with store.appending(len(todo)) as append:
                    for part, rows in compute(todo):
                        rows["image"] = signatures[part]
                        append(rows)
    return result


def pooled_maps(
    encoder: StageEncoder,
    dataset: ImageDataset,
    positions: Sequence[int],
    stages: Sequence[int] = STAGES,
    size: int = MAP_SIZE,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    autocast: torch.dtype | None = None,
    num_workers: int = 0,
    progress: bool = True,
) -> Features:
    """Compute the stages' maps of some images, averaged over ``size`` x ``size`` fields: where, not only what.

    As :func:`pooled_features`, but nothing is kept on disk: a row of stage 4 has 32,768 numbers for ResNet-50, all four
    stages take 0.25 MB an image. So choose the images first, with :func:`~monai_mocoi.analysis.choose_by_patient`
    (``MOST_MAP_IMAGES`` of them, unless there is memory for more), and the same ones for every encoder.

    A map of fewer fields than that stays as it is, for repeated fields add nothing: images of 32 px have maps of 8, 4,
    2 and 1 fields a side, so that stage 4 is the averaged vector.

    Args:
        encoder: moved to ``device``.
        dataset: as for :func:`pooled_features`.
        positions: of the images in the data set, in the order of the rows wanted.
        stages: which to return, of 1 to 4.
        size: fields a side, 1 or more.
        batch_size: images at once, >= 1.
        device: where to compute.
        autocast: dtype of convolutions, None for float32.
        num_workers: loader processes; 0 loads in this one.
        progress: show a progress bar.

    Returns:
        by stage, (positions, channels * fields) float32.

    Raises:
        DatasetError: an image cannot be read.
        FeatureError: features that are not finite.
        ValueError: an unknown stage, no image, or a size below 1.
    """
    _check_stages(stages)
    if size < 1 or not len(positions):
        raise ValueError(f"pooled maps need one field a side and one image at least, not {size} and {len(positions)}.")
    device = torch.device(device)
    encoder.to(device)
    positions = [int(position) for position in positions]
    result: Features = {}
    done = 0
    for part, maps in _stage_maps(encoder, dataset, positions, batch_size, device, autocast, num_workers, progress):
        for stage in sorted(set(stages)):
            values = maps[stage - 1].float()
            fields = (min(size, values.shape[2]), min(size, values.shape[3]))
            rows = nn.functional.adaptive_avg_pool2d(values, fields).flatten(1).cpu().numpy()
            _check_finite([rows], [dataset.rows[position] for position in part])
            if stage not in result:
                result[stage] = np.empty((len(positions), rows.shape[1]), np.float32)
            result[stage][done : done + len(part)] = rows
        done += len(part)
    return result


def _check_stages(stages: Sequence[int]) -> None:
    if not stages or any(stage not in STAGES for stage in stages):
        raise ValueError(f"stages is {list(stages)}; choose of 1, 2, 3 and 4.")


def features_of(features: Mapping[int, NDArray[np.float32]], stage: int | str) -> NDArray[np.float32]:
    """The features that a classifier of a stage reads, of those that :func:`pooled_features` gives.

    Args:
        features: by stage, ``(images, channels)``.
        stage: 1..4, or "all": those of the four stages side by side, in a new array.

    Raises:
        ValueError: an unknown stage.
    """
    wanted = stages_of(stage)
    return features[wanted[0]] if len(wanted) == 1 else np.concatenate([features[own] for own in wanted], axis=1)


def encoder_digest(encoder: StageEncoder) -> str:
    """SHA-256 in hexadecimal of all that decides what the encoder computes: layers, weights and running statistics."""
    digest = hashlib.sha256(f"{encoder} {encoder.backbone.no_max_pool}".encode())
    for name, value in encoder.state_dict().items():
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _stage_maps(
    encoder: StageEncoder,
    dataset: ImageDataset,
    positions: Sequence[int],
    batch_size: int,
    device: torch.device,
    autocast: torch.dtype | None,
    num_workers: int,
    progress: bool,
) -> Iterator[tuple[Sequence[int], Sequence[torch.Tensor]]]:
    """Give the positions of each batch and the encoder's four maps of it."""
    loader = DataLoader(
        Subset(dataset, positions),
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=_images,
        worker_init_fn=keep_working,
        pin_memory=device.type == "cuda",
        generator=torch.Generator(),  # else it would draw from the global one, and only where something is missing
    )
    done = 0
    with progress_bar(len(positions), "features", progress) as bar, _evaluating(encoder):
        for images in loader:
            part = positions[done : done + len(images)]
            yield part, _encode(encoder, images, device, autocast)
            done += len(part)
            bar.update(len(part))


def _encode(
    encoder: StageEncoder, images: torch.Tensor, device: torch.device, autocast: torch.dtype | None
) -> Sequence[torch.Tensor]:
    """Return the four maps of a batch, on the device."""
    weight = encoder.backbone.conv1.weight
    last = weight.is_contiguous(memory_format=torch.channels_last)
    images = images.to(device, weight.dtype, non_blocking=True)
    images = images.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    with torch.no_grad(), torch.autocast(device.type, autocast, enabled=autocast is not None):
        maps: Sequence[torch.Tensor] = encoder(images).stages
    return maps


def _check_finite(features: Sequence[NDArray[np.float32]], names: Sequence[int]) -> None:
    finite = np.all([np.isfinite(values).all(axis=1) for values in features], axis=0)
    if not finite.all():
        raise FeatureError(
            f"the encoder's features of image {names[int(np.argmin(finite))]} are not finite (NaN or infinity): look "
            "at its weights, or use precision float32."
        )


def _images(samples: Sequence[dict[str, Any]]) -> torch.Tensor:
    return torch.stack([torch.as_tensor(sample["image"]) for sample in samples])


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode; afterwards each module has the mode that it had, for a frozen part may be in another than the rest."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def _record_type(channels: Sequence[int]) -> np.dtype[Any]:
    stages = [(f"stage{stage}", "<f4", (count,)) for stage, count in zip(STAGES, channels, strict=True)]
    return np.dtype([("image", "u1", (16,)), *stages, ("crc32", "<u4")])


class _Store:
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
        """Give a function that appends records to the file; the lock must be held. ``count`` records must have room."""
        size = self.record.itemsize
        with _disk_errors():
            if count * size > shutil.disk_usage(self.path.parent).free:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            # Unbuffered: a batch is in the file when it is computed, and nothing is left to write at an error.
            file = open(self.path, "ab", buffering=0)  # noqa: SIM115 - closed below

        def append(rows: NDArray[Any]) -> None:
            rows["crc32"] = [_checksum(row) for row in rows]
            content = rows.tobytes()
            with _disk_errors():
                if file.write(content) < len(content):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        with file:
            file.truncate(file.tell() // size * size)  # behind the last whole record of a process that was killed
            yield append
            with _disk_errors():
                os.fsync(file.fileno())


def _checksum(row: Any) -> int:
    return zlib.crc32(row.tobytes()[:-4])


def _signature(dataset: ImageDataset, row: int) -> bytes:
    item = dataset.data[row]
    try:
        return file_signature(item["image"])
    except OSError as error:
        name = f" ({item['name']})" if item.get("name") else ""
        raise DatasetError(
            f"image {row}{name} cannot be read ({error.strerror}); copy it into the dataset folder again."
        ) from None


def _key(encoder: StageEncoder, dataset: ImageDataset, device: torch.device, autocast: torch.dtype | None) -> str:
    try:
        steps = [describe_settings(dataset.decode), describe_settings(dataset.transform)]
    except NotDescribableError as error:
        raise DatasetError(
            f"features are computed once an image and kept, so every step of their preprocessing must be deterministic "
            f"and show its settings, but {error}. Use transforms without chance made of plain settings, or cache=False."
        ) from None
    computed = [torch.__version__, monai.__version__, device.type, str(autocast)]
    source = json.dumps([_FORMAT, encoder_digest(encoder), *steps, dataset.bits, decoder_versions(), *computed])
    return hashlib.sha256(source.encode()).hexdigest()


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise CacheFullError(
                "there is too little room for the cache of features; what was written of it is kept. Set "
                "MONAI_MOCOI_CACHE to a folder with more room, or use cache=False (computes them in every run)."
            ) from None
        raise DatasetError(
            f"the cache of features cannot be written ({error.strerror}); look at its disk, set MONAI_MOCOI_CACHE to a "
            "folder on another one, or use cache=False."
        ) from None
