"""Where the positions of a stage's map lie in a view, and what two maps have in common."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from monai_mocoi.networks import StageEncoder, resnet
from monai_mocoi.networks.map_sampling import sample_map
from monai_mocoi.networks.stage_overlap import stage_overlaps
from monai_mocoi.runs.description import described
from tests.networks.small import small_resnet

STRIDES = (4, 8, 16, 32)
WHOLE, MIRRORED = (torch.tensor([[[[x, 0.0, 0.0], [0.0, 1.0, 0.0]]]]) for x in (1.0, -1.0))


def additive(encoder: StageEncoder) -> StageEncoder:
    """The encoder with positive weights, and with averages for its maxima: every pixel that a position sees counts."""
    pool: Any = encoder.backbone.maxpool
    encoder.backbone.maxpool = nn.AvgPool2d(pool.kernel_size, pool.stride, pool.padding)  # type: ignore[assignment]
    for parameter in encoder.parameters():
        parameter.data.abs_()
    return encoder.double().eval()


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_position_i_of_a_real_network_is_centred_on_pixel_stride_times_i(block: str) -> None:
    encoder = additive(StageEncoder(small_resnet(block)))
    assert encoder.stage_strides == STRIDES
    for size in (320, 289):
        for number, stride in enumerate(STRIDES):
            image = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
            stage = encoder(image).stages[number]
            assert stage.shape[2:] == ((size - 1) // stride + 1,) * 2
            row, column = 128 // stride, 160 // stride  # what they see does not reach the borders
            (gradient,) = torch.autograd.grad(stage[0, :, row, column].sum(), image)
            for axis, centre in ((1, 128), (0, 160)):
                (seen,) = np.nonzero(gradient[0, 0].sum(dim=axis).numpy())
                assert 0 < seen[0] < seen[-1] < size - 1
                assert (seen[0] + seen[-1]) / 2 == centre


def test_the_strides_are_those_of_the_network() -> None:
    assert StageEncoder(resnet("resnet18")).stage_strides == STRIDES
    # By what describes it a run is compared with an earlier one, which had no strides.
    assert "strides" not in described(StageEncoder(resnet("resnet18")))[""]
    other = small_resnet()
    other.conv1.stride = (1, 1)
    assert StageEncoder(other).stage_strides == (2, 4, 8, 16)
    other.no_max_pool = True
    assert StageEncoder(other).stage_strides == (1, 2, 4, 8)


@pytest.mark.parametrize("size", [(64, 64), (48, 48), (67, 35), (224, 224), (32, 65)])
def test_the_points_lie_on_the_same_pixels_of_a_mirrored_view(size: tuple[int, int]) -> None:
    """A map that tells the pixels of its positions: what is read is the pixel, in either view."""
    columns = size[1]
    found = stage_overlaps((WHOLE, MIRRORED), [size, size], STRIDES)
    assert float(found.share) == pytest.approx(1)
    for stride, overlap in zip(STRIDES, found.stages, strict=True):
        down, along = (torch.arange(0, pixels, stride, dtype=torch.float64) for pixels in size)
        if len(down) == 1 or len(along) == 1:
            continue
        pixels = torch.stack(torch.meshgrid(down, along, indexing="ij"))[None]
        own, other = (sample_map(pixels, to_map, 4, 5) for to_map in (overlap.query, overlap.key))
        assert overlap.shown(4, 5).all()
        torch.testing.assert_close(own[:, 0], other[:, 0])
        torch.testing.assert_close(own[:, 1], columns - 1 - other[:, 1])
        low, high = columns - 1 - along[-1], along[-1]  # what both maps span
        expected = torch.linspace(float(low), float(high), 5, dtype=torch.float64)
        torch.testing.assert_close(own[0, 1], expected.expand(4, 5), rtol=0, atol=1e-4)
        torch.testing.assert_close(own[0, 0, :, 0], torch.linspace(0, float(down[-1]), 4, dtype=torch.float64))


def test_a_point_beyond_the_outermost_positions_does_not_count() -> None:
    """Of 64 pixels the maps of stage 4 span the first 33: of the left half and of the whole, mirrored, nothing both."""
    left = torch.tensor([[[[0.5, 0.0, -0.5], [0.0, 1.0, 0.0]]]])
    found = stage_overlaps((left, MIRRORED), [(64, 64)] * 2, STRIDES)
    assert float(found.share) == pytest.approx(0.5)
    assert [bool(stage.shown(2, 2).any()) for stage in found.stages] == [True, True, True, False]


def test_a_single_position_stands_for_the_whole_view() -> None:
    left = torch.tensor([[[[0.5, 0.0, -0.5], [0.0, 1.0, 0.0]]]])
    stage = stage_overlaps((left, MIRRORED), [(32, 32)] * 2, STRIDES).stages[3]
    assert stage.shown(1, 1).all()
    assert float(stage.share) == pytest.approx(0.5)
