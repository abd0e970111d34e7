from __future__ import annotations

from typing import Any

import pytest
import torch
from ignite.engine import Events
from torch import nn

from monai_mocoi.handlers import AverageBatchStatistics, TimedValidation
from tests.handlers.engine import counting
from tests.networks.small import small_moco
from tests.support.moco_training import batches, trainer_of
from tests.support.processes import in_processes


def train(rank: int) -> tuple[list[list[float]], torch.Tensor]:
    norm = nn.BatchNorm1d(1).double()
    data = torch.arange(24.0, dtype=torch.float64).reshape(3, 2, 4, 1)
    seen: list[list[float]] = []

    class Note:
        def attach(self, engine: Any) -> None:
            engine.add_event_handler(
                Events.ITERATION_COMPLETED, lambda: seen.append([norm.running_mean.item(), norm.running_var.item()])
            )

    def step(engine: Any, batch: int) -> dict[str, float]:
        norm(data[batch, rank])
        return {}

    counting(max_epochs=2, step=step, handlers=[AverageBatchStatistics(norm), Note()]).run()
    return seen, data


@pytest.mark.slow
def test_processes_hold_the_same_average_after_every_iteration() -> None:
    (first, data), (second, _) = in_processes(train, 2)
    assert first == second
    mean, var = 0.0, 1.0
    for number, found in enumerate(first):
        parts = data[number % 3]
        mean = 0.9 * mean + 0.1 * parts.mean(dim=(1, 2)).mean().item()
        var = 0.9 * var + 0.1 * parts.var(dim=(1, 2)).mean().item()
        torch.testing.assert_close(torch.tensor(found), torch.tensor([mean, var]))


class Measured:
    """An evaluator that only notes when it runs, and in which precision."""

    def __init__(self, precision: str = "auto") -> None:
        self.precision, self.autocast = precision, torch.float64
        self.seen: list[tuple[int, Any]] = []

    def run(self, epoch: int) -> None:
        self.seen.append((epoch, self.autocast))


@pytest.mark.parametrize(("interval", "validated"), [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (60, [5])])
def test_the_last_epoch_is_validated_too(interval: int, validated: list[int]) -> None:
    """Without, a run of an interval above max_epochs had no epoch to choose."""
    validator = Measured()
    trainer = trainer_of(small_moco(), batches(1), max_epochs=5, train_handlers=[TimedValidation(validator, interval)])
    trainer.run()
    assert [epoch for epoch, _ in validator.seen] == validated


@pytest.mark.parametrize(("precision", "used"), [("auto", torch.bfloat16), ("float32", torch.float64)])
def test_where_it_is_measured_the_precision_is_the_trainers(precision: str, used: torch.dtype) -> None:
    """Also after a run was continued, which keeps the precision of its begin, on another machine."""
    validator = Measured(precision)
    trainer = trainer_of(small_moco(), batches(1), precision="auto", train_handlers=[TimedValidation(validator)])
    trainer.keep_precision("bf16")
    trainer.run()
    assert validator.seen == [(1, used)]
