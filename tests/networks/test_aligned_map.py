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
from monai_mocoi.networks.stage_overlap import stage_overlaps
from monai_mocoi.transforms import RandResizedCrop, RandRotation, TwoViews
from tests.networks.small import geometries, small_moco, views

STRIDES = (4, 8, 16, 32)
SIZES = (16, 16, 4, 4)


class Copied(nn.Module):
    """An encoder whose stages are the pixels on which a ResNet's positions are centred."""

    stage_channels = (2, 2, 2, 2)
    stage_strides = STRIDES

    def forward(self, images: torch.Tensor) -> StageFeatures:
        stages = tuple(images[..., ::stride, ::stride] for stride in STRIDES)
        return StageFeatures(images.mean(dim=(2, 3)), stages)


def copying(pooling: str, **options: Any) -> MoCo:
    encoder: Any = Copied()
    return MoCo(encoder, nn.Linear(2, 12), NegativeQueue(16, 12), stage_poolings(pooling, SIZES), seed=1, **options)


def smooth(places: torch.Tensor) -> torch.Tensor:
    """Pictures without detail at places (N, rows, columns, 2), (N, 2, rows, columns): planes, slightly curved."""
    factors = torch.from_numpy(np.random.default_rng(0).normal(size=(len(places), 2, 4)))
    x, y = places.unbind(-1)
    pictures = torch.einsum("nck,nkij->ncij", factors, torch.stack([x, y, 0.02 * x * y, 0.02 * x * x], dim=1))
    return pictures / factors.abs().sum(dim=2)[..., None, None] * 0.4 + 0.5


def pixels_of(count: int, side: int) -> torch.Tensor:
    """Where the pixels of views lie in them, (count, side, side, 2)."""
    x = (torch.arange(side, dtype=torch.float64) + 0.5) / side * 2 - 1
    return torch.stack(torch.meshgrid(x, x, indexing="xy"), dim=-1).expand(count, side, side, 2)


def led(maps: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    return torch.einsum("nij,nrcj->nrci", maps[..., :2], places) + maps[:, None, None, :, 2]


def views_of(pair: TwoViews, drawn: np.ndarray, side: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Both views, of pictures that go on behind their edges: a position beside a black corner would have seen black."""
    pixels = pixels_of(drawn.shape[1], side)
    found = []
    resampled = pair.of_batch(smooth(pixels).float(), drawn)
    for view, maps in zip(resampled, torch.from_numpy(pair.maps(drawn, (2, side, side))).double(), strict=True):
        frames = [led(picture, pixels).abs().amax(dim=-1) for picture in maps.unbind(1)]
        shown = (torch.stack(frames).amax(dim=0) < 1 - 2 / side)[:, None]
        whole = smooth(led(maps[:, -1], pixels)).float()
        torch.testing.assert_close(torch.where(shown, whole, 0), torch.where(shown, view, 0), rtol=0, atol=1e-3)
        found.append(whole)
    return found[0], found[1]


def chains(side: int) -> dict[str, list[Any]]:
    crop = RandResizedCrop(side, scale=(0.4, 1.0))
    return {
        "crop": [RandResizedCrop(side, scale=(0.3, 1.0))],
        "flips": [RandFlip(0.5, spatial_axis=1), RandFlip(0.5, spatial_axis=0)],
        "quarter turns": [RandRotate90(0.75, max_k=3)],
        "rotation": [RandRotation(60, 1.0)],
        "nih": [RandRotation(30, 0.5), crop],
        "bch": [crop, RandFlip(0.5, spatial_axis=1), RandRotate90(0.75, max_k=3)],
        "dr": [RandRotation(180, 0.5), crop, RandFlip(0.5, spatial_axis=1)],
        "rotation after a crop": [RandResizedCrop(side, scale=(0.5, 1.0)), RandRotation(45, 1.0)],
    }


def stage_losses(output: MoCoOutput) -> list[float]:
    loss: Any = StageMSELoss(normalize=True)
    return [float(loss(*stage)) for stage in output.stages()]


@pytest.mark.parametrize("side", [64, 48, 67, 224])
@pytest.mark.parametrize("chain", chains(64))
def test_a13_a_network_that_copies_its_input_has_no_error_however_the_views_lie(chain: str, side: int) -> None:
    pair = TwoViews(Compose(chains(side)[chain]))
    drawn = np.stack([pair.draw(seed, (2, side, side)) for seed in range(32)], axis=1)
    query, key = views_of(pair, drawn, side)
    first, second = torch.from_numpy(pair.maps(drawn, (2, side, side)))
    for bn_splits in (1, 2):  # with two, the keys are shuffled on the way
        output = copying("aligned", bn_splits=bn_splits)(query, key, geometry=(first, second))
        assert max(stage_losses(output)) < 1e-3
        compared = [float(mask.flatten(1).any(dim=1).double().mean()) for mask in output.stage_masks]
        assert min(compared[:3]) > 0.9
        # Of stage 4 small images have two or three positions a side: of turned views hardly a point lies in both maps.
        assert (side < 224 and "rotation" in chain) or compared[3] > 0.4
        assert output.overlap is not None
        assert 0.2 < float(output.overlap.mean()) <= 1
    spatial = stage_losses(copying("spatial")(query, key, geometry=(first, second)))
    assert min(spatial) > 0.05
    others = first.roll(1, dims=0)
    wrong = stage_losses(copying("aligned")(query, key, geometry=(others, second)))  # the test can fail
    assert min(wrong[:3]) > 0.05


@pytest.mark.parametrize("side", [1, 2, 4])
def test_of_whole_images_it_is_the_spatial_map(side: int) -> None:
    """Where ``PooledMap`` takes the map as it is; of a finer one it takes averages, and ``AlignedMap`` values."""
    stages = torch.rand(2, 5, 3, side, side, dtype=torch.float64)
    whole = torch.eye(2, 3).expand(5, 1, 2, 3)
    pixels = side * 8 - 3
    (overlap,) = stage_overlaps((whole, whole), [(pixels, pixels)] * 2, [8]).stages
    mask = overlap.shown(side, side)
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
    share, (overlap,) = stage_overlaps((alike, alike), [(64, 64)] * 2, [8])
    torch.testing.assert_close(share, torch.ones(6, dtype=torch.float64), rtol=0, atol=1e-6)
    stages = torch.rand(2, 6, 3, 8, 8, dtype=torch.float64)
    own = [AlignedMap(8, 0.1).sample(s, to) for s, to in zip(stages, (overlap.query, overlap.key), strict=True)]
    mask = overlap.shown(8, 8)
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
    overlap = stage_overlaps(maps, [(32, 32)] * 2, STRIDES)
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
            for number, stage in enumerate(encoder(view[part]).stages):
                own = twin.stage_heads[number].sample(stage, places[part, number])
                torch.testing.assert_close(found[number][part], own)
    shapes = [tuple(stage.shape) for stage in output.stages_query]
    assert shapes == [(7, 16, 4, 4), (7, 32, 4, 4), (7, 64, 2, 2), (7, 128, 1, 1)]
    for mask, own, stage in zip(output.stage_masks, output.stages_query, overlap.stages, strict=True):
        expected = stage.shown(own.shape[2], own.shape[3]) & (overlap.share >= 0.1)[:, None, None]
        torch.testing.assert_close(mask, expected)


def test_pairs_with_too_little_overlap_are_left_out() -> None:
    maps = geometries(40)
    share = stage_overlaps(maps, [(32, 32)] * 2, STRIDES).share
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


@pytest.mark.parametrize(("size", "min_overlap", "text"), [(0, 0.1, "size is 0"), (4, 1.1, "1.1"), (4, -0.1, "-0.1")])
def test_values_out_of_range_are_refused(size: int, min_overlap: float, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        AlignedMap(size, min_overlap)


def test_views_that_lie_alike_are_compared_however_large_the_least_overlap_is() -> None:
    pair = TwoViews(Compose([RandResizedCrop(32, scale=(0.1, 0.8)), RandFlip(0.5), RandRotate90(0.75)]))
    drawn = np.stack([pair.draw(seed, (1, 40, 40)) for seed in range(40)], axis=1)
    maps = torch.from_numpy(pair.maps(drawn, (1, 40, 40)))[0]
    moco = small_moco("aligned")
    for head in moco.stage_heads:
        head.min_overlap = 1.0
    output = moco(*views(40), geometry=(maps, maps))
    assert all(mask.all() for mask in output.stage_masks)


def test_aligned_and_other_heads_together_are_refused() -> None:
    encoder: Any = Copied()
    heads = [*stage_poolings("aligned", SIZES[:3]), PooledMap(4)]
    with pytest.raises(ValueError, match="AlignedMap for every stage, or none"):
        MoCo(encoder, nn.Linear(2, 12), NegativeQueue(16, 12), heads)
