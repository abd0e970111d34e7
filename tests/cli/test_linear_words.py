"""The words of ``mocoi linear``, checked without torch."""

from __future__ import annotations

import pytest

from monai_mocoi.cli.linear_words import check_linear
from monai_mocoi.errors import UsageError


@pytest.mark.parametrize(
    ("words", "instead"),
    [
        (("nih_mse/finetune", "--solver=gradient"), "nih_mse/finetune --trainable head --solver gradient"),
        (("nih_mse/finetune", "nih_mse/paper_finetune"), "nih_mse/finetune nih_mse/paper_finetune --trainable head"),
    ],
)
def test_a_fit_that_is_not_by_lbfgs_is_refused(words: tuple[str, ...], instead: str) -> None:
    """It would be recorded, but the L-BFGS grid fitted."""
    with pytest.raises(UsageError) as error:
        check_linear(words, "[1.0]", "[1]")
    assert str(error.value).startswith("solver is gradient, but mocoi linear fits by lbfgs: leave it out, or train")
    assert str(error.value).endswith(f"mocoi run {instead}")


def test_the_solver_that_it_has_may_be_named() -> None:
    for solver in ((), ("--solver=lbfgs",)):
        checked = check_linear(("nih_mse/finetune", *solver), "[1.0, 0.1]", "[1]")
        assert checked.fractions == (1.0, 0.1)


def test_what_only_others_use_is_told_and_arguments_of_mocoi_run_are_refused() -> None:
    evaluation = '{"worst_errors": 3, "resamples": 500}'
    words = "nih_mse/finetune", "--learning_rate=1", "--max_epochs=3", "--image_size=32", "--threads=1"
    checked = check_linear(words, "[1.0]", "[1]", evaluation)
    assert checked.unused() == ["learning_rate", "max_epochs", "worst_errors"]
    assert checked.finetune.threads == 1
    with pytest.raises(UsageError, match="run_id is an argument of mocoi run: leave --run_id out"):
        check_linear(("nih_mse/finetune", "--run_id=run"), "[1.0]", "[1]")
