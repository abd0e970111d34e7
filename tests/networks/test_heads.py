from __future__ import annotations

import pytest
import torch
from torch import nn

from monai_mocoi.losses import StageMSELoss
from monai_mocoi.networks import BarlowProjector, PooledMap, PooledVector, ProjectionHead, stage_poolings


@pytest.mark.parametrize(
    ("kind", "layers"),
    [
        ("linear", [nn.Linear]),
        ("mlp", [nn.Linear, nn.ReLU, nn.Linear]),
        ("mlp_bn", [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear, nn.BatchNorm1d]),
    ],
)
def test_projection_heads(kind: str, layers: list[type]) -> None:
    head = ProjectionHead(kind, 10, 6, 4)
    assert [type(layer) for layer in head] == layers
    assert head(torch.rand(3, 10)).shape == (3, 4)
    assert ProjectionHead(kind, 10, None, 4)(torch.rand(3, 10)).shape == (3, 4)


def test_last_batch_norm_has_no_affine_part() -> None:
    assert ProjectionHead("mlp_bn", 10, 6, 4)[-1].affine is False


def test_unknown_head_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'conv'.*linear, mlp, mlp_bn"):
        ProjectionHead("conv")


@pytest.mark.parametrize("side", [3, 8, 32])
def test_pooled_map_averages(side: int) -> None:
    stage = torch.rand(2, 3, side, side)
    pooled = PooledMap(4).pool(stage)
    assert pooled.shape == (2, 3, 4, 4)
    for row in range(4):
        rows = slice(row * side // 4, -(-(row + 1) * side // 4))
        for column in range(4):
            columns = slice(column * side // 4, -(-(column + 1) * side // 4))
            torch.testing.assert_close(pooled[..., row, column], stage[..., rows, columns].mean((2, 3)))


@pytest.mark.parametrize("side", [1, 2, 4])
@pytest.mark.parametrize("normalize", [False, True])
def test_a_map_that_would_be_repeated_stays_as_it_is_and_the_loss_is_the_same(side: int, normalize: bool) -> None:
    views = torch.rand(2, 5, 3, side, side, dtype=torch.float64)
    pooled = [PooledMap(4).pool(view) for view in views]
    for view, as_it_is in zip(views, pooled, strict=True):
        torch.testing.assert_close(as_it_is, view)
    repeated = [torch.nn.functional.adaptive_avg_pool2d(view, 4) for view in views]
    loss = StageMSELoss(normalize)
    torch.testing.assert_close(loss(*pooled), loss(*repeated), rtol=1e-12, atol=0)


def test_vector_and_projector() -> None:
    stage = torch.rand(4, 6, 3, 3)
    torch.testing.assert_close(PooledVector().pool(stage), stage.mean((2, 3)))
    projector = BarlowProjector(6, 16)
    assert projector(projector.pool(stage)).shape == (4, 16)
    assert [name for name, _ in projector.named_parameters()] == [
        "projector.0.weight",
        "projector.1.weight",
        "projector.1.bias",
        "projector.3.weight",
        "projector.4.weight",
        "projector.4.bias",
        "projector.6.weight",
    ]


def test_a14_the_two_kinds_of_mse() -> None:
    """A map knows where, a vector does not: views that are mirrored can only be compared by vectors."""
    stage = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    mirrored = stage.flip(-1)
    loss = StageMSELoss()
    as_map, as_vector = (stage_poolings(pooling, [4])[0] for pooling in ("spatial", "global"))
    assert float(loss(as_map(as_map.pool(stage)), as_map(as_map.pool(mirrored)))) > 1e-3
    assert float(loss(as_vector(as_vector.pool(stage)), as_vector(as_vector.pool(mirrored)))) < 1e-30
    # Of a map with one position they are the same number, whether or not the channels are standardised.
    other = torch.rand(2, 3, 8, 8, dtype=torch.float64)
    one = stage_poolings("spatial", [1])[0]
    for normalize in (False, True):
        loss = StageMSELoss(normalize)
        expected = loss(one.pool(stage), one.pool(other))
        torch.testing.assert_close(loss(as_vector.pool(stage), as_vector.pool(other)), expected)
    with pytest.raises(ValueError, match=r"'maps'.*spatial, global"):
        stage_poolings("maps", [4])
