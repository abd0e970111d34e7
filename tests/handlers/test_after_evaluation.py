"""After an evaluation: test the counterpart, compare the two, or package."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from monai_mocoi.handlers.after_evaluation import after_evaluation

NAME = "finetune-{}-all-s4-f1-l1"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for kind in ("scratch", "pretrained"):
        run = tmp_path / NAME.format(kind)
        run.mkdir()
        (run / "manifest.json").touch()
        (run / "classifier.pt").touch()
    return Path()


def after(run: Path, split: str = "test", evaluation: Path | None = None) -> list[str] | None:
    (evaluation or run / f"evaluation-{split}").mkdir(exist_ok=True)
    ((evaluation or run / f"evaluation-{split}") / "predictions.csv").touch()
    made = after_evaluation(evaluation or run / f"evaluation-{split}", run, split, "dr_mse", "my data")
    return made and shlex.split(made.partition("mocoi ")[2])


def test_first_the_counterpart_is_tested_then_both_are_compared_scratch_first(runs: Path) -> None:
    scratch, pretrained = (runs / NAME.format(kind) for kind in ("scratch", "pretrained"))
    tested = ["run", "dr_mse/evaluate", "--dataset_dir", "my data", "--run_dir"]
    assert after(pretrained) == [*tested, str(scratch)]
    assert after(pretrained, "validation") == [*tested, str(scratch), "--split", "validation"]
    files = [str(run / "evaluation-test" / "predictions.csv") for run in (scratch, pretrained)]
    assert after(scratch) == after(pretrained) == ["compare", *files]
    # An evaluation elsewhere, on another data set for example, is not compared with the one in the counterpart.
    assert after(pretrained, evaluation=runs / "external") == [*tested, str(scratch)]


def test_without_a_counterpart_the_classifier_is_packaged(runs: Path) -> None:
    run = (runs / NAME.format("scratch")).rename(runs / "mine")
    assert after(run) == ["package", "dr_mse", "--run", "mine", "--out", "dr_mse.zip"]
    Path("dr_mse.zip").touch()
    assert after(run)[-1] == "dr_mse-mine.zip"
    assert after(run, "validation") is None
    other = runs / NAME.format("pretrained")
    assert after(other)[0] == "package"
    assert after_evaluation(other / "e", other / "classifier.pt", "test", "b", "d").endswith("--out b.zip")


def test_another_hospitals_evaluation_leads_to_no_package(runs: Path) -> None:
    scratch, pretrained = (runs / NAME.format(kind) for kind in ("scratch", "pretrained"))
    name = "evaluation-Other-test"
    for run in (scratch, pretrained):
        (run / name).mkdir()
    asked = "test", "dr_mse", "other", True
    tested = after_evaluation(pretrained / name, pretrained, *asked)
    assert "dr_mse/evaluate --dataset_dir other --run_dir" in str(tested)
    for run in (scratch, pretrained):
        (run / name / "predictions.csv").touch()
    assert "compare" in str(after_evaluation(pretrained / name, pretrained, *asked))
    alone = scratch.rename(runs / "mine")
    assert after_evaluation(alone / name, alone, *asked) is None


def test_a_package_has_no_next_step(runs: Path) -> None:
    assert after_evaluation(runs / "e", runs / "models" / "model.pt", "test", "dr_mse", "x") is None
