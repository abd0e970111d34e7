from __future__ import annotations

from typing import Any

import pytest

from monai_mocoi.engines import solvers
from monai_mocoi.engines.solvers import trainer_by_solver


def made(monkeypatch: pytest.MonkeyPatch, solver: str) -> tuple[str, dict[str, Any]]:
    for name in ("ClassifierTrainer", "LinearTrainer"):
        monkeypatch.setattr(solvers, name, lambda *_, name=name, **arguments: (name, arguments))
    both: Any = {"train_handlers": ["saver"], "gradient_handlers": ["schedule"], "linear": {"kind": "softmax"}}
    return trainer_by_solver(solver, "cpu", None, max_epochs=3, **both)  # type: ignore[arg-type, return-value]


def test_the_solver_picks_the_trainer_and_its_handlers(monkeypatch: pytest.MonkeyPatch) -> None:
    name, arguments = made(monkeypatch, "gradient")
    assert (name, arguments["train_handlers"]) == ("ClassifierTrainer", ["saver", "schedule"])
    assert (arguments["max_epochs"], "kind" in arguments) == (3, False)
    name, arguments = made(monkeypatch, "lbfgs")
    assert (name, arguments["train_handlers"]) == ("LinearTrainer", ["saver"])
    assert (arguments["kind"], "max_epochs" in arguments) == ("softmax", False)


def test_another_solver_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="newton"):
        made(monkeypatch, "newton")
