from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_mocoi.data import PredictionsError, write_predictions
from monai_mocoi.report.tested_classifier import read_tested
from tests.analysis.made_predictions import findings


def test_a_run_its_evaluation_and_the_file_are_the_same(tmp_path: Path) -> None:
    evaluation = tmp_path / "finetune-x" / "evaluation-validation"
    evaluation.mkdir(parents=True)
    write_predictions(evaluation / "predictions.csv", findings())
    (evaluation / "metrics.json").write_text(json.dumps({"tested": {"label_fraction": 0.1, "pretrained": "a"}}))
    for place in (evaluation.parent, evaluation, evaluation / "predictions.csv"):
        found = read_tested(place, "validation", "few_labels")
        assert found.about() == {"name": "finetune-x", "label_fraction": 0.1}
        assert found.predictions.images == findings().images
    with pytest.raises(PredictionsError, match=r"few_labels is .*no predictions.csv of the test split"):
        read_tested(evaluation.parent, "test", "few_labels")


def test_predictions_of_another_program_have_no_record(tmp_path: Path) -> None:
    write_predictions(tmp_path / "theirs.csv", findings())
    assert read_tested(tmp_path / "theirs.csv", "test", "all_labels").tested == {}
