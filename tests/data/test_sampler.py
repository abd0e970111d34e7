from __future__ import annotations

import pytest
from torch.utils.data import DataLoader, Dataset

from monai_mocoi.data import EpochIndex, EpochSampler
from monai_mocoi.errors import DatasetError


def _indices(sampler: EpochSampler) -> list[int]:
    return [item.index for item in sampler]


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9])
def test_an_epoch_has_every_image_once(n):
    sampler = EpochSampler(n, seed=3)
    sampler.set_epoch(5)
    items = list(sampler)
    assert sorted(items) == [EpochIndex(5, i) for i in range(n)]
    assert len(sampler) == n


def test_order_depends_on_seed_and_epoch_only():
    def order(seed, epoch):
        sampler = EpochSampler(50, seed)
        sampler.set_epoch(epoch)
        return tuple(_indices(sampler))

    assert order(1, 2) == order(1, 2)
    assert len({order(seed, epoch) for seed in range(3) for epoch in range(3)}) == 9
    sampler = EpochSampler(50, 1)
    sampler.set_epoch(0)
    list(sampler)
    sampler.set_epoch(2)
    assert tuple(_indices(sampler)) == order(1, 2)


def test_without_shuffle_the_epoch_stays_0():
    sampler = EpochSampler(4, shuffle=False)
    sampler.set_epoch(7)
    assert list(sampler) == [EpochIndex(0, i) for i in range(4)]


@pytest.mark.parametrize("world", [1, 2, 3, 7])
@pytest.mark.parametrize("n", [7, 20, 21])
def test_shares_in_training_are_equal_and_disjoint(n, world):
    samplers = [EpochSampler(n, seed=1, rank=rank, world_size=world) for rank in range(world)]
    shares = [_indices(sampler) for sampler in samplers]
    assert {len(share) for share in shares} == {len(sampler) for sampler in samplers} == {n // world}
    together = [index for share in shares for index in share]
    assert len(set(together)) == len(together)
    # Read across the processes, they are the order of one process: global batches do not depend on the world's size.
    alone = _indices(EpochSampler(n, seed=1, rank=0, world_size=1))
    assert [index for column in zip(*shares, strict=True) for index in column] == alone[: n // world * world]


@pytest.mark.parametrize("world", [1, 2, 3, 8])
def test_shares_in_a_test_are_complete(world):
    samplers = [EpochSampler(7, shuffle=False, rank=rank, world_size=world) for rank in range(world)]
    shares = [_indices(sampler) for sampler in samplers]
    assert [len(share) for share in shares] == [len(sampler) for sampler in samplers]
    assert sorted(index for share in shares for index in share) == list(range(7))


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize(("world", "batch"), [(1, 5), (2, 1), (2, 4), (3, 2)])
@pytest.mark.parametrize("n", [12, 13, 23, 24, 25])
def test_kth_batches_of_all_processes_are_the_kth_batch_of_one(n, world, batch, drop_last):
    samplers = [
        EpochSampler(n, seed=1, rank=rank, world_size=world, drop_last=drop_last, batch_size=batch)
        for rank in range(world)
    ]
    shares = [_indices(sampler) for sampler in samplers]
    assert [len(share) for share in shares] == [len(sampler) for sampler in samplers]
    alone = _indices(EpochSampler(n, seed=1, rank=0, world_size=1))
    for k, first in enumerate(range(0, n, world * batch)):
        together = [index for share in shares for index in share[k * batch : (k + 1) * batch]]
        whole = alone[first : first + world * batch]
        assert together == (whole if len(whole) == world * batch or not drop_last else [])
    counts = {len(share) for share in shares}
    assert max(counts) - min(counts) <= (0 if drop_last else 1)


def test_a_process_without_samples():
    samplers = [EpochSampler(2, shuffle=False, rank=rank, world_size=4, batch_size=8) for rank in range(4)]
    assert [_indices(sampler) for sampler in samplers] == [[0], [1], [], []]
    assert [len(sampler) for sampler in samplers] == [1, 1, 0, 0]


@pytest.mark.parametrize("batch", [1, 2])
def test_going_on_in_batches(batch):
    sampler = EpochSampler(13, seed=2, rank=1, world_size=2, batch_size=batch, drop_last=False)
    sampler.set_epoch(3)
    whole = list(sampler)
    sampler.set_epoch(3, 2 * batch)
    assert list(sampler) == whole[2 * batch :]


@pytest.mark.parametrize("start", [0, 1, 4, 5])
def test_going_on_in_the_middle_of_an_epoch(start):
    sampler = EpochSampler(10, seed=2, rank=1, world_size=2)
    sampler.set_epoch(3)
    whole = list(sampler)
    sampler.set_epoch(3, start)
    assert list(sampler) == whole[start:]
    assert len(sampler) == 5
    assert list(sampler) == whole  # the start is for one iteration


class Echo(Dataset):
    def __len__(self):
        return 10

    def __getitem__(self, item):
        return tuple(item)


@pytest.mark.parametrize("batch_size", [None, 2])
@pytest.mark.parametrize("workers", [0, 1])
def test_start_survives_a_loader(batch_size, workers):
    # Loaders ask for the sampler's iterator more than once; the start must go to the one that is used.
    sampler = EpochSampler(10, seed=2)
    sampler.set_epoch(1)
    whole = [tuple(item) for item in sampler]
    sampler.set_epoch(1, start=6)
    loader = DataLoader(
        Echo(),
        sampler=sampler,
        batch_size=batch_size,
        num_workers=workers,
        collate_fn=lambda x: x if batch_size else [x],
    )
    assert [item for batch in loader for item in batch] == whole[6:]


def test_errors():
    for arguments in ({"dataset_size": 0}, {"dataset_size": 3, "seed": -1}):
        with pytest.raises(DatasetError, match="at least 1 and 0 are needed"):
            EpochSampler(**arguments)
    with pytest.raises(DatasetError, match="rank 2 is outside 0 to 1"):
        EpochSampler(5, rank=2, world_size=2)
    with pytest.raises(DatasetError, match="2 image"):
        EpochSampler(2, rank=0, world_size=3)
    with pytest.raises(DatasetError, match=r"7 image.* batch of 4 in each of 2"):
        EpochSampler(7, rank=0, world_size=2, batch_size=4)
    with pytest.raises(DatasetError, match="batch_size is 0"):
        EpochSampler(7, batch_size=0)
    for epoch, start in ((-1, 0), (0, -1), (0, 6)):
        with pytest.raises(DatasetError, match="start within 0 to 5"):
            EpochSampler(5).set_epoch(epoch, start)
