from __future__ import annotations

from typing import Any

import pytest

from monai_mocoi.networks import final_relative_loss, guessing_warning, start_in_words

SHORT = {
    "kind": "pretraining",
    "epochs": 1,
    "iterations": 12,
    "relative_loss": {"training": 1.022, "validation": 0.98},
}


@pytest.mark.parametrize(
    ("recorded", "value"),
    [
        ({"training": 1.022, "validation": 0.98}, 1.022),
        ({"training": None, "validation": 0.98}, 0.98),
        ({"training": None, "validation": None}, None),
        ("damaged", None),
        (None, None),
    ],
)
def test_the_last_epochs_training_counts(recorded: Any, value: float | None) -> None:
    assert final_relative_loss({"relative_loss": recorded}) == value


@pytest.mark.parametrize(("value", "warned"), [(0.999, False), (1.0, True), (1.3, True)])
def test_one_is_guessing(value: float, warned: bool) -> None:
    warning = guessing_warning({**SHORT, "relative_loss": {"training": value}})
    assert (warning is not None) is warned
    assert warning is None or f"loss / guessing was {value:.3f} at its end" in warning


def test_what_is_not_recorded_is_not_warned_of() -> None:
    for start in (None, {}, {"kind": "none"}, {"kind": "pretraining"}):
        assert guessing_warning(start) is None


def test_in_words() -> None:
    assert start_in_words(SHORT, "mse") == "pretrained by mse, 1 epoch (12 steps), loss / guessing 1.022 at its end"
    assert "1 epoch (12 steps)" in str(guessing_warning(SHORT))
    assert "not recorded" in start_in_words({"kind": "pretraining"}, "mse")
    assert start_in_words({"kind": "classifier", **{n: v for n, v in SHORT.items() if n != "kind"}}).endswith("before")
    assert "random" in start_in_words({"kind": "none"}, "supervised")
    assert "unknown" in start_in_words(None)
