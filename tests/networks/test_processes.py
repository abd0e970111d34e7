from __future__ import annotations

import pytest
import torch

from monai_mocoi.networks import from_torchrun
from monai_mocoi.networks.processes import gather_rows, rank, world_size
from tests.processes import in_processes


def gathered(process: int) -> tuple[int, int, torch.Tensor, torch.Tensor]:
    rows = torch.arange(4.0).reshape(2, 2) + 10 * process
    images = torch.full((1, 2, 2, 2), float(process)).contiguous(memory_format=torch.channels_last)
    return rank(), world_size(), gather_rows(rows), gather_rows(images)


def test_rows_come_in_the_order_of_the_ranks() -> None:
    expected = torch.tensor([[0.0, 1], [2, 3], [10, 11], [12, 13]])
    for process, (own, world, rows, images) in enumerate(in_processes(gathered, 2)):
        assert (own, world) == (process, 2)
        assert torch.equal(rows, expected)
        assert images[:, 0, 0, 0].tolist() == [0, 1]


def test_one_process_gathers_nothing() -> None:
    rows = torch.rand(3, 2)
    assert gather_rows(rows) is rows
    assert (rank(), world_size()) == (0, 1)


def test_torchrun_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "3")
    assert from_torchrun("RANK") == 3
    monkeypatch.delenv("RANK")
    with pytest.raises(RuntimeError, match="torchrun --nproc_per_node"):
        from_torchrun("RANK")
