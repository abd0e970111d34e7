"""Stages compared where both views show the same tissue (fault A13)."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from monai.transforms import Compose, RandFlip, RandRotate90
from torch import nn

from monai_mocoi.errors import UsageError
from monai_mocoi.losses import StageMSELoss
from monai_mocoi.networks import AlignedMap, MoCo, MoCoOutput, NegativeQueue, PooledMap, stage_poolings
from monai_mocoi.networks.stage_encoder import StageFeatures
from monai_mocoi.networks.view_overlap import view_overlap
from monai_mocoi.transforms import RandResizedCrop, RandRotation, TwoViews
from tests.networks.small import geometries, small_moco, views

SIDES = (32, 32, 16, 16)
SIZES = (16, 16, 4, 4)


class Copied(nn.Module):
    """An encoder whose stages are the picture itself, averaged to fewer and fewer positions."""

    stage_channels = (2, 2, 2, 2)

    def forward(self, images: torch.Tensor) -> StageFeatures:
        stages = tuple(nn.functional.adaptive_avg_pool2d(images, side) for side in SIDES)
        return StageFeatures(images.mean(dim=(2, 3)), stages)


def copying(pooling: str, **options: Any) -> MoCo:
    encoder: Any = Copied()
    return MoCo(encoder, nn.Linear(2, 12), NegativeQueue(16, 12), stage_poolings(pooling, SIZES), seed=1, **options)


def smooth(count: int, side: int) -> torch.Tensor:
    """Pictures without detail, (count, 2, side, side): planes and a little curvature."""
    generator = np.random.default_rng(0)
    x = (np.arange(side) + 0.5) / side * 2 - 1
    forms = np.stack(np.broadcast_arrays(x, x[:, None], 0.2 * x * x[:, None], 0.2 * x * x))
    pictures = np.einsum("nck,kij->ncij", generator.normal(size=(count, 2, 4)), forms)
    low, high = pictures.min(axis=(2, 3), keepdims=True), pictures.max(axis=(2, 3), keepdims=True)
    return torch.from_numpy(((pictures - low) / (high - low) * 0.8 + 0.1).astype(np.float32))


def turned(degrees: float, prob: float) -> RandRotation:
    """Without black corners: a position beside one would be an average of picture and black."""
    return RandRotation(degrees, prob, padding_mode="border")


CHAINS: dict[str, list[Any]] = {
    "crop": [RandResizedCrop(64, scale=(0.3, 1.0))],
    "flips": [RandFlip(0.5, spatial_axis=1), RandFlip(0.5, spatial_axis=0)],
    "quarter turns": [RandRotate90(0.75, max_k=3)],
    "rotation": [turned(60, 1.0)],
    "nih": [turned(30, 0.5), RandResizedCrop(64, scale=(0.4, 1.0))],
    "bch": [RandResizedCrop(64, scale=(0.4, 1.0)), RandFlip(0.5, spatial_axis=1), RandRotate90(0.75, max_k=3)],
    "dr": [turned(180, 0.5), RandResizedCrop(64, scale=(0.4, 1.0)), RandFlip(0.5, spatial_axis=1)],
    "rotation after a crop": [RandResizedCrop(64, scale=(0.5, 1.0)), turned(45, 1.0)],
}


def stage_losses(output: MoCoOutput) -> list[float]:
    loss: Any = StageMSELoss(normalize=True)
    return [float(loss(*stage)) for stage in output.stages()]


@pytest.mark.parametrize("chain", CHAINS)
def test_a13_a_network_that_copies_its_input_has_no_error_however_the_views_lie(chain: str) -> None:
    images, pair = smooth(32, 64), TwoViews(Compose(CHAINS[chain]))
    drawn = np.stack([pair.draw(seed, (2, 64, 64)) for seed in range(32)], axis=1)
    query, key = pair.of_batch(images, drawn)
    first, second = torch.from_numpy(pair.maps(drawn, (2, 64, 64)))
    for bn_splits in (1, 2):  # with two, the keys are shuffled on the way
        output = copying("aligned", bn_splits=bn_splits)(query, key, geometry=(first, second))
        assert max(stage_losses(output)) < 1e-3
        assert output.overlap is not None
        assert 0.2 < float(output.overlap.mean()) <= 1
    spatial = stage_losses(copying("spatial")(query, key, geometry=(first, second)))
    assert min(spatial) > 0.05
    others = first.roll(1, dims=0)
    wrong = stage_losses(copying("aligned")(query, key, geometry=(others, second)))  # the test can fail
    assert min(wrong) > 0.05


@pytest.mark.parametrize("side", [1, 2, 4])
def test_of_whole_images_it_is_the_spatial_map(side: int) -> None:
    """Where ``PooledMap`` takes the map as it is; of a finer one it takes averages, and ``AlignedMap`` values."""
    stages = torch.rand(2, 5, 3, side, side, dtype=torch.float64)
    whole = torch.eye(2, 3).expand(5, 1, 2, 3)
    overlap = view_overlap(whole, whole)
    mask = overlap.shown(side, side, 0.1)
    assert mask.all()
    own = [AlignedMap(4, 0.1).sample(s, to) for s, to in zip(stages, (overlap.query, overlap.key), strict=True)]
    for aligned, stage in zip(own, stages, strict=True):
        torch.testing.assert_close(aligned, PooledMap(4).pool(stage), rtol=1e-12, atol=1e-12)
    for normalize in (False, True):
        loss = StageMSELoss(normalize)
        torch.testing.assert_close(loss(*own, mask), loss(*stages), rtol=1e-10, atol=0)


def test_of_two_views_that_lie_alike_it_is_the_loss_of_the_spatial_maps() -> None:
    """Cropped, mirrored or turned by quarters, the points are the positions, if in another order."""
    pair = TwoViews(Compose([RandResizedCrop(64, scale=(0.3, 0.6)), RandFlip(0.5), RandRotate90(0.75)]))
    alike = torch.from_numpy(pair.maps(np.stack([pair.draw(s, (1, 80, 80)) for s in range(6)], axis=1), (1, 80, 80)))[0]
    overlap = view_overlap(alike, alike)
    torch.testing.assert_close(overlap.share, torch.ones(6, dtype=torch.float64), rtol=0, atol=1e-6)
    stages = torch.rand(2, 6, 3, 8, 8, dtype=torch.float64)
    own = [AlignedMap(8, 0.1).sample(s, to) for s, to in zip(stages, (overlap.query, overlap.key), strict=True)]
    mask = overlap.shown(8, 8, 0.1)
    assert mask.all()
    loss = StageMSELoss(normalize=True)
    torch.testing.assert_close(loss(*own, mask), loss(*stages), rtol=1e-5, atol=0)


@pytest.mark.parametrize("bn_splits", [1, 2])
def test_moco_reads_each_image_where_its_own_views_lie(bn_splits: int) -> None:
    moco = small_moco("aligned", bn_splits=bn_splits).double()
    query_view, key_view = (v.double() for v in views(7))
    maps = geometries(7)
    twin = copy.deepcopy(moco)
    output = moco(query_view, key_view, torch.arange(7), geometry=maps)
    overlap = view_overlap(*maps)
    assert output.overlap is not None
    torch.testing.assert_close(output.overlap, overlap.share)
    orders = (torch.arange(7), torch.arange(7))
    if bn_splits == 2:
        orders = (torch.arange(7), torch.randperm(7, generator=torch.Generator().manual_seed(1 * 1_000_003)))
    encoders: list[Any] = [(twin.query_encoder, query_view, overlap.query), (twin.key_encoder, key_view, overlap.key)]
    for (encoder, view, places), order, found in zip(
        encoders, orders, (output.stages_query, output.stages_key), strict=True
    ):
        for part in order.tensor_split(bn_splits):
            for stage, head, own in zip(encoder(view[part]).stages, twin.stage_heads, found, strict=True):
                torch.testing.assert_close(own[part], head.sample(stage, places[part]))
    shapes = [tuple(stage.shape) for stage in output.stages_query]
    assert shapes == [(7, 16, 4, 4), (7, 32, 4, 4), (7, 64, 2, 2), (7, 128, 1, 1)]
    for mask, own in zip(output.stage_masks, output.stages_query, strict=True):
        torch.testing.assert_close(mask, overlap.shown(own.shape[2], own.shape[3], 0.1))


def test_pairs_with_too_little_overlap_are_left_out() -> None:
    maps = geometries(40)
    share = view_overlap(*maps).share
    assert 0 < int((share < 0.3).sum()) < 40
    moco = small_moco("aligned")
    for head in moco.stage_heads:
        head.min_overlap = 0.3
    output = moco(*views(40), geometry=maps)
    for mask in output.stage_masks:
        assert not mask[share < 0.3].any()
    assert output.stage_masks[0].flatten(1).any(dim=1).tolist() == (share >= 0.3).tolist()


def test_geometry_without_aligned_heads_changes_nothing() -> None:
    one, other = small_moco("map"), small_moco("map")
    with_it, without = one(*views(4), geometry=geometries(4)), other(*views(4))
    assert with_it.stage_masks == without.stage_masks == ()
    assert with_it.overlap is None
    assert all(torch.equal(*pair) for pair in zip(with_it.stages_query, without.stages_query, strict=True))


def test_a13_without_the_views_geometry_it_is_refused() -> None:
    with pytest.raises(UsageError, match=r"stage_pooling aligned .*views#geometry.* to true"):
        small_moco("aligned")(*views(4))
    assert small_moco("aligned").eval().embed(views(4)[0]).shape == (4, 12)  # validation compares no stages
