from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from PIL import Image
from torch.utils.data import Dataset

from monai_mocoi.data import (
    BalancedSampler,
    EpochSampler,
    ImageDataset,
    data_loader,
    keep_working,
    loader,
    loader_workers,
)
from monai_mocoi.transforms import ReadImage


@pytest.fixture
def dataset(tmp_path: Path) -> ImageDataset:
    random = np.random.default_rng(0)
    items = []
    for row in range(11):
        path = tmp_path / f"{row}.png"
        Image.fromarray(random.integers(0, 256, (8, 8), dtype=np.uint8)).save(path)
        items.append({"image": str(path), "patient": f"p{row}", "label": int(row > 7)})
    return ImageDataset(items, ReadImage(channels=1), cache=False)


def batches(loader: Any, epoch: int = 1) -> list[tuple[list[int], torch.Tensor]]:
    loader.sampler.set_epoch(epoch)
    return [(batch["index"].tolist(), batch["image"]) for batch in loader]


@pytest.mark.parametrize("balanced", [False, True])
def test_batches_are_those_of_a_sampler_and_a_loader_wired_by_hand(dataset, balanced):
    sampler = (
        BalancedSampler(dataset.data, seed=3, batch_size=4)
        if balanced
        else EpochSampler(len(dataset), seed=3, batch_size=4)
    )
    by_hand = DataLoader(
        dataset, sampler=sampler, batch_size=4, drop_last=True, generator=torch.Generator().manual_seed(3)
    )
    made = loader(dataset, 4, shuffle=True, balanced=balanced, seed=3)
    assert made.drop_last
    for (rows, images), (wanted, wanted_images) in zip(batches(made), batches(by_hand), strict=True):
        assert rows == wanted
        assert torch.equal(images, wanted_images)
    assert torch.equal(made.generator.get_state(), by_hand.generator.get_state())


def test_a_test_is_complete_and_in_order(dataset):
    made = loader(dataset, 4)
    assert [rows for rows, _ in batches(made)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_workers_stay_between_epochs_of_training_alone(dataset):
    training, validation = loader(dataset, 4, shuffle=True, num_workers=1), loader(dataset, 4, num_workers=1)
    assert training.persistent_workers
    assert not validation.persistent_workers
    assert training.worker_init_fn is keep_working
    assert [rows for rows, _ in batches(validation)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10]]


def test_a_sampler_of_the_callers_own_is_taken(dataset):
    sampler = EpochSampler(len(dataset), shuffle=False, drop_last=True, batch_size=4)
    made = loader(dataset, 4, sampler=sampler)
    assert made.sampler is sampler
    assert made.drop_last
    assert len(batches(made)) == 2


class Signals(Dataset):
    """What a worker does on Ctrl-C."""

    transform = None

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return int(signal.getsignal(signal.SIGINT) == signal.SIG_IGN)


def test_ctrl_c_is_for_the_trainer_alone():
    """A terminal sends it to all processes, and each worker would say that it saves."""
    assert [int(batch) for batch in loader(Signals(), 1, num_workers=1)] == [1]


@pytest.mark.parametrize(("cores", "processes", "workers"), [(2, 1, 2), (64, 1, 8), (32, 8, 4), (1, 4, 1)])
def test_on_a_gpu_as_many_read_as_there_are_cores(cores, processes, workers, monkeypatch):
    monkeypatch.setattr(data_loader, "usable_cpus", lambda: cores)
    monkeypatch.setattr(data_loader, "torchrun_local_world_size", lambda: processes)
    assert loader_workers("cuda") == loader_workers(torch.device("cuda:1")) == workers
    assert loader_workers("cpu") == 0
