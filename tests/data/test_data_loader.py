from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from monai.data import DataLoader
from PIL import Image

from monai_mocoi.data import BalancedSampler, EpochSampler, ImageDataset, keep_working, loader
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
