"""Pooled features of an encoder's four stages, computed once per image and kept between runs."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from monai_mocoi.analysis.feature_store import FeatureStore, record_type, signature, store_key
from monai_mocoi.analysis.stage_maps import check_finite, stage_maps
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.networks.resnet_shape import STAGES, stages_of
from monai_mocoi.networks.stage_encoder import StageEncoder

MAP_SIZE = 4  # fields a side of a pooled map
MOST_MAP_IMAGES = 2000  # whose pooled maps of ResNet-50 take 0.5 GB

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

    The encoder runs in eval mode without gradient and is unchanged (fault A16). What is in the store is read from
    there; the rest is computed batch by batch and added. Of several processes one computes, the others wait and read.

    Args:
        encoder, device: moved to the device.
        dataset: its ``transform`` is deterministic and gives a dict with ``image`` (C, H, W), all of one shape.
        stages: which to return, of 1 to 4.
        batch_size, num_workers: images at once, >= 1; loader processes, 0 loads in this one.
        autocast: dtype of convolutions, None for float32; the averages are float32 in any case.
        cache, cache_dir: False neither reads nor writes the store; None means ``user_cache_dir()/features``.
        progress: show a progress bar if anything has to be computed.

    Returns:
        by stage, (images, channels) float32, in the order of the data set's positions.

    Raises:
        DatasetError: the transform is random or does not show its settings; an image cannot be read; the store cannot
            be written.
        CacheFullError: no room for the store; what fits is kept.
        FeatureError: features that are not finite.
    """
    _check_stages(stages)
    device = torch.device(device)
    encoder.to(device)
    record = record_type(encoder.stage_channels)
    result = {s: np.empty((len(dataset), encoder.stage_channels[s - 1]), np.float32) for s in sorted(set(stages))}

    def take(positions: Sequence[int], rows: NDArray[Any]) -> None:
        for stage, values in result.items():
            values[positions] = rows[f"stage{stage}"]

    def compute(positions: Sequence[int]) -> Iterator[tuple[Sequence[int], NDArray[Any]]]:
        for part, maps in stage_maps(encoder, dataset, positions, batch_size, device, autocast, num_workers, progress):
            rows = np.zeros(len(part), record)
            for stage, values in zip(STAGES, maps, strict=True):
                rows[f"stage{stage}"] = values.float().mean(dim=(2, 3)).cpu().numpy()
            check_finite([rows[f"stage{stage}"] for stage in STAGES], [dataset.rows[position] for position in part])
            take(part, rows)
            yield part, rows

    todo = list(range(len(dataset)))
    if not cache:
        for _ in compute(todo):
            pass
        return result
    signatures = np.array([np.frombuffer(signature(dataset, row), np.uint8) for row in dataset.rows])
    folder = Path(cache_dir) if cache_dir is not None else user_cache_dir() / "features"
    store = FeatureStore(folder / f"{store_key(encoder, dataset, device, autocast)}.bin", record)
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

    As :func:`pooled_features`, but nothing is stored: all four stages of ResNet-50 take 0.25 MB per image. So choose
    the images first (:func:`~monai_mocoi.analysis.choose_by_patient`), and the same ones for every encoder. A map of
    fewer fields stays as it is. ``positions``: of the images in the data set, in the order of the rows wanted; one or
    more, else ValueError. Returns by stage (positions, channels * fields) float32.
    """
    _check_stages(stages)
    if size < 1 or not len(positions):
        raise ValueError(f"pooled maps need one field a side and one image at least, not {size} and {len(positions)}.")
    device = torch.device(device)
    encoder.to(device)
    positions = [int(position) for position in positions]
    result: Features = {}
    done = 0
    how = batch_size, device, autocast, num_workers, progress
    for part, maps in stage_maps(encoder, dataset, positions, *how):
        for stage in sorted(set(stages)):
            values = maps[stage - 1].float()
            fields = (min(size, values.shape[2]), min(size, values.shape[3]))
            rows = nn.functional.adaptive_avg_pool2d(values, fields).flatten(1).cpu().numpy()
            check_finite([rows], [dataset.rows[position] for position in part])
            if stage not in result:
                result[stage] = np.empty((len(positions), rows.shape[1]), np.float32)
            result[stage][done : done + len(part)] = rows
        done += len(part)
    return result


def _check_stages(stages: Sequence[int]) -> None:
    if not stages or any(stage not in STAGES for stage in stages):
        raise ValueError(f"stages is {list(stages)}; choose of 1, 2, 3 and 4.")


def features_of(features: Mapping[int, NDArray[np.float32]], stage: int | str) -> NDArray[np.float32]:
    """Of :func:`pooled_features`, those that a classifier of a stage reads: 1..4, or "all": the four side by side."""
    wanted = stages_of(stage)
    return features[wanted[0]] if len(wanted) == 1 else np.concatenate([features[own] for own in wanted], axis=1)
