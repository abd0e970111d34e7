from __future__ import annotations

from typing import Any

import pytest
import torch
from ignite.engine import Events
from torch import nn

from monai_mocoi.handlers import AverageBatchStatistics
from tests.handlers.engine import counting
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
