"""What a run says of itself to everybody, and which folders are no finished run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from monai_mocoi.errors import PackageError, WeightsError
from monai_mocoi.packaging import read_finetuned_run
from tests.report.finetuned_runs import SECRETS, change, make_run


def test_what_is_handed_on_tells_of_no_machine_image_or_patient(tmp_path: Path) -> None:
    run = read_finetuned_run(make_run(tmp_path / "run"))
    shown = json.dumps([run.card, run.drawn, run.metrics, run.versions, run.commit, run.date])
    assert not [secret for secret in SECRETS if secret in shown]
    settings = {"bundle": "nih_mse", "modality": "chest", "demo": False, "seed": 1, "cache_bits": 16}
    assert run.card["settings"] == {**settings, "learning_rate": 0.0003, "crop_area": [0.8, 1.0]}
    assert run.card["pretrained"] == "encoder"
    assert run.card["thresholds"] == {"Effusion": 0.25, "Mass": 0.5, "Pleural Thickening": 0.75}
    assert run.drawn["counts"]["training"]["patients"] == 6
    positives = {"Effusion": 5, "Mass": 4, "Pleural Thickening": 0}
    assert run.card["training_counts"] == {"images": 12, "positives": positives}
    assert run.metrics is not None
    assert run.metrics["skipped_images"] == 1
    assert (run.commit, run.date) == ("abc123", "2026-11-23")
    assert "pydicom" not in run.versions


def test_a_run_without_evaluation(tmp_path: Path) -> None:
    assert read_finetuned_run(make_run(tmp_path / "run", evaluated=False)).metrics is None


def test_counts_that_are_not_whole_are_not_handed_on(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    for counts in ({"training": {"images": 12, "positives": {"Mass": 4}}}, {}):
        change(folder / "labelled.json", counts=counts)
        assert "training_counts" not in read_finetuned_run(folder).card


@pytest.mark.parametrize("status", ["running", "stopped", "failed", None])
def test_an_unfinished_run_is_refused(tmp_path: Path, status: str | None) -> None:
    folder = make_run(tmp_path / "run")
    change(folder / "manifest.json", status=status)
    with pytest.raises(PackageError, match=r"has not come to its end"):
        read_finetuned_run(folder)


@pytest.mark.parametrize("file", ["classifier.json", "manifest.json"])
def test_a_classifier_of_identified_data_is_refused(tmp_path: Path, file: str) -> None:
    folder = make_run(tmp_path / "run")
    change(folder / file, identified=True)
    with pytest.raises(PackageError, match=r"Prepare the data set without") as refused:
        read_finetuned_run(folder)
    assert refused.value.exit_code == 2


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PackageError, match="is no run folder"):
        read_finetuned_run(tmp_path / "nowhere")
    folder = make_run(tmp_path / "run")
    with pytest.raises(PackageError, match=r"is no run folder .* of those below it: \S*/run\.$"):
        read_finetuned_run(tmp_path)
    (folder / "classifier.pt").rename(folder / "encoder.pt")
    with pytest.raises(PackageError, match="is a pretraining run"):
        read_finetuned_run(folder)
    (folder / "encoder.pt").unlink()
    with pytest.raises(WeightsError, match=r"no classifier\.pt"):
        read_finetuned_run(folder)


@pytest.mark.parametrize(
    ("file", "values", "text"),
    [
        ("labelled.json", {"dataset_sha256": "other"}, "labelled.json of .* is of another run"),
        ("evaluation-test/metrics.json", {"tested": {"epochs": 8}}, r"another classifier .*\(it differs in epochs\)"),
        ("evaluation-test/metrics.json", {"tested": {}}, "is of another classifier"),
        ("evaluation-test/metrics.json", {"thresholds": {"Mass": 0.1}}, "is of another classifier"),
        ("evaluation-test/metrics.json", {"split": "validation"}, "is of the split 'validation'"),
        ("classifier.json", {"settings": None}, "lacks settings"),
    ],
)
def test_what_does_not_belong_together_is_refused(
    tmp_path: Path, file: str, values: dict[str, object], text: str
) -> None:
    folder = make_run(tmp_path / "run")
    change(folder / file, **values)
    with pytest.raises(PackageError, match=text):
        read_finetuned_run(folder)


@pytest.mark.parametrize("file", ["manifest.json", "labelled.json", "evaluation-test/metrics.json"])
def test_a_damaged_file_is_named(tmp_path: Path, file: str) -> None:
    folder = make_run(tmp_path / "run")
    (folder / file).write_text("{")
    with pytest.raises(PackageError, match=f"{Path(file).name} cannot be read"):
        read_finetuned_run(folder)
