from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_mocoi.data import Datalist, load_datalist, write_predictions
from monai_mocoi.errors import PredictionsError
from monai_mocoi.report.tested_classifier import read_tested
from tests.data.dataset_folders import dataset_folder
from tests.support.made_predictions import findings


@pytest.fixture
def datalist(tmp_path: Path) -> Datalist:
    return load_datalist(dataset_folder(tmp_path / "data"))


def test_a_run_its_evaluation_and_the_file_are_the_same(tmp_path: Path, datalist: Datalist) -> None:
    evaluation = tmp_path / "finetune-x" / "evaluation-validation"
    evaluation.mkdir(parents=True)
    write_predictions(evaluation / "predictions.csv", findings())
    (evaluation / "metrics.json").write_text(json.dumps({"tested": {"label_fraction": 0.1, "pretrained": "a"}}))
    for place in (evaluation.parent, evaluation, evaluation / "predictions.csv"):
        found = read_tested(place, datalist, "validation", "few_labels")
        assert found.about() == {"name": "finetune-x", "label_fraction": 0.1}
        assert found.predictions.images == findings().images
    with pytest.raises(PredictionsError, match=r"few_labels is .*no predictions.csv of the test split"):
        read_tested(evaluation.parent, datalist, "test", "few_labels")


def test_predictions_of_another_program_have_no_record(tmp_path: Path, datalist: Datalist) -> None:
    write_predictions(tmp_path / "theirs.csv", findings())
    assert read_tested(tmp_path / "theirs.csv", datalist, "test", "all_labels").tested == {}


def test_of_another_data_set_its_own_evaluation_is_taken_or_the_wrong_one_refused(
    tmp_path: Path, datalist: Datalist
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "classifier.json").write_text(json.dumps({"dataset": "NIH", "dataset_sha256": "of training"}))

    def evaluated(name: str, sha256: str | None) -> None:
        (run / name).mkdir(exist_ok=True)
        write_predictions(run / name / "predictions.csv", findings())
        (run / name / "metrics.json").write_text(json.dumps({"dataset_sha256": sha256, "tested": {"method": name}}))

    evaluated("evaluation-test", "of training")
    for place in (run, run / "evaluation-test", run / "evaluation-test" / "predictions.csv"):
        with pytest.raises(PredictionsError, match=r"few_labels's evaluation-test is of another data set than 'tiny'"):
            read_tested(place, datalist, "test", "few_labels")
    evaluated("evaluation-tiny-test", datalist.sha256)
    assert read_tested(run, datalist, "test", "few_labels").tested == {"method": "evaluation-tiny-test"}
    evaluated("evaluation-test", None)  # of a command that knows no data set
    assert read_tested(run / "evaluation-test", datalist, "test", "few_labels").name == "run"
