from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from monai_mocoi.analysis import choose_operating_points, chosen_thresholds, evaluate_fully, fit_recalibration
from monai_mocoi.data import write_predictions
from monai_mocoi.metrics import UNKNOWN
from tests.support.made_predictions import findings

FEW = ("--resamples", "99")


def others(prefix: str = "v"):
    made = findings((0.4, 0.3), noise_seed=3)
    return replace(
        made, images=tuple(prefix + name for name in made.images), patients=tuple(prefix + p for p in made.patients)
    )


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    write_predictions(tmp_path / "a" / "test.csv", findings())
    write_predictions(tmp_path / "a" / "validation.csv", others())
    return str(tmp_path / "a" / "test.csv"), str(tmp_path / "a" / "validation.csv")


def test_the_numbers_and_the_folder(mocoi, files):
    result = mocoi("evaluate", files[0], "--validation", files[1], "--out", "new", *FEW, "--target_sensitivity", "0.8")
    assert result.exit_code == 0, result.stderr
    thresholds, _ = chosen_thresholds(others())
    expected = evaluate_fully(
        findings(), thresholds, fit_recalibration(others()), False, choose_operating_points(others(), [0.8], [0.9]),
        resamples=99,
    )  # fmt: skip
    written = json.loads(Path("new/metrics.json").read_text())
    assert {name: written[name] for name in expected} == json.loads(json.dumps(expected))
    assert written["recalibration"] == json.loads(json.dumps(fit_recalibration(others())))
    names = [*(f"decision_curve.{e}" for e in ("png", "svg")), "metrics.json", "reliability.png", "reliability.svg"]
    assert sorted(path.name for path in Path("new").iterdir()) == names
    for words in ("macro_auc", "calibration, A: intercept", "after recalibration (platt", "A, for sensitivity 0.8"):
        assert words in result.stdout
    assert mocoi("evaluate", files[0], "--out", "new", *FEW).exit_code == 2
    again = mocoi("evaluate", files[0], "--out", "new", "--overwrite", "--decision_threshold", "0.2", *FEW)
    assert again.exit_code == 0
    curve = json.loads(Path("new/metrics.json").read_text())["decision_curve"]
    assert curve["classes"]["A"]["thresholds"] == [0.2]


def test_without_validation_the_reasons_are_told(mocoi, files):
    result = mocoi("evaluate", files[0], *FEW)
    assert result.exit_code == 0
    assert "no operating points: Thresholds are chosen on validation, never on test" in result.stdout
    assert "not recalibrated" in result.stdout


def test_recalibrated(mocoi, files):
    result = mocoi("evaluate", files[0], "--validation", files[1], "--recalibrate", *FEW)
    assert "calibration of the recalibrated probabilities, A" in result.stdout
    assert "after recalibration" not in result.stdout


def test_what_is_refused(mocoi, files, tmp_path):
    same_images, same_patients, other_classes = (tmp_path / f"{name}.csv" for name in "ipc")
    write_predictions(same_images, findings())
    write_predictions(same_patients, replace(others(), patients=findings().patients))
    write_predictions(other_classes, findings((0.4, 0.3, 0.2)))
    for words, code, said in [
        (("--validation", str(same_images)), 2, "150 of 150 images are in --validation too"),
        (("--validation", str(same_patients)), 2, "60 of 60 patients are in --validation too"),
        (("--validation", str(other_classes)), 2, "not of one classifier"),
        (("--recalibrate",), 2, "--recalibrate needs"),
        (("--out", str(tmp_path / "a")), 2, "the folder of the predictions"),
        (("--target_specificity", "1.5"), 2, "target_specificity is [1.5]"),
        (("--decision_threshold", "1"), 2, "decision_thresholds is [1.0]"),
        (("--resamples", "3"), 2, "got 3"),
        (("--age_bands", "[18]"), 2, "--age_bands needs ages"),
        (("--age_bands", "[40, 18]", "--subgroups", "ages.csv"), 2, "age_bands is [40, 18]"),
        (("--age_bands", "old", "--subgroups", "ages.csv"), 2, "age_bands is 'old'"),
    ]:
        result = mocoi("evaluate", files[0], *words)
        assert (result.exit_code, said in result.stderr) == (code, True), (words, result.stderr)
    assert mocoi("evaluate", "nowhere.csv").exit_code == 3


def test_the_folder_of_other_predictions_is_not_written_into(mocoi, files, tmp_path):
    (tmp_path / "other").mkdir()
    for name in ("predictions.csv", "metrics.json"):
        (tmp_path / "other" / name).write_text("of another classifier")
    for words in ((), ("--overwrite",)):
        result = mocoi("evaluate", files[0], "--out", str(tmp_path / "other"), *FEW, *words)
        assert (result.exit_code, "predictions.csv of another evaluation" in result.stderr) == (2, True)
    assert {path.read_text() for path in (tmp_path / "other").iterdir()} == {"of another classifier"}


def test_subgroups_of_a_table(mocoi, tmp_path):
    made = findings(images=400, patients=150)
    write_predictions(tmp_path / "p.csv", made)
    rows = [f"{image},{'ab'[row % 2]}" for row, image in enumerate(made.images)]
    (tmp_path / "sites.csv").write_text("\n".join(["image,site", *rows]))
    words = ("--subgroups", str(tmp_path / "sites.csv"), "--out", "made", "--resamples", "99")
    result = mocoi("evaluate", str(tmp_path / "p.csv"), *words)
    assert result.exit_code == 0, result.stderr
    assert "Subgroups by site (sites.csv): 2, of which 2 are large enough." in result.stdout
    written = json.loads(Path("made/metrics.json").read_text())["subgroups"]
    assert written["columns"]["site"]["groups"].keys() == {"a", "b"}
    assert Path("made/subgroups.svg").is_file()
    again = mocoi("evaluate", str(tmp_path / "p.csv"), "--out", "made", "--overwrite", "--resamples", "99")
    assert again.exit_code == 0, again.stderr
    assert "subgroups" not in json.loads(Path("made/metrics.json").read_text())
    assert not list(Path("made").glob("subgroups*")), "they are of another evaluation"


def test_bands_of_ages(mocoi, tmp_path):
    made = findings(images=400, patients=150)
    write_predictions(tmp_path / "p.csv", made)
    rows = [f"{patient},{20 + number % 50}" for number, patient in enumerate(dict.fromkeys(made.patients))]
    (tmp_path / "ages.csv").write_text("\n".join(["patient,age", *rows]))
    words = (str(tmp_path / "p.csv"), "--subgroups", str(tmp_path / "ages.csv"), "--resamples", "99", "--overwrite")
    for bands, given in (([18, 40, 60, 80], ()), ([45], ("--age_bands", "[45]"))):
        result = mocoi("evaluate", *words, "--out", "made", *given)
        assert result.exit_code == 0, result.stderr
        column = json.loads(Path("made/metrics.json").read_text())["subgroups"]["columns"]["age"]
        assert column["age_bands"] == bands


def test_a_file_with_empty_labels(mocoi, files, tmp_path):
    made = findings()
    made.labels[::3, 1] = UNKNOWN
    made.labels[7] = UNKNOWN
    write_predictions(tmp_path / "some.csv", made)
    result = mocoi("evaluate", str(tmp_path / "some.csv"), "--validation", files[1], "--out", "some", *FEW)
    assert result.exit_code == 0, result.stderr
    assert "1 image(s) without a label are left out." in result.stdout
    assert "Not known of some images, and measured over the others: B 50." in result.stdout
    written = json.loads(Path("some/metrics.json").read_text())
    assert (written["images"], written["unlabelled_images"], written["classes"]["B"]["unknown"]) == (149, 1, 50)
    known = made.labels[:, 1] != UNKNOWN
    area = roc_auc_score(made.labels[known, 1], made.probabilities[known, 1])
    assert written["classes"]["B"]["auc"]["value"] == pytest.approx(area, abs=1e-12)

    compared = mocoi("compare", str(tmp_path / "some.csv"), str(tmp_path / "some.csv"), *FEW)
    assert compared.exit_code == 0, compared.stderr
    assert "Not known of some images, and measured over the others: B 50." in compared.stdout
