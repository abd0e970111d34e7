from __future__ import annotations

import errno
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ignite.engine import Events
from sklearn.metrics import roc_auc_score

from monai_mocoi.analysis import (
    choose_operating_points,
    evaluate_predictions,
    evaluate_subgroups,
    fit_recalibration,
    summarise_inputs,
)
from monai_mocoi.data import (
    LabelMatch,
    chosen_columns,
    fingerprints,
    load_datalist,
    read_predictions,
    take_down_images,
    write_predictions,
)
from monai_mocoi.errors import DatasetError, EvaluationError, NotFinitePredictionError, RunFolderError, SettingsError
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.handlers import EvaluationSaver
from monai_mocoi.runs.provenance import made_by
from tests.data.dataset_folders import dataset_folder
from tests.engines.classifiers import Table, dataset_of, evaluator_of
from tests.support.evaluated_classifier import CLASSIFIER, FEW
from tests.support.made_predictions import findings as made_predictions


def labels(count: int = 60) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2, (count, 2))


def logits(count: int = 60) -> np.ndarray:
    return (labels(count) + np.random.default_rng(1).standard_normal((count, 2))).astype(np.float32)


def evaluate(folder: Path, said: Any = None, truth: Any = None, **options: Any) -> dict[str, Any]:
    said, truth = logits() if said is None else said, labels() if truth is None else truth
    kind = options.pop("kind", "multilabel")
    saver = EvaluationSaver(folder, **{"classifier": CLASSIFIER, **FEW, **options})
    evaluator_of(Table(said), dataset_of(truth), kind, name="test", val_handlers=[saver]).run()
    return dict(json.loads((folder / "metrics.json").read_text()))


def test_a25_the_predictions_hold_every_image_once_and_the_metrics_are_theirs(tmp_path: Path) -> None:
    folder = tmp_path / "run" / "evaluation"
    found = evaluate(folder, dataset_sha256="of test", seed=5, skipped_images=[{"index": 3, "reason": "cut short"}])
    predictions = read_predictions(folder / "predictions.csv")
    assert predictions.images == tuple(f"images/{i:03d}.png" for i in range(60))
    np.testing.assert_array_equal(predictions.labels, labels())
    report = json.loads(json.dumps(evaluate_predictions(predictions, CLASSIFIER["thresholds"], seed=5, **FEW)))
    assert {name: found[name] for name in report} == report
    assert found["overall"]["macro_auc"]["value"] == pytest.approx(roc_auc_score(labels(), logits()), abs=1e-12)
    assert (found["split"], found["dataset_sha256"], found["seed"]) == ("test", "of test", 5)
    assert found["skipped_images"] == [{"index": 3, "reason": "cut short"}]
    made = made_by()
    assert made["versions"]["torch"]
    assert {name: found[name] for name in made} == made
    figures = [f"{name}.{ending}" for name in ("decision_curve", "reliability") for ending in ("png", "svg")]
    assert sorted(path.name for path in folder.iterdir()) == sorted([*figures, "metrics.json", "predictions.csv"])


def test_a1_what_was_tested_is_written_and_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A1: the epoch chosen on validation is tested, and named."""
    caplog.set_level(logging.INFO)
    found = evaluate(tmp_path)
    assert found["tested"]["selected"] == CLASSIFIER["selected"]
    assert found["tested"]["label_fraction"] == 0.1
    assert found["tested"]["validation_labels"] == "same"
    assert "settings" not in found["tested"]
    said = caplog.text
    assert "Tested: the classifier of epoch 7, chosen by validation macro_auc 0.812; label fraction 0.1." in said
    low, high = found["overall"]["macro_auc"]["interval"]
    assert f"{found['overall']['macro_auc']['value']:.3f} ({low:.3f} to {high:.3f})" in said
    assert "test: 60 images of 60 patients; 95% intervals over patients (bca, 99 resamples)" in said


@pytest.mark.parametrize(
    ("selected", "words"),
    [
        ({"rule": "last", "epoch": 4}, "the classifier of epoch 4, not chosen on validation"),
        (
            {"rule": "metric", "penalty": 0.01, "metric": "validation macro_auc", "value": 0.7},
            "the linear classifier of penalty 0.01, chosen by validation macro_auc 0.700",
        ),
        (
            {"rule": "metric", "epoch": 2, "metric": "validation macro_auc", "value": 0.7, "over": "some classes"},
            "the classifier of epoch 2, chosen by validation macro_auc 0.700 (some classes)",
        ),
        (None, "a classifier of unknown epoch"),
    ],
)
def test_other_ways_of_choosing(tmp_path: Path, caplog: pytest.LogCaptureFixture, selected: Any, words: str) -> None:
    caplog.set_level(logging.INFO)
    evaluate(tmp_path, classifier={**CLASSIFIER, "selected": selected, "label_fraction": None})
    assert f"Tested: {words}." in caplog.text


def test_nothing_to_score_is_said_and_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    found = evaluate(tmp_path, min_positives=50)
    assert found["overall"]["macro_auc"]["value"] is None
    positives = labels().sum(axis=0)
    assert f"not evaluated: A ({positives[0]} positive, {60 - positives[0]} negative: fewer than " in caplog.text
    assert f", B ({positives[1]} positive, " in caplog.text
    assert caplog.text.count("None of the 2 classes") == 1
    assert "left_out_classes has the counts. So there is no macro_auc, " in caplog.text


def test_multiclass_labels(tmp_path: Path) -> None:
    truth = np.arange(60) % 3
    said = (np.eye(3)[truth] + np.random.default_rng(1).standard_normal((60, 3))).astype(np.float32)
    classifier = {**CLASSIFIER, "kind": "multiclass", "labels": ["A", "B", "C"], "thresholds": None}
    found = evaluate(tmp_path, said, truth, kind="multiclass", classifier=classifier)
    assert found["overall"]["macro_f1"]["value"] > 0.4
    assert found["scored_classes"] == ["A", "B", "C"]


def test_an_earlier_evaluation_is_refused_before_any_image_is_predicted(tmp_path: Path) -> None:
    first = evaluate(tmp_path)
    saver = EvaluationSaver(tmp_path, CLASSIFIER, **FEW)
    evaluator = evaluator_of(Table(logits()), dataset_of(labels()), name="test", val_handlers=[saver])
    seen: list[int] = []
    evaluator.add_event_handler(Events.ITERATION_STARTED, lambda: seen.append(1))
    with pytest.raises(RunFolderError, match="already holds an evaluation"):
        evaluator.run()
    assert not seen
    second = evaluate(tmp_path, -logits(), overwrite=True)
    assert second["overall"]["macro_auc"]["value"] == pytest.approx(1 - first["overall"]["macro_auc"]["value"])


def test_a_nan_prediction_writes_nothing(tmp_path: Path) -> None:
    said = logits()
    said[9, 1] = np.nan
    with pytest.raises(NotFinitePredictionError, match=r"probability of B is nan for image \d+ of \d+ "):
        evaluate(tmp_path / "new", said)
    assert not (tmp_path / "new").exists()


def test_metrics_of_other_predictions_do_not_stay(tmp_path: Path) -> None:
    evaluate(tmp_path)
    with pytest.raises(EvaluationError, match="no threshold for B"):
        evaluate(tmp_path, overwrite=True, classifier={**CLASSIFIER, "thresholds": {"A": 0.5}})
    assert [path.name for path in tmp_path.iterdir()] == ["predictions.csv"]


def test_settings_are_checked_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="interval is 'normal'"):
        EvaluationSaver(tmp_path, CLASSIFIER, interval="normal")


def test_what_its_pretraining_was_and_has_seen_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """3 of the 60 images lie in the folder of the pretraining too."""
    datalist = load_datalist(dataset_folder(tmp_path / "data", training=3, validation=0, test=57))
    place = tmp_path / "run" / "classifier.pt"
    place.parent.mkdir()
    place.touch()
    start = {"kind": "pretraining", "epochs": 1, "iterations": 12, "relative_loss": {"training": 1.022}}
    seen = take_down_images(datalist).write_beside(place)
    classifier = {**CLASSIFIER, "start": start, "seed": 4, "seen_images": seen}
    images = [*datalist.training, *datalist.test]
    beside = {"run_dir": place.parent, "dataset_folder": datalist.folder, "images": images}
    found = evaluate(tmp_path / "evaluation", classifier=classifier, **beside)
    counts = {"images": 60, "seen_images": 3, "patients": 60, "seen_patients": 3}
    assert found["pretraining_overlap"] == {
        "checked": True, "splits": {"test": counts}, "seen_in": ["pretraining"],
    }  # fmt: skip
    assert (found["tested"]["start"], found["tested"]["seed"]) == (start, 4)
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert any(text.startswith("3 of 60 test images were seen in pretraining") for text in warned)
    assert any("never beat guessing: loss / guessing was 1.022" in text for text in warned)


@pytest.mark.parametrize("start", [{"kind": "none"}, {"kind": "pretraining"}])
def test_without_pretraining_there_is_no_overlap_and_without_a_record_no_answer(tmp_path: Path, start: Any) -> None:
    (tmp_path / "classifier.pt").touch()
    found = evaluate(tmp_path / "evaluation", classifier={**CLASSIFIER, "start": start}, run_dir=tmp_path)
    assert found.get("pretraining_overlap", {}).get("checked") is (None if start["kind"] == "none" else False)


def no_room(*args: Any, **options: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", "/cache/patient-12.npz")


def no_home(path: Path) -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize(
    ("key", "change", "words"),
    [
        ("damaged", None, "64 hexadecimal digits"),
        (None, (fingerprints, "save_store", no_room), "No space left on device"),
        (None, (Path, "expanduser", no_home), "home"),
    ],
)
def test_what_cannot_be_told_costs_no_evaluation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, key: Any, change: Any, words: str
) -> None:
    monkeypatch.setenv("MONAI_MOCOI_KEY", str(tmp_path / "key"))
    datalist = load_datalist(dataset_folder(tmp_path / "data"))
    place = tmp_path / "classifier.pt"
    place.touch()
    classifier = {**CLASSIFIER, "seen_images": take_down_images(datalist).write_beside(place)}
    if key is not None:
        (tmp_path / "key").write_text(key)
    if change is not None:
        monkeypatch.setattr(*change)
    found = evaluate(
        tmp_path / "evaluation", classifier=classifier, run_dir=tmp_path, dataset_folder=datalist.folder,
        images=datalist.test,
    )  # fmt: skip
    assert found["pretraining_overlap"]["checked"] is False
    assert found["overall"]["macro_auc"]["value"] is not None
    assert words in caplog.text
    assert "patient-12" not in caplog.text


def test_a_classifier_from_random_weights_tells_of_its_own_training_images(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    datalist = load_datalist(dataset_folder(tmp_path / "data", training=3, validation=0, test=57))
    place = tmp_path / "run" / "classifier.pt"
    place.parent.mkdir()
    place.touch()
    seen = replace(take_down_images(datalist), seen_in=("training",)).write_beside(place)
    classifier = {**CLASSIFIER, "start": {"kind": "none"}, "seen_images": seen}
    beside = {"classifier": classifier, "run_dir": place.parent, "dataset_folder": datalist.folder}
    evaluate(tmp_path / "own", images=datalist.test, **beside)
    assert not any("seen in" in r.getMessage() for r in caplog.records if r.levelname == "WARNING")
    evaluate(tmp_path / "other", images=[*datalist.training, *datalist.test], **beside)
    assert "3 of 60 test images were seen in training (identical pixels)" in caplog.text


def other_hospital(classes: str, missing: str = "", external: bool = True) -> LabelMatch:
    outputs = tuple("AB".index(name) for name in classes)
    return LabelMatch([], tuple(classes), outputs, tuple(missing), ("Z",), external)


def test_another_hospital_stands_beside_the_classifiers_own_test(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    (tmp_path / "classifier.pt").touch()
    write_json(
        tmp_path / "labelled.json",
        {"training": [], "validation": [], "counts": {"training": {"images": 200, "positives": {"A": 50, "B": 1}}}},
    )
    brighter = dataset_of([[1]] * 60, transform=lambda sample: sample)
    inputs = summarise_inputs(brighter)
    inputs["statistics"]["brightness"]["mean"] -= 1
    beside = {"classifier": {**CLASSIFIER, "dataset": "NIH", "input_statistics": inputs}, "run_dir": tmp_path}
    other = {
        **beside,
        **{"external": other_hospital("A", missing="B"), "dataset_sha256": "other", "dataset_name": "Other"},
        **{"dataset": brighter, "said": logits()[:, :1], "truth": 1 - labels()[:, :1], "overwrite": True},
    }
    folder = tmp_path / "evaluation-Other-test"
    found = evaluate(folder, **other)["external"]
    assert (found["dataset"], found["classifier_dataset"]) == ("Other", "NIH")
    assert (found["missing_classes"], found["ignored_labels"]) == (["B"], ["Z"])
    assert (found["own_test"], found["overall"]) == (None, {})
    assert "it writes evaluation-test" in found["own_test_missing"]
    assert "nothing to compare the numbers with: the classifier was not tested on its own test images" in caplog.text

    own = evaluate(tmp_path / "evaluation-test", dataset_sha256="of training", **beside)
    assert "external" not in own
    assert "external" not in evaluate(
        tmp_path / "x", dataset_sha256="of training", external=other_hospital("AB", external=False), **beside
    )
    caplog.clear()
    metrics = evaluate(folder, **other)
    assert metrics["thresholds"] == {"A": 0.5}
    found = metrics["external"]
    assert (found["own_test"], found["own_test_missing"]) == ({"images": 60, "patients": 60}, None)
    auc = found["auc"]["A"]
    assert auc["own"]["value"] == own["classes"]["A"]["auc"]["value"]
    assert auc["here"]["value"] == pytest.approx(1 - auc["own"]["value"]) == metrics["classes"]["A"]["auc"]["value"]
    assert found["prevalence"] == {
        "A": {"training": 0.25, "own_test": labels()[:, 0].mean(), "here": 1 - labels()[:, 0].mean()}
    }
    assert found["inputs"]["brightness"]["shift"] > 0.5
    assert "On another data set, 'Other', beside its own test (60 images of 60 patients):" in caplog.text
    (warning,) = [r.getMessage() for r in caplog.records if "pictures themselves differ" in r.getMessage()]
    assert "brightness" in warning
    assert "contrast" not in warning

    for change in ({"dataset_sha256": "another"}, {"tested": {"epochs": 1}}):
        write_json(tmp_path / "evaluation-test" / "metrics.json", {**own, **change})
        assert "is of another classifier or data set" in evaluate(folder, **other)["external"]["own_test_missing"]
    (tmp_path / "evaluation-test" / "metrics.json").write_text("{")
    assert "cannot be read" in evaluate(folder, **other)["external"]["own_test_missing"]


@pytest.mark.parametrize("recalibrate", [False, True])
def test_another_hospital_that_lacks_a_finding_is_measured_by_the_rest_of_what_was_fitted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, recalibrate: bool
) -> None:
    caplog.set_level(logging.INFO)
    known = made_predictions((0.5, 0.4), noise_seed=7)
    classifier = {
        **CLASSIFIER,
        "recalibration": fit_recalibration(known),
        "operating_points": choose_operating_points(known, [0.9], [0.9]),
    }
    (tmp_path / "classifier.pt").touch()
    evaluate(tmp_path / "evaluation-test", classifier=classifier, dataset_sha256="of training", run_dir=tmp_path)
    other = {
        **{"classifier": classifier, "run_dir": tmp_path, "external": other_hospital("A", missing="B")},
        **{"said": logits()[:, :1], "truth": labels()[:, :1], "recalibrate": recalibrate, "overwrite": True},
    }
    found = evaluate(tmp_path / "e", target_sensitivity=[0.85], target_specificity=[], **other)
    (point,) = found["operating_points"]["classes"]["A"]
    assert "No threshold was chosen for this" in point["reason"]  # the sidecar's are for others
    assert found["probabilities"] == ("recalibrated" if recalibrate else "as given")
    assert recalibrate or set(found["calibration"]["recalibrated"]["classes"]) == {"A"}

    # The same images as in its own test: nothing differs, though one side is reported recalibrated.
    beside = found["external"]
    assert beside["probabilities"] == "as the network gives them"
    assert beside["overall"]["macro_auc"]["difference"]["value"] == pytest.approx(0)
    error = beside["overall"]["calibration_error"]
    assert error["here"]["value"] == pytest.approx(error["own"]["value"])
    reported = found["overall"]["calibration_error"]["value"]
    assert (reported == pytest.approx(error["here"]["value"])) is not recalibrate
    assert (", by the probabilities as the network gives them:" in caplog.text) is recalibrate

    write_predictions(tmp_path / "validation_predictions.csv", known)
    found = evaluate(tmp_path / "e", target_sensitivity=[0.85], target_specificity=[], **other)
    expected = choose_operating_points(known, [0.85], [])["classes"]["A"][0]["threshold"]
    assert [point["threshold"] for point in found["operating_points"]["classes"]["A"]] == [expected]
    assert set(found["operating_points"]["classes"]) == {"A"}


def test_recalibration_of_nothing_that_is_there_is_refused_when_it_is_made(tmp_path: Path) -> None:
    line = {"intercept": 0.1, "slope": 0.9}
    record = {"method": "platt", "images": 9, "patients": 9, "classes": {"A": line, "B": {"reason": "Too few."}}}
    options = {"recalibrate": True, "classifier": {**CLASSIFIER, "recalibration": record}}
    EvaluationSaver(tmp_path, external=other_hospital("A", missing="B"), **options)
    with pytest.raises(SettingsError, match=r"nothing can be recalibrated of B.*Too few\."):
        EvaluationSaver(tmp_path, external=other_hospital("B", missing="A"), **options)


def test_a_package_names_its_model_card_and_knows_the_prevalence_of_training(tmp_path: Path) -> None:
    models = tmp_path / "package" / "models"
    models.mkdir(parents=True)
    (models / "model.pt").touch()
    counts = {"training_counts": {"images": 200, "positives": {"A": 50, "B": 1}}}
    given = {"run_dir": models / "model.pt", "external": other_hospital("AB"), "dataset_sha256": "other"}
    found = evaluate(tmp_path / "out", classifier={**CLASSIFIER, **counts}, **given)["external"]
    assert (found["own_test"], found["overall"]) == (None, {})
    assert found["own_test_missing"] == "the own test of a package is in its model card (docs/README.md)"
    assert [own["training"] for own in found["prevalence"].values()] == [0.25, 0.005]
    # Of an earlier version: without counts.
    found = evaluate(tmp_path / "out", overwrite=True, **given)["external"]
    assert [own["training"] for own in found["prevalence"].values()] == [None, None]


def test_calibration_operating_points_and_decision_curve(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Operating points come from the sidecar, or from the predictions on validation beside the classifier."""
    caplog.set_level(logging.INFO)
    known = made_predictions((0.5, 0.4), noise_seed=7)
    classifier = {
        **CLASSIFIER,
        "recalibration": fit_recalibration(known),
        "operating_points": choose_operating_points(known, [0.9], [0.9]),
    }
    found = evaluate(tmp_path / "one", classifier=classifier)
    assert found["calibration"]["recalibrated"]["method"] == "platt"
    point = found["operating_points"]["classes"]["A"][0]
    assert point["threshold"] == classifier["operating_points"]["classes"]["A"][0]["threshold"]
    assert "calibration, A: intercept" in caplog.text
    assert "A, for sensitivity 0.9 on validation (threshold" in caplog.text
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "classifier.pt").touch()
    write_predictions(tmp_path / "run" / "validation_predictions.csv", known)
    options = {"target_sensitivity": [0.7], "target_specificity": [], "recalibrate": "true"}
    options |= {"run_dir": tmp_path / "run", "dataset_folder": tmp_path}
    again = evaluate(tmp_path / "two", classifier={**classifier, "start": {"kind": "none"}}, **options)
    expected = choose_operating_points(known, [0.7], [])["classes"]["A"][0]["threshold"]
    assert [point["threshold"] for point in again["operating_points"]["classes"]["A"]] == [expected]
    assert again["probabilities"] == "recalibrated"
    assert again["thresholds"] == CLASSIFIER["thresholds"]
    assert again["overall"]["macro_f1"] == found["overall"]["macro_f1"]
    one, two = (read_predictions(tmp_path / name / "predictions.csv") for name in ("one", "two"))
    np.testing.assert_array_equal(one.probabilities, two.probabilities)


def with_columns(count: int = 60) -> list[dict[str, Any]]:
    names = [f"images/{i:03d}.png" for i in range(count)]
    return [
        {"name": name, "patient": f"p{i}", "sex": "FM"[i % 2], "side": "left", "view": ["AP", "PA", None][i % 3]}
        for i, name in enumerate(names)
    ]


def test_subgroups_by_the_columns_of_the_datalist(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    settings = {"min_positives": 10, "min_negatives": 10, "resamples": 99}
    images = with_columns()
    found = evaluate(tmp_path / "all", images=images[::-1], **settings)  # in whatever order
    predictions = read_predictions(tmp_path / "all" / "predictions.csv")
    expected = evaluate_subgroups(
        predictions, chosen_columns(["sex", "side", "view"], images), CLASSIFIER["thresholds"], seed=0, **settings
    )
    assert found["subgroups"] == json.loads(json.dumps(expected))
    assert found["subgroups"]["columns"].keys() == {"sex", "view"}
    assert {"subgroups.png", "subgroups.svg"} <= {path.name for path in (tmp_path / "all").iterdir()}
    assert "Subgroups by sex, view (datalist): 4, of which" in caplog.text
    assert "no subgroups by side: all images have the same value" in caplog.text
    assert evaluate(tmp_path / "one", images=images, subgroups=["view"], **settings)["subgroups"]["columns"].keys() == {
        "view"
    }
    assert "subgroups" not in evaluate(tmp_path / "none", images=images, subgroups=[], **settings)


def test_subgroups_by_a_table(tmp_path: Path) -> None:
    rows = [f"p{i},{'ab'[i % 2]}" for i in range(50)]
    (tmp_path / "sites.csv").write_text("\n".join(["patient,site", *rows]))
    found = evaluate(tmp_path / "e", images=with_columns(), subgroups=str(tmp_path / "sites.csv"))["subgroups"]
    assert (found["source"], found["images_without_row"]) == ("sites.csv", 10)
    assert found["columns"].keys() == {"site"}
    assert found["columns"]["site"]["unknown"] == {"images": 10, "patients": 10}


def test_columns_that_cannot_be_meant_are_refused_when_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="names 'sexe', but the datalist's columns are sex, side, view"):
        EvaluationSaver(tmp_path, CLASSIFIER, images=with_columns(), subgroups=["sexe"])
    with pytest.raises(DatasetError, match="there is no file"):
        EvaluationSaver(tmp_path, CLASSIFIER, images=with_columns(), subgroups=str(tmp_path / "a.csv"))
    with pytest.raises(DatasetError, match="age_bands"):
        EvaluationSaver(tmp_path, CLASSIFIER, age_bands=[60, 18])


def test_images_without_a_label_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    match = replace(other_hospital("AB", external=False), unlabelled=4)
    truth = labels().astype(object)
    truth[::4, 0] = None
    metrics = evaluate(tmp_path / "some", external=match, truth=truth)
    assert metrics["unlabelled_images"] == 4
    assert metrics["classes"]["A"]["unknown"] == 15
    assert "  test: 4 image(s) without a label are left out." in caplog.messages
    assert "  Not known of some images, and measured over the others: A 15." in caplog.messages
    plain = evaluate(tmp_path / "all", external=other_hospital("AB", external=False))
    assert "unlabelled_images" not in plain
    assert "unknown" not in json.dumps(plain["classes"])
