"""What every trainer has from its base, on a regression of one number a row."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from monai_mocoi.engines import is_whole
from monai_mocoi.errors import NotFiniteError
from tests.support.processes import in_processes
from tests.support.regression import Regression, batches, linear


def outputs(trainer: Regression) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: rows.append(dict(engine.state.output)))
    trainer.run()
    return rows


def plain_loss(network: nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    errors = network(batch["image"].flatten(1)) - batch["target"]
    return errors.square().mean() + 0.1 * errors.abs().mean()


@pytest.mark.parametrize("accumulation", [1, 2, 3, 7])
@pytest.mark.parametrize("clip", [None, 0.05])
def test_equals_a_plain_loop(accumulation: int, clip: float | None) -> None:
    network, data = linear(), batches(5)
    twin = copy.deepcopy(network)
    trainer = Regression(network, data, accumulation_steps=accumulation, max_grad_norm=clip, max_epochs=2)
    rows = outputs(trainer)

    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        for start in range(0, 5, accumulation):
            step = data[start : start + accumulation]
            optimizer.zero_grad()
            torch.stack([plain_loss(twin, batch) for batch in step]).mean().backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(twin.parameters(), clip)
            optimizer.step()
    torch.testing.assert_close(network.weight, twin.weight)
    torch.testing.assert_close(network.bias, twin.bias)
    assert trainer.firsts == [place % accumulation == 0 for _ in range(2) for place in range(5)]
    assert set(rows[0]) == {"loss/total", "loss/square", "loss/size", "schedule/learning_rate"}
    assert rows[0]["loss/total"] == pytest.approx(rows[0]["loss/square"] + rows[0]["loss/size"])
    assert rows[0]["loss/total"] == pytest.approx(plain_loss(linear(), data[0]).item())


def test_a_step_is_complete_when_its_gradients_are_used() -> None:
    trainer = Regression(linear(), batches(5), accumulation_steps=2, max_epochs=2)
    complete: list[bool] = []
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: complete.append(trainer.step_is_complete()))
    trainer.run()
    assert complete == [False, True, False, True, True] * 2  # the rest of an epoch is a step too


def test_what_is_watched_is_seen_after_the_backward_pass_without_gradients_or_what_is_not_finite() -> None:
    network = linear()

    def watched() -> dict[str, torch.Tensor]:
        assert network.weight.grad is not None
        assert not torch.is_grad_enabled()
        return {"weight/size": network.weight.abs().sum(), "weight/unknown": torch.tensor(float("nan"))}

    (row,) = outputs(Regression(network, batches(1), watched))
    assert row["weight/size"] == pytest.approx(linear().weight.abs().sum().item())
    assert "weight/unknown" not in row


def test_goes_on_in_the_middle_of_a_run_with_its_scaler() -> None:
    trainer = Regression(linear(), batches(3), max_epochs=3)
    scaler, seen = trainer.scaler, []

    @trainer.on(Events.STARTED)
    def _() -> None:
        trainer.state.iteration, trainer.state.epoch = 3, 1

    trainer.add_event_handler(
        Events.ITERATION_COMPLETED, lambda: seen.append((trainer.state.epoch, trainer.state.iteration))
    )
    trainer.run()
    assert seen == [(2, 4), (2, 5), (2, 6), (3, 7), (3, 8), (3, 9)]
    assert trainer.scaler is scaler


def test_a_run_is_whole_at_its_last_epoch_or_when_it_has_converged() -> None:
    whole = Regression(linear(), batches(2), max_epochs=2)
    assert not is_whole(whole)
    whole.run()
    assert is_whole(whole)

    for converged in (False, True):
        ended = Regression(linear(), batches(2), max_epochs=9)

        @ended.on(Events.EPOCH_COMPLETED(once=2))
        def _(ended: Regression = ended, converged: bool = converged) -> None:
            ended.converged = converged
            ended.terminate()

        ended.run()
        assert ended.state.epoch == 2
        assert is_whole(ended) is converged


def test_a_run_that_is_ended_in_its_last_epoch_is_not_whole() -> None:
    trainer = Regression(linear(), batches(2))
    trainer.add_event_handler(Events.ITERATION_COMPLETED(once=1), trainer.terminate)
    trainer.run()
    assert not is_whole(trainer)


def test_a_loss_that_is_not_finite_names_the_list_of_its_images(tmp_path: Path) -> None:
    network, data = linear(), batches(3)
    data[1]["target"][2] = float("inf")
    trainer = Regression(network, data, debug_dir=tmp_path)
    with pytest.raises(NotFiniteError, match=r"iteration 2: .*\[4, 5, 6, 7\] \(rows of training in labelled.json"):
        trainer.run()
    after_the_first = copy.deepcopy(network.state_dict())
    once = Regression(fresh := linear(), batches(1))
    once.run()
    assert all(torch.equal(after_the_first[name], value) for name, value in fresh.state_dict().items())
    assert (tmp_path / "not_finite_iteration_2_process_0.json").exists()


def test_an_error_is_not_hidden_by_a_handler_that_only_looks_at_it() -> None:
    seen: list[BaseException] = []

    class Looks:
        def attach(self, engine: Any) -> None:
            engine.add_event_handler(Events.EXCEPTION_RAISED, lambda engine, error: seen.append(error))

    data = batches(2)
    del data[1]["target"]
    with pytest.raises(KeyError, match="target"):
        Regression(linear(), data, train_handlers=[Looks()]).run()
    assert seen


def _two(rank: int) -> tuple[dict[str, torch.Tensor], list[dict[str, float]]]:
    network = DistributedDataParallel(linear())
    trainer = Regression(network, batches(3, seed=rank), accumulation_steps=2)
    assert trainer.module is network.module
    rows = outputs(trainer)
    return network.module.state_dict(), rows


@pytest.mark.slow
@pytest.mark.numeric
def test_two_processes_are_one_with_both_batches() -> None:
    both = [
        {name: torch.cat([one[name], two[name]]) for name in one}
        for one, two in zip(batches(3, seed=0), batches(3, seed=1), strict=True)
    ]
    network = linear()
    rows = outputs(Regression(network, both, accumulation_steps=2))
    (first, first_rows), (second, second_rows) = in_processes(_two, 2)
    for name, value in network.state_dict().items():
        torch.testing.assert_close(first[name], value)
        assert torch.equal(first[name], second[name])
    assert first_rows == second_rows
    for row, expected in zip(first_rows, rows, strict=True):
        assert row == pytest.approx(expected, rel=1e-5)
