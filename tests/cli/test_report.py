"""`mocoi report`: what it prints, and what it refuses."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from monai_mocoi.cli.app import app
from tests.study_report.synthetic_study import SyntheticStudy
from tests.support.loaded_modules import loaded_by


def test_report_of_a_study_and_a_second_one(tmp_path: Path) -> None:
    SyntheticStudy(tmp_path / "study", arms=("moco", "mse"), fractions=(0.1,), images=100, patients=50).write()
    result = CliRunner().invoke(app, ["report", str(tmp_path / "study"), "--metric", "average_precision"])
    assert result.exit_code == 0, result.output
    assert "4 tested runs, 2 arms, 1 comparisons; macro average precision" in result.output
    assert (tmp_path / "study/report/report.html").is_file()
    assert "exploratory" not in result.output
    again = CliRunner().invoke(app, ["report", str(tmp_path / "study")])
    assert again.exit_code == 2
    assert "holds a report already" in again.output
    assert "--overwrite" in again.output


def test_what_cannot_be_reported(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["report", str(tmp_path), "--metric", "accuracy"])
    assert result.exit_code == 2
    assert "there is no metric 'accuracy'" in result.output
    result = CliRunner().invoke(app, ["report", str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert "evaluate a fine-tuned run first" in result.output


def test_places_that_cannot_be_used_are_refused_before_torch_is_loaded(tmp_path: Path) -> None:
    refused = loaded_by("report", tmp_path / "nowhere", modules=("torch", "monai", "scipy", "matplotlib"))
    assert "there is no folder" in refused.stderr
    assert "LOADED []" in refused.stdout


def test_a_class_is_compared_by_the_metric_of_the_plan(tmp_path: Path) -> None:
    made = SyntheticStudy(tmp_path / "study", arms=("moco", "mse"), fractions=(0.1,), images=100, patients=50).write()
    made.write_plan(made.plan(metric={"name": "f1", "label": None}))
    for words, told in (
        (("--label", "Mass"), "F1 of Mass"),
        (("--label", "Mass", "--metric", "auc", "--overwrite"), "AUC of Mass"),
    ):
        result = CliRunner().invoke(app, ["report", str(tmp_path / "study"), *words])
        assert result.exit_code == 0, result.output
        assert f"1 comparisons; {told}\n" in result.output
