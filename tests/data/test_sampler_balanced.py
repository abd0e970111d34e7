from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from monai_mocoi.data import BalancedSampler, EpochIndex, EpochSampler
from monai_mocoi.errors import DatasetError


def items(labels: object) -> list[dict[str, object]]:
    return [{"label": label} for label in labels]  # type: ignore[attr-defined]


CLASSES = np.repeat([0, 1, 2], [70, 25, 5]).tolist()


def drawn(sampler: EpochSampler, epoch: int = 0) -> list[int]:
    sampler.set_epoch(epoch)
    return [item.index for item in sampler]


@pytest.mark.parametrize("epoch", range(5))
def test_classes_come_up_alike_and_images_as_often_as_they_should(epoch):
    indices = drawn(BalancedSampler(items(CLASSES), seed=2), epoch)
    assert len(indices) == 100
    by_class = Counter(CLASSES[index] for index in indices)
    assert all(abs(by_class[label] - 100 / 3) < 1.01 for label in range(3))
    by_image = Counter(indices)
    for index, label in enumerate(CLASSES):
        wanted = 100 / 3 / CLASSES.count(label)
        assert int(wanted) <= by_image[index] <= int(wanted) + 1


def test_in_the_long_run_each_image_comes_up_by_its_weight():
    labels = [[1, 0], [1, 0], [1, 0], [1, 1], [0, 0], [0, 0]]
    sampler = BalancedSampler(items(labels), seed=1)
    counts = Counter(index for epoch in range(3000) for index in drawn(sampler, epoch))
    weights = np.array([1 / 4, 1 / 4, 1 / 4, 1, 1 / 2, 1 / 2])
    np.testing.assert_allclose([counts[i] / 18000 for i in range(6)], weights / weights.sum(), atol=0.01)


def test_order_depends_on_seed_and_epoch_only_and_is_mixed():
    orders = {(s, e): tuple(drawn(BalancedSampler(items(CLASSES), s), e)) for s in range(3) for e in range(3)}
    assert len(set(orders.values())) == 9
    sampler = BalancedSampler(items(CLASSES), 1)
    drawn(sampler, 0)
    assert tuple(drawn(sampler, 2)) == orders[1, 2]
    assert next(iter(sampler)) == EpochIndex(2, orders[1, 2][0])
    firsts = Counter(CLASSES[index] for order in orders.values() for index in order[:20])
    assert min(firsts.values()) > 30  # 60 of each class among the 180 that come first


@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize(("world", "batch"), [(2, 4), (3, 2)])
def test_shared_and_resumed_as_a_plain_epoch(world, batch, drop_last):
    def sampler(kind, rank, world, first):
        return kind(first, seed=1, rank=rank, world_size=world, drop_last=drop_last, batch_size=batch)

    shares = [sampler(BalancedSampler, rank, world, items(CLASSES)) for rank in range(world)]
    assert [len(s) for s in shares] == [len(sampler(EpochSampler, rank, world, 100)) for rank in range(world)]
    alone = drawn(BalancedSampler(items(CLASSES), seed=1, rank=0, world_size=1), 3)
    together = [drawn(share, 3) for share in shares]
    for k in range(100 // (world * batch)):
        whole = [index for share in together for index in share[k * batch : (k + 1) * batch]]
        assert whole == alone[k * world * batch : (k + 1) * world * batch]
    shares[1].set_epoch(3, start=5)
    assert [item.index for item in shares[1]] == together[1][5:]


@pytest.mark.parametrize("labels", [[0], [3, 3, 3], [[0, 0], [0, 0]], [[1]]])
def test_a_single_class_gives_every_image_once(labels):
    assert sorted(drawn(BalancedSampler(items(labels)), 1)) == list(range(len(labels)))


def test_without_labels():
    with pytest.raises(DatasetError, match="no label"):
        BalancedSampler([{}, {}])
