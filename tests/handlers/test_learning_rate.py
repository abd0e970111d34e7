from __future__ import annotations

import math

import pytest
import torch
from ignite.engine import Events

from monai_mocoi.handlers import WarmupCosine, warmup_cosine
from tests.handlers.engine import counting


@pytest.mark.parametrize("warmup", [0, 1, 4])
@pytest.mark.parametrize("total", [5, 8, 9])
def test_equals_torch_own_schedulers(warmup: int, total: int) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, total - warmup)
    schedule: torch.optim.lr_scheduler.LRScheduler = cosine
    if warmup:
        linear = torch.optim.lr_scheduler.LinearLR(optimizer, 1 / (warmup + 1), 1.0, warmup)
        schedule = torch.optim.lr_scheduler.SequentialLR(optimizer, [linear, cosine], [warmup])
    for step in range(total):
        assert 2 * warmup_cosine(step, total, warmup) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-6)
        optimizer.step()
        schedule.step()


def test_closed_forms() -> None:
    assert warmup_cosine(0, 100, 0) == 1
    assert warmup_cosine(50, 100, 0) == pytest.approx(0.5)
    assert warmup_cosine(100, 100, 0) == pytest.approx(0)
    assert warmup_cosine(200, 100, 0) == pytest.approx(0)
    assert warmup_cosine(99, 100, 10, cosine=False) == 1


def rates(max_epochs: int, resumed_after: int = 0) -> list[float]:
    parameter = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.SGD([{"params": [parameter], "lr": 0.5}], lr=0.5)
    engine = counting(max_epochs=max_epochs, handlers=[WarmupCosine(optimizer, warmup_steps=2, warmup_max_share=0.5)])
    seen: list[float] = []
    engine.add_event_handler(Events.ITERATION_STARTED, lambda: seen.append(optimizer.param_groups[0]["lr"]))
    engine.state.epoch, engine.state.iteration = resumed_after, resumed_after * 3
    engine.run()
    return seen


def test_extending_a_run_follows_the_longer_cosine() -> None:
    assert rates(4, resumed_after=2) == rates(4)[6:]
    assert rates(4)[:6] != rates(2)  # and the longer run falls later


@pytest.mark.parametrize(("warmup", "told"), [(100, 1), (3, 1), (2, 0), (0, 0)])
def test_a_warm_up_that_is_cut_short_is_told_once(warmup: int, told: int, caplog: pytest.LogCaptureFixture) -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    with caplog.at_level("INFO", "monai_mocoi"):
        counting(max_epochs=4, iterations=5, handlers=[WarmupCosine(optimizer, warmup)]).run()
    text = f"warmup_steps is {warmup}, but the warm-up takes 2: at most 0.1 of the run's 20 steps. Only a longer run"
    assert caplog.text.count(text) == caplog.text.count("warmup_steps") == told


def test_a_short_run_warms_up_for_its_share_only() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    engine = counting(max_epochs=4, iterations=5, handlers=[WarmupCosine(optimizer, warmup_steps=100)])
    seen: list[float] = []
    engine.add_event_handler(Events.ITERATION_STARTED, lambda: seen.append(optimizer.param_groups[0]["lr"]))
    engine.run()
    assert seen == pytest.approx([warmup_cosine(step, 20, 2) for step in range(20)])


def test_accumulated_batches_count_as_one_step() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = WarmupCosine(optimizer, warmup_steps=2, warmup_max_share=1.0, accumulation_steps=2)
    engine = counting(max_epochs=2, iterations=5, handlers=[schedule])
    seen: list[float] = []
    engine.add_event_handler(Events.ITERATION_STARTED, lambda: seen.append(optimizer.param_groups[0]["lr"]))
    engine.run()
    steps = [0, 0, 1, 1, 2, 3, 3, 4, 4, 5]  # what remains at an epoch's end is a step too
    assert seen == pytest.approx([warmup_cosine(step, 6, 2) for step in steps])


def test_bad_arguments_are_named() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    with pytest.raises(ValueError, match="warmup_steps is -1"):
        WarmupCosine(optimizer, -1)
    with pytest.raises(ValueError, match="warmup_max_share is 2"):
        WarmupCosine(optimizer, 1, 2)
    assert math.isclose(optimizer.param_groups[0]["lr"], 1.0)
