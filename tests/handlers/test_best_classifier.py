from __future__ import annotations

import logging
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from ignite.engine import Events
from sklearn.metrics import accuracy_score, roc_auc_score

from monai_mocoi.data import ImageDataset
from monai_mocoi.engines import is_whole
from monai_mocoi.errors import RunFolderError
from monai_mocoi.handlers import BestClassifier, Checkpoints, checkpoints
from monai_mocoi.runs import description
from tests.engines.classifiers import Table, dataset_of, evaluator_of, planned_trainer
from tests.handlers.engine import counting

LABELS = np.array([[0], [0], [0], [0], [1], [1]])
PLAN = [
    # Ranks best, but calls everything negative, and is far from sure.
    [[-2.0], [-1.9], [-1.8], [-1.7], [-1.6], [-1.5]],
    # Calls five of six right, and has the lowest loss; one positive is ranked below a negative.
    [[-0.4], [-3.0], [-3.0], [-3.0], [-0.5], [3.0]],
    # Neither.
    [[-2.0], [-2.0], [-2.0], [-1.0], [-1.2], [-1.0]],
]


def dataset() -> ImageDataset:
    return dataset_of(LABELS)


def judged(values: list[dict[str, float]], **options: Any) -> tuple[BestClassifier, Any, list[float]]:
    """A run of as many epochs with these metrics, and the number the network held after each; 0 at the beginning."""
    network = torch.nn.Linear(1, 1, bias=False)
    validator: Any = SimpleNamespace(name="validation", state=SimpleNamespace(epoch=0, metrics={}))

    def step(engine: Any, batch: Any) -> dict[str, float]:
        with torch.no_grad():
            network.weight.fill_(engine.state.epoch)
        metrics = {f"validation/{name}": value for name, value in values[engine.state.epoch - 1].items()}
        if metrics:
            validator.state = SimpleNamespace(epoch=engine.state.epoch, metrics=metrics)
        return {}

    best = BestClassifier(network, validator, **options)
    engine = counting(max_epochs=len(values), iterations=1, step=step, handlers=[best])
    engine.run()
    best.restore()
    return best, engine, network.weight.item()


def aucs(*values: float) -> list[dict[str, float]]:
    return [{"macro_auc": value, "loss": 1.0} for value in values]


def test_the_plan_has_another_best_epoch_by_each_number() -> None:
    said = np.array(PLAN)[:, :, 0]
    truth = LABELS[:, 0]
    assert int(np.argmax([roc_auc_score(truth, s) for s in said])) == 0
    assert int(np.argmax([accuracy_score(truth, s > 0) for s in said])) == 1
    losses = [np.log1p(np.exp(-np.where(truth == 1, s, -s))).mean() for s in said]
    assert int(np.argmin(losses)) == 1


@pytest.mark.parametrize(("selection", "epoch"), [("metric", 1), ("loss", 2), ("last", 3)])
def test_a22_selection_is_by_the_reported_metric(selection: str, epoch: int) -> None:
    table = Table(np.zeros((6, 1)))
    validator = evaluator_of(table, dataset())
    best = BestClassifier(table, validator, "macro_auc", selection)
    noted: list[dict[str, float]] = []
    trainer = planned_trainer(validator, PLAN, [best])
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda e: noted.append(dict(validator.state.metrics)))
    trainer.run()
    best.restore()
    torch.testing.assert_close(table.logits.detach(), torch.tensor(PLAN[epoch - 1]), rtol=0, atol=0)
    summary = best.summary()
    assert (summary["rule"], summary["epoch"]) == (selection, epoch)
    if selection == "metric":
        assert summary["metric"] == "validation macro_auc"
        assert summary["value"] == noted[0]["validation/macro_auc"] == 1
    if selection == "loss":
        assert summary["metric"] == "validation loss"
        assert summary["value"] == noted[1]["validation/loss"] > 0


@pytest.mark.parametrize(("metric", "epoch"), [("macro_auc", 1), ("macro_f1", 2)])
def test_another_metric_chooses_another_epoch(metric: str, epoch: int) -> None:
    truth = np.array([0, 0, 0, 1, 1, 2])
    ranked = np.eye(3)[truth] * 0.1 + [5.0, 0.0, 0.0]  # every class in the right order, but all are called the first
    called = np.eye(3)[[2, 0, 0, 1, 1, 2]]  # all but one called right
    table = Table(np.zeros((6, 3)))
    validator = evaluator_of(table, dataset_of(truth), "multiclass")
    best = BestClassifier(table, validator, metric)
    planned_trainer(validator, [ranked, called], [best]).run()
    assert best.epoch == epoch


def test_of_equal_epochs_the_first_counts() -> None:
    best, _, weight = judged(aucs(0.5, 0.7, 0.7, 0.6))
    assert (best.epoch, best.score, weight) == (2, 0.7, 2)


@pytest.mark.parametrize("undefined", [math.nan, None])
def test_a_metric_that_is_nan_or_not_defined_is_never_the_best(undefined: float | None) -> None:
    values = aucs(0.4, 0.6, 0.9)
    values[2] = {"loss": 0.1} if undefined is None else {"macro_auc": undefined, "loss": 0.1}
    best, _, weight = judged(values)
    assert (best.epoch, best.score, weight) == (2, 0.6, 2)
    best, _, weight = judged([values[2], *values])
    assert (best.epoch, weight) == (3, 3)


def test_without_any_defined_metric_the_last_epoch_is_kept_and_called_so() -> None:
    best, _, weight = judged([{"loss": 1.0}] * 3)
    assert weight == 3
    assert best.summary() == {"rule": "last", "epoch": 3}


def test_last_is_the_last_whatever_the_metric_says() -> None:
    best, _, weight = judged(aucs(0.9, 0.5, 0.1), selection="last", patience=1)
    assert weight == 3
    assert best.summary() == {"rule": "last", "epoch": 3}


def test_an_epoch_without_validation_is_not_judged_by_the_metrics_of_an_earlier_one() -> None:
    values = aucs(0.5, 0.0, 0.7, 0.0)
    values[1] = values[3] = {}
    best, _, weight = judged(values)
    assert (best.epoch, weight) == (3, 3)


def test_patience_ends_training_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    values = aucs(0.5, 0.6, 0.6, 0.55, 0.9)
    with caplog.at_level(logging.INFO):
        best, engine, weight = judged(values, patience=2)
    assert (engine.state.epoch, best.epoch, weight) == (4, 2, 2)
    assert engine.converged
    assert "after epoch 4: no better validation macro_auc since epoch 2 (patience 2)" in caplog.text
    best, engine, weight = judged(values, patience=3)
    assert (engine.state.epoch, best.epoch, weight) == (5, 5, 5)
    best, engine, weight = judged(values)
    assert (engine.state.epoch, best.epoch) == (5, 5)
    _, engine, _ = judged([{"loss": math.nan}] * 5, patience=3)  # nor does it wait for ever for a first one
    assert engine.state.epoch == 3


def test_patience_counts_epochs_but_ends_at_a_validation() -> None:
    values: list[dict[str, float]] = [{}, *aucs(0.7), {}, *aucs(0.6), {}, *aucs(0.9)]
    _, engine, _ = judged(values, patience=2)
    assert engine.state.epoch == 4
    best, _, _ = judged(values, patience=3)
    assert best.epoch == 6


def run_with_checkpoints(
    folder: Path, plan: list[Any], stop: int | None = None, resume: bool = False, **options: Any
) -> tuple[BestClassifier, Any, torch.Tensor]:
    table = Table(np.zeros((6, 1)))
    validator = evaluator_of(table, dataset())
    best = BestClassifier(table, validator, **options)
    checkpoints = Checkpoints(folder, {}, "abc", every=1000, keep=9, resume=resume, also={"best": best})
    trainer = planned_trainer(validator, plan, [best], before=[checkpoints])
    if stop is not None:
        trainer.add_event_handler(Events.EPOCH_COMPLETED(once=stop), lambda e: e.terminate())
    trainer.run()
    best.restore()
    return best, trainer, table.logits.detach().clone()


WORST = [[2.0], [1.9], [1.8], [1.7], [1.6], [1.5]]
LONG = [PLAN[2], PLAN[0], WORST, PLAN[2], PLAN[1]]


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_continued_run_chooses_the_same_epoch_with_the_same_weights(tmp_path: Path, stop: int) -> None:
    whole, _, weights = run_with_checkpoints(tmp_path / "whole", LONG)
    run_with_checkpoints(tmp_path / "cut", LONG, stop=stop)
    best, trainer, again = run_with_checkpoints(tmp_path / "cut", LONG, resume=True)
    assert trainer.state.epoch == 5
    assert best.summary() == whole.summary()
    assert best.epoch == 2
    assert torch.equal(again, weights)
    assert torch.equal(again, torch.tensor(PLAN[0]))


def test_a1_going_back_to_an_older_checkpoint_goes_back_to_its_best_weights(tmp_path: Path) -> None:
    # What a damaged file, or a kill between the best epoch and its checkpoint, makes of a run that cannot be repeated
    # exactly: the better epoch does not come again, and its weights must not pass for those of the epoch named.
    run_with_checkpoints(tmp_path, LONG, stop=2)
    newest = max((tmp_path / "checkpoints").glob("*.pt"))
    newest.write_bytes(b"damaged")
    best, _, weights = run_with_checkpoints(tmp_path, [PLAN[2], WORST, WORST, WORST, WORST], resume=True)
    assert best.epoch == 1
    assert torch.equal(weights, torch.tensor(PLAN[2]))


def test_a_run_that_patience_had_ended_does_not_go_on_when_it_is_continued(tmp_path: Path) -> None:
    whole, trainer, _ = run_with_checkpoints(tmp_path, [PLAN[2], WORST, WORST, PLAN[0]], patience=2)
    assert trainer.state.epoch == 3
    best, again, weights = run_with_checkpoints(tmp_path, [PLAN[2], WORST, WORST, PLAN[0]], resume=True, patience=2)
    assert (again.state.epoch, best.summary()) == (3, whole.summary())
    assert is_whole(again)
    assert torch.equal(weights, torch.tensor(PLAN[2]))


@pytest.mark.parametrize(
    ("change", "text"),
    [({"patience": 3}, "patience 2 -> 3"), ({"metric": "macro_f1"}, "metric 'macro_auc' -> 'macro_f1'")],
)
def test_a_run_is_not_continued_by_another_rule(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    run_with_checkpoints(tmp_path, [PLAN[2], WORST], patience=2)
    with pytest.raises(RunFolderError, match=f"validation.BestClassifier.{text}"):
        run_with_checkpoints(tmp_path, [PLAN[2], WORST, WORST], resume=True, **{"patience": 2, **change})


def test_a_run_of_before_the_rule_was_described_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as earlier:
        earlier.setattr(description, "_validation", lambda trainer: ())
        run_with_checkpoints(tmp_path, [PLAN[2], WORST], patience=2)
    best, again, _ = run_with_checkpoints(tmp_path, [PLAN[2], WORST, PLAN[0]], resume=True, patience=2)
    assert (again.state.epoch, best.epoch) == (3, 3)


@pytest.mark.parametrize(("selection", "copies"), [("metric", 2), ("last", 1)])
def test_room_is_asked_for_the_best_weights_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, selection: str, copies: int
) -> None:
    table = Table(np.zeros((6, 1)))
    best = BestClassifier(table, evaluator_of(table, dataset()), selection=selection)
    asked: list[int] = []
    monkeypatch.setattr(checkpoints, "check_room", lambda folder, size, keep: asked.append(size))
    planned_trainer(best.validator, [PLAN[0]], [best, Checkpoints(tmp_path, {}, "abc", also={"best": best})]).run()
    assert asked == [(copies + 1) * table.logits.numel() * table.logits.element_size()]


def test_the_state_is_a_copy_that_training_does_not_move(tmp_path: Path) -> None:
    best, _, _ = judged(aucs(0.9, 0.5, 0.1))
    assert best.state_dict()["weights"]["weight"].item() == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"metric": "accuracy"}, r"metric is 'accuracy'; choose one of macro_auc"),
        ({"selection": "best"}, r"selection is 'best'; choose one of metric, loss, last"),
        ({"patience": 0}, r"patience is 0, but must be"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], text: str) -> None:
    table = Table(np.zeros((6, 1)))
    with pytest.raises(ValueError, match=text):
        BestClassifier(table, evaluator_of(table, dataset()), **options)
