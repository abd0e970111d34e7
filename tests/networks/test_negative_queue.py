from __future__ import annotations

import logging

import pytest
import torch

from monai_mocoi.networks import NegativeQueue, bounded_queue_size


class NaiveQueue:
    """A list of (key, image) slots, filled one by one."""

    def __init__(self, size: int) -> None:
        self.slots: list[tuple[torch.Tensor, int] | None] = [None] * size
        self.place = 0

    def enqueue(self, keys: torch.Tensor, images: torch.Tensor) -> None:
        for key, image in zip(keys, images.tolist(), strict=True):
            self.slots[self.place] = (key, image)
            self.place = (self.place + 1) % len(self.slots)


@pytest.mark.parametrize("size", [1, 2, 7, 8, 16])
@pytest.mark.parametrize("batch", [1, 7, 8, 9, 20])
def test_a9_queue_takes_any_batch_and_remembers_whose_key_it_holds(size: int, batch: int) -> None:
    queue, naive = NegativeQueue(size, 4), NaiveQueue(size)
    generator = torch.Generator().manual_seed(size * 31 + batch)
    for step in range(5):
        count = batch if step < 4 else max(1, batch // 2)  # the last batch of an epoch is shorter
        keys = torch.rand(count, 4, generator=generator)
        images = torch.randint(0, 6, (count,), generator=generator)
        queue.enqueue(keys, images)
        naive.enqueue(keys, images)
        assert int(queue.pointer) == naive.place
        asking = torch.arange(6)
        valid = queue.valid_for(asking)
        for place, slot in enumerate(naive.slots):
            assert bool(queue.filled[place]) == (slot is not None)
            if slot is None:
                assert not valid[:, place].any()
            else:
                torch.testing.assert_close(queue.keys[place], slot[0])
                assert valid[:, place].tolist() == [slot[1] != image for image in range(6)]


def test_a9_queue_is_at_most_half_the_training_set(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert bounded_queue_size(65_536, 57_146) == 28_573
    assert "65536" in caplog.text
    assert "28573" in caplog.text
    caplog.clear()
    assert bounded_queue_size(100, 1000) == 100
    assert bounded_queue_size(65_536, 100, max_share=None) == 65_536
    assert not caplog.records
    assert bounded_queue_size(5, 1) == 1


def test_own_patient_can_be_masked_too_and_unknown_is_never_own() -> None:
    queue = NegativeQueue(4, 2)
    queue.enqueue(torch.rand(3, 2), torch.tensor([0, 1, 2]), torch.tensor([7, 7, 8]))
    valid = queue.valid_for(torch.tensor([0]), torch.tensor([7]))
    assert valid.tolist() == [[False, False, True, False]]
    assert queue.valid_for().tolist() == [[True, True, True, False]]
    queue.enqueue(torch.rand(1, 2))
    assert queue.valid_for(torch.tensor([-1]))[0, 3]
    assert float(queue.fill_share()) == 1


def test_state_dict_keeps_everything() -> None:
    queue, other = NegativeQueue(5, 3), NegativeQueue(5, 3)
    queue.enqueue(torch.rand(7, 3), torch.arange(7), torch.arange(7))
    other.load_state_dict(queue.state_dict())
    for name in ("keys", "images", "patients", "filled", "pointer"):
        torch.testing.assert_close(getattr(other, name), getattr(queue, name))


def test_bad_arguments_are_named() -> None:
    with pytest.raises(ValueError, match="size=0"):
        NegativeQueue(0)
    with pytest.raises(ValueError, match="queue_size is 0"):
        bounded_queue_size(0, 10)
    with pytest.raises(ValueError, match="queue_max_share is 2"):
        bounded_queue_size(1, 10, 2)
    with pytest.raises(ValueError, match=r"\(2, 4\)"):
        NegativeQueue(3, 5).enqueue(torch.rand(2, 4))
