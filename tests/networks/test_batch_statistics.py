from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from monai_mocoi.networks import average_batch_statistics
from monai_mocoi.networks.batch_statistics import batch_parts, one_update
from tests.networks.small import small_moco, views
from tests.support.processes import in_processes


def rows(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 + 1


def part_sizes(batch: int, splits: int) -> list[int]:
    """What BatchNorm sees of a training batch's first views."""
    moco, sizes = small_moco(head="linear", bn_splits=splits), []
    moco.query_encoder.backbone.bn1.register_forward_pre_hook(lambda _, inputs: sizes.append(len(inputs[0])))
    moco(*views(batch, size=64))
    return sizes


@pytest.mark.parametrize(("batch", "splits"), [(1, 1), (1, 2), (2, 2), (3, 2), (4, 2), (5, 2), (5, 3), (8, 3), (8, 9)])
def test_parts_are_as_many_as_the_network_makes(batch: int, splits: int) -> None:
    sizes = part_sizes(batch, splits)
    assert batch_parts(batch, splits) == len(sizes)
    assert batch // batch_parts(batch, splits) == min(sizes)


@pytest.mark.parametrize("momentum", [0.1, 0.01, 1.0])
@pytest.mark.parametrize(("count", "parts"), [(4, 1), (8, 2), (9, 2), (24, 3), (40, 8)])
def test_parts_move_the_statistics_once_towards_their_average(count: int, parts: int, momentum: float) -> None:
    norm = nn.BatchNorm1d(3, momentum=momentum).double()
    norm.running_mean.fill_(7)  # type: ignore[union-attr]
    chunks = rows(count).tensor_split(parts)
    with one_update(parts, norm) as part_done:
        for chunk in chunks:
            norm(chunk)
            part_done()
    for found, old, values in (
        (norm.running_mean, 7, [c.mean(0) for c in chunks]),
        (norm.running_var, 1, [c.var(0) for c in chunks]),
    ):
        expected = (1 - momentum) * old + momentum * torch.stack(values).mean(0)
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)
    assert norm.momentum == momentum
    assert int(norm.num_batches_tracked) == 1  # type: ignore[arg-type]


def test_an_error_leaves_momentum_and_statistics_as_they_were() -> None:
    norm = nn.BatchNorm1d(3, momentum=0.3)

    def fail() -> None:
        with one_update(2, norm) as part_done:
            norm(rows(4).float())
            part_done()
            norm(torch.rand(1, 3))

    with pytest.raises(ValueError, match="Expected more than 1 value"):
        fail()
    assert norm.momentum == 0.3
    assert norm.running_mean.tolist() == [0, 0, 0]  # type: ignore[union-attr]


def test_layers_keep_momenta_of_their_own() -> None:
    first, second = nn.BatchNorm1d(3, momentum=0.5), nn.BatchNorm1d(3, momentum=0.25)
    with one_update(2, first, second) as part_done:
        for chunk in rows(8).float().tensor_split(2):
            first(chunk), second(chunk)
            part_done()
    torch.testing.assert_close(first.running_mean, 2 * second.running_mean)  # type: ignore[operator]
    assert (first.momentum, second.momentum) == (0.5, 0.25)


def test_what_has_no_moving_average_is_left_as_it_is() -> None:
    cumulative, untracked = nn.BatchNorm1d(3, momentum=None), nn.BatchNorm1d(3, track_running_stats=False)
    frozen = nn.BatchNorm1d(3).eval()
    chunks = rows(8).float().tensor_split(2)
    with one_update(2, nn.Sequential(cumulative, untracked), frozen) as part_done:
        for chunk in chunks:
            cumulative(chunk), untracked(chunk), frozen(chunk)
            part_done()
    # A cumulative average gives the parts equal weights of itself.
    torch.testing.assert_close(cumulative.running_mean, torch.stack([c.mean(0) for c in chunks]).mean(0))
    assert int(cumulative.num_batches_tracked) == 2  # type: ignore[arg-type]
    assert int(frozen.num_batches_tracked) == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [8, 7])
def test_moco_moves_them_once_a_view(count: int) -> None:
    """Query branch against parts of the batch; every counter says one batch a view (projectors see two)."""
    moco = small_moco("barlow", bn_splits=2).double()
    twin = copy.deepcopy(moco)
    moco(*(v.double() for v in views(count)), torch.arange(count)).positive.sum().backward()
    expected = []
    for part in views(count)[0].double().tensor_split(2):
        branch = copy.deepcopy(twin.query_encoder)
        branch(part)
        expected.append(branch.state_dict())
    for name, value in moco.query_encoder.state_dict().items():
        if "running" in name:
            torch.testing.assert_close(value, (expected[0][name] + expected[1][name]) / 2, rtol=1e-12, atol=1e-12)
    for name, value in moco.state_dict().items():
        if name.endswith("num_batches_tracked"):
            assert int(value) == (2 if name.startswith("stage_heads") else 1), name
    assert {m.momentum for m in moco.modules() if isinstance(m, nn.BatchNorm2d)} == {0.1}


def _averaged(rank: int) -> dict[str, torch.Tensor]:
    network = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Sequential(nn.BatchNorm1d(3).double()))
    for number, (name, value) in enumerate(network.state_dict().items()):
        value.fill_(10 * number + 3 * rank + 1 if "num_batches" not in name else rank)
    average_batch_statistics(network)
    return network.state_dict()


@pytest.mark.slow
def test_running_statistics_are_averaged_over_processes_and_nothing_else() -> None:
    for rank, state in enumerate(in_processes(_averaged, 2)):
        for number, (name, value) in enumerate(state.items()):
            if "num_batches" in name:
                assert value.tolist() == rank
            else:
                assert set(value.flatten().tolist()) == {10 * number + 1 + (1.5 if "running" in name else 3 * rank)}


def test_one_process_averages_nothing() -> None:
    norm = nn.BatchNorm1d(3)
    norm(rows(8).float())
    before = copy.deepcopy(norm.state_dict())
    average_batch_statistics(norm)
    assert all(torch.equal(before[name], value) for name, value in norm.state_dict().items())
