"""Another hospital beside the classifier's own test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from monai_mocoi.analysis import (
    evaluate_fully,
    evaluate_predictions,
    external_report,
    external_warnings,
    external_words,
)
from monai_mocoi.data import Predictions
from monai_mocoi.metrics import interval_of_difference

FEW = {"resamples": 99, "min_positives": 5, "min_negatives": 5}
THRESHOLDS = {"A": 0.5, "B": 0.4, "C": 0.6}


def drawn(classes: str, seed: int, count: int = 80, skill: float = 1.5, rare: str = "") -> Predictions:
    random = np.random.default_rng(seed)
    share = np.array([0.02 if name in rare else 0.4 for name in classes])
    labels = (random.random((count, len(classes))) < share).astype(np.int64)
    labels[:2] = [[0] * len(classes), [1] * len(classes)]
    probabilities = 1 / (1 + np.exp(-skill * (labels - 0.5) - random.standard_normal(labels.shape)))
    images = tuple(f"{seed}-{i}" for i in range(count))
    return Predictions(images, images, tuple(classes), "multilabel", labels, probabilities)


def only(predictions: Predictions, classes: str) -> Predictions:
    columns = [predictions.classes.index(name) for name in classes]
    parts = predictions.labels[:, columns], predictions.probabilities[:, columns]
    return Predictions(predictions.images, predictions.patients, tuple(classes), "multilabel", *parts)


def reported(predictions: Predictions) -> dict[str, Any]:
    thresholds = {name: THRESHOLDS[name] for name in predictions.classes}
    return evaluate_predictions(predictions, thresholds, **FEW)


def test_numbers_are_compared_over_the_classes_that_both_tests_score() -> None:
    own, here = drawn("ABC", 1, skill=3), drawn("CA", 2, count=60, skill=1)
    found = external_report(here, reported(here), own)
    assert found["compared_classes"] == ["C", "A"]
    of_own, of_here = reported(only(own, "CA")), reported(here)
    for name, pair in found["overall"].items():
        before, now = of_own["overall"][name], of_here["overall"][name]
        assert (pair["own"]["value"], pair["here"]["value"]) == (before["value"], now["value"])
        if name == "calibration_error":
            continue
        assert pair["difference"]["value"] == pytest.approx(now["value"] - before["value"])
        ends = interval_of_difference(now["value"], now["interval"], before["value"], before["interval"])
        assert pair["difference"]["interval"] == pytest.approx(list(ends))
    assert found["auc"]["A"]["own"]["value"] == reported(own)["classes"]["A"]["auc"]["value"]
    assert found["overall"]["macro_auc"]["difference"]["interval"][1] < 0  # and it is worse, as it was drawn


def test_a_class_too_rare_in_one_test_is_compared_in_neither() -> None:
    own, here = drawn("AB", 1), drawn("AB", 2, rare="B")
    found = external_report(here, reported(here), own)
    assert found["compared_classes"] == ["A"]
    assert found["overall"]["macro_auc"]["own"]["value"] == reported(only(own, "A"))["overall"]["macro_auc"]["value"]
    assert found["overall"]["macro_auc"]["here"]["value"] == reported(here)["overall"]["macro_auc"]["value"]
    swapped = external_report(own, reported(own), here)
    assert swapped["overall"]["macro_auc"]["difference"]["value"] == pytest.approx(
        -found["overall"]["macro_auc"]["difference"]["value"]
    )
    none = drawn("A", 3, rare="A")
    found = external_report(none, reported(none), own)
    assert (found["compared_classes"], found["overall"], found["auc"]) == (None, {}, {})


def test_the_same_images_differ_by_nothing() -> None:
    own = drawn("AB", 1)
    found = external_report(own, reported(own), own)
    compared = [pair for name, pair in found["overall"].items() if name != "calibration_error"]
    for pair in (*compared, *found["auc"].values()):
        low, high = pair["difference"]["interval"]
        assert pair["difference"]["value"] == 0
        assert low < 0 < high


def calibrated(count: int, seed: int) -> Predictions:
    random = np.random.default_rng(seed)
    probabilities = random.random((count, 1))
    labels = (random.random((count, 1)) < probabilities).astype(np.int64)
    images = tuple(f"{seed}-{i}" for i in range(count))
    return Predictions(images, images, ("A",), "multilabel", labels, probabilities)


def test_calibration_errors_of_two_sizes_are_not_compared() -> None:
    # Both are calibrated by construction, and yet the smaller one's error is larger: a difference would mislead.
    own, here = calibrated(3000, 1), calibrated(100, 2)
    pair = external_report(here, reported(here), own)["overall"]["calibration_error"]
    assert pair["here"]["value"] > 2 * pair["own"]["value"] > 0
    assert pair["difference"]["value"] is pair["difference"]["interval"] is None
    assert "biased upwards" in pair["difference"]["reason"]


def test_recalibrated_numbers_are_not_set_beside_raw_ones() -> None:
    own = drawn("AB", 1)
    record = {"method": "platt", "classes": {"A": {"intercept": 2.0, "slope": 0.5}}}
    report = evaluate_fully(own, {"A": 0.5, "B": 0.4}, record, recalibrate=True, **FEW)
    found = external_report(own, report, own)
    assert found["probabilities"] == "as the network gives them"
    assert found == external_report(own, reported(own), own)
    error = found["overall"]["calibration_error"]
    assert error["here"] == error["own"]
    assert report["overall"]["calibration_error"]["value"] != error["here"]["value"]


def test_prevalence_is_of_training_own_test_and_here() -> None:
    own, here = drawn("AB", 1), drawn("B", 2, rare="B")
    training = {"images": 200, "positives": {"A": 20, "B": 50}}
    found = external_report(here, reported(here), own, training)
    assert found["prevalence"] == {
        "B": {"training": 0.25, "own_test": own.labels[:, 1].mean(), "here": here.labels[:, 0].mean()}
    }
    assert external_report(here, reported(here), None)["prevalence"]["B"]["own_test"] is None
    assert external_report(here, reported(here), None)["prevalence"]["B"]["training"] is None


def test_multiclass_labels_are_compared_as_a_whole() -> None:
    random = np.random.default_rng(0)

    def multiclass(count: int) -> Predictions:
        labels = random.integers(0, 2, count)
        second = np.clip(0.5 + 0.2 * (labels - 0.5) + 0.2 * random.standard_normal(count), 0, 1)
        images = tuple(f"{count}-{i}" for i in range(count))
        return Predictions(images, images, ("no", "yes"), "multiclass", labels, np.stack([1 - second, second], 1))

    own, here = multiclass(90), multiclass(70)
    report = evaluate_predictions(here, **FEW)
    found = external_report(here, report, own)
    assert found["compared_classes"] == report["scored_classes"]
    assert (
        found["overall"]["macro_auc"]["own"]["value"]
        == evaluate_predictions(own, **FEW)["overall"]["macro_auc"]["value"]
    )


def test_the_words_are_few_and_sober() -> None:
    own, here = drawn("AB", 1), drawn("AB", 2, skill=0.5)
    statistics = {name: {"mean": 0.5, "sd": 0.1} for name in ("brightness", "contrast")}
    shifted = {**statistics, "brightness": {"mean": 0.6, "sd": 0.1}}
    found = external_report(here, reported(here), own, None, {"statistics": statistics}, {"statistics": shifted})
    lines = external_words(found)
    assert len(lines) == 6
    assert "no difference: it is larger where there are fewer images" in lines[3]
    auc = found["overall"]["macro_auc"]
    assert f"own test {auc['own']['value']:.3f} (" in lines[0]
    assert f"difference {auc['difference']['value']:+.3f} (" in lines[0]
    assert "how common (its own test -> here): " in lines[-2]
    assert "input, in standard deviations of training images: brightness +1.00, contrast +0.00" in lines[-1]
    (warning,) = external_warnings(found)
    assert "brightness 0.5 -> 0.6 (+1.0 sd)" in warning
    assert "contrast" not in warning
    alone = external_report(here, reported(here), None, {"images": 10, "positives": {"A": 1, "B": 2}})
    assert external_warnings(alone) == []
    (line,) = external_words(alone)
    assert "how common (training -> here): A 10.0% -> " in line or "how common (training -> here): B 20.0% -> " in line
