from __future__ import annotations

import warnings

import pytest
import torch

from monai_mocoi.distributed import device, place, rank, world_size
from monai_mocoi.distributed.processes import gather_ragged_rows, gather_rows
from tests.support.processes import in_processes


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


COUNTS = [[2, 2], [1, 3], [3, 0], [0, 1], [0, 0]]


def gathered_ragged(process: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    found = []
    for counts in COUNTS:
        start = sum(counts[:process])
        numbers = torch.arange(start, start + counts[process])
        images = numbers.double().reshape(-1, 1, 1, 1).expand(-1, 2, 3, 4).contiguous(memory_format=torch.channels_last)
        found.append((gather_ragged_rows(numbers), gather_ragged_rows(images)))
    return found


@pytest.mark.slow
def test_unequally_many_rows_come_in_the_order_of_the_ranks() -> None:
    for found in in_processes(gathered_ragged, 2):
        for counts, (numbers, images) in zip(COUNTS, found, strict=True):
            expected = torch.arange(sum(counts))
            assert torch.equal(numbers, expected)
            assert torch.equal(images, expected.double().reshape(-1, 1, 1, 1).expand(-1, 2, 3, 4))


def test_one_process_gathers_nothing() -> None:
    rows = torch.rand(3, 2)
    assert gather_rows(rows) is rows
    assert gather_ragged_rows(rows) is rows
    assert (rank(), world_size()) == (0, 1)


def torchrun(monkeypatch: pytest.MonkeyPatch, local_rank: int) -> None:
    numbers = {"RANK": 3, "LOCAL_RANK": local_rank, "WORLD_SIZE": 4, "LOCAL_WORLD_SIZE": 4}
    for name, number in numbers.items():
        monkeypatch.setenv(name, str(number))


def test_the_number_of_processes_is_known_before_they_have_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    torchrun(monkeypatch, 1)
    assert (rank(), world_size()) == (3, 4)
    monkeypatch.delenv("LOCAL_RANK")  # not torchrun's: a variable of that name may come from elsewhere
    assert (rank(), world_size()) == (0, 1)


def test_device_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device() == torch.device("cuda")
    torchrun(monkeypatch, 1)
    assert device() == torch.device("cuda", 1)
    torchrun(monkeypatch, 2)
    with pytest.raises(RuntimeError, match=r"4 processes .* 2 GPU.*--nproc_per_node 2"):
        device()


def test_one_process_shares_no_network() -> None:
    network = place(torch.nn.Conv2d(1, 2, 3), "cpu", channels_last=True)
    assert isinstance(network, torch.nn.Conv2d)
    assert network.weight.is_contiguous(memory_format=torch.channels_last)


def wrapped(process: int) -> tuple[list[str], torch.Tensor, torch.Tensor]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        network = place(torch.nn.BatchNorm1d(2), "cpu")
    rows = torch.arange(4.0).reshape(2, 2) + 10 * process
    network(rows).square().sum().backward()
    network(rows)  # a second pass: the first would have come before any sending around
    assert place(torch.nn.BatchNorm1d(2), "cpu", trained=False).num_features == 2
    return [str(w.message) for w in caught], network.module.weight.grad, network.module.running_mean


@pytest.mark.slow
def test_place_averages_gradients_but_leaves_buffers_to_each_process() -> None:
    (messages, grad, mean), (_, other_grad, other_mean) = in_processes(wrapped, 2)
    assert not [m for m in messages if "buffers" in m]
    assert torch.equal(grad, other_grad)
    assert mean.tolist() == pytest.approx([0.19, 0.38])
    assert other_mean.tolist() == pytest.approx([2.09, 2.28])
