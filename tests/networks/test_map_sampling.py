from __future__ import annotations

import pytest
import torch
from torch.nn.functional import affine_grid, grid_sample

from monai_mocoi.networks.map_sampling import sample_map


def maps_to(count: int, reach: float = 0.6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(count)
    return torch.randn(count, 2, 3, generator=generator, dtype=torch.float64) * reach


@pytest.mark.filterwarnings("ignore:.*affine_grid behavior has changed for unit-size grids")
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (3, 5, 1, 4), (2, 3, 7, 7), (4, 2, 16, 9)])
def test_it_is_grid_sample(shape: tuple[int, ...], layout: torch.memory_format) -> None:
    stage = torch.rand(shape, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    to_map = maps_to(shape[0])  # partly beyond the map
    for rows, columns in ((1, 1), (4, 4), (5, 2)):
        found = sample_map(stage, to_map, rows, columns)
        grid = affine_grid(to_map, [shape[0], 1, rows, columns], align_corners=True)
        expected = grid_sample(stage, grid, mode="bilinear", padding_mode="border", align_corners=True)
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-12)
        factor = torch.rand_like(expected)
        gradients = [torch.autograd.grad((result * factor).sum(), stage)[0] for result in (found, expected)]
        torch.testing.assert_close(*gradients, rtol=1e-10, atol=1e-12)
        if layout == torch.channels_last and min(shape[1:]) > 1:
            assert gradients[0].stride() == stage.stride()


def test_the_gradient_equals_finite_differences() -> None:
    stage = torch.rand(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda own: sample_map(own, maps_to(2), 3, 4), (stage,))


@pytest.mark.parametrize("side", [1, 4, 7, 14])
def test_a_grid_over_the_whole_map_reads_its_positions(side: int) -> None:
    stage = torch.rand(2, 3, side, side)
    nowhere = torch.eye(2, 3, dtype=torch.float64).expand(2, 2, 3)
    torch.testing.assert_close(sample_map(stage, nowhere, side, side), stage, rtol=0, atol=1e-6)


def test_half_precision_is_read_in_single_under_autocast_too() -> None:
    stage = torch.rand(2, 3, 8, 8).bfloat16().requires_grad_()
    to_map = maps_to(2)
    with torch.autocast("cpu", torch.bfloat16):
        found = sample_map(stage, to_map, 4, 4)
    assert found.dtype == torch.float32
    exact = sample_map(stage.detach().double(), to_map, 4, 4)
    torch.testing.assert_close(found, exact.float(), rtol=1e-5, atol=1e-6)
    wide = stage.detach().float().requires_grad_()
    for points in (4, 40):  # many values are added up in single precision, and shortened once
        gradients = [torch.autograd.grad(sample_map(s, to_map, points, points).sum(), s)[0] for s in (stage, wide)]
        assert gradients[0].dtype == torch.bfloat16
        assert torch.equal(gradients[0], gradients[1].bfloat16())
