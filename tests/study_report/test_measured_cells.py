"""The metric of a run, by image and by patient, against the evaluation's own number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from monai_mocoi.analysis import evaluate_predictions, interval_settings
from monai_mocoi.errors import ComparisonError, EvaluationError, StudyError
from monai_mocoi.study_report import Metric
from monai_mocoi.study_report.measured_cells import TestSet
from monai_mocoi.study_report.tested_run import TestedRun
from tests.support.made_predictions import findings, multiclass_predictions

FEW = {"min_positives": 5, "min_negatives": 5}


def run(**known) -> TestedRun:
    return TestedRun("p", None, "test", "d", "mse", "finetune", 1.0, 1, "0", "4", {"tested": {}, **known})


@pytest.mark.parametrize("name", ["auc", "average_precision", "f1", "sensitivity", "specificity"])
@pytest.mark.parametrize("make", [findings, multiclass_predictions])
def test_value_and_without_each_patient(make, name: str) -> None:
    predictions = make()
    thresholds = dict.fromkeys(predictions.classes, 0.5) if make is findings else None
    measured = TestSet(predictions, FEW, Metric(name)).measure(run(thresholds=thresholds), predictions)

    def value(kept: np.ndarray) -> float:
        parts = {"images": [], "patients": []}
        for own, key in ((predictions.images, "images"), (predictions.patients, "patients")):
            parts[key] = tuple(np.array(own)[kept].tolist())
        part = replace(
            predictions, **parts, labels=predictions.labels[kept], probabilities=predictions.probabilities[kept]
        )
        return evaluate_predictions(part, thresholds, resamples=39, **FEW)["overall"][f"macro_{name}"]["value"]

    whole = np.arange(len(predictions.images))
    assert measured.value == pytest.approx(value(whole), abs=1e-12)
    patients = sorted(set(predictions.patients))
    for place in (0, 17):
        kept = whole[np.array(predictions.patients) != patients[place]]
        assert measured.left_out[place] == pytest.approx(value(kept), abs=1e-12)


def test_one_class_alone() -> None:
    predictions = findings()
    made = TestSet(predictions, FEW, Metric("auc", "B")).measure(run(), predictions)
    assert made.value == evaluate_predictions(predictions, resamples=39, **FEW)["classes"]["B"]["auc"]["value"]


def test_few_patients_of_the_second_of_two_classes_are_few_for_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interval_settings, "FEW_PATIENTS", 10_000)
    two = multiclass_predictions(2)
    for label in (None, *two.classes):
        assert [own["class"] for own in TestSet(two, FEW, Metric("f1", label)).few_patients] == [two.classes[1]]
    assert [own["class"] for own in TestSet(findings(), FEW, Metric("auc", "B")).few_patients] == ["B"]


def test_why_one_class_alone_has_no_value() -> None:
    with pytest.raises(EvaluationError, match="the test images have no class 'C': choose one of A, B"):
        TestSet(findings(), FEW, Metric("auc", "C")).measure(run(), findings())
    few = findings()
    few.labels[:, 1] = 1
    few.labels[:3, 1] = 0
    reason = r"'B' of the metric was left out: 147 positive and 3 negative test images \(fewer than 5 negatives\)"
    with pytest.raises(EvaluationError, match=reason):
        TestSet(few, FEW, Metric("auc", "B")).measure(run(), few)
    two = multiclass_predictions(2)
    with pytest.raises(EvaluationError, match="auc has no value for the class 'A' alone: choose one of B"):
        TestSet(two, FEW, Metric("auc", "A")).measure(run(), two)
    assert TestSet(two, FEW, Metric("f1", "A")).measure(run(), two).value > 0


def test_images_in_another_order_and_other_images() -> None:
    first, order = findings(), np.random.default_rng(0).permutation(150)
    shuffled = replace(
        first,
        images=tuple(first.images[i] for i in order),
        patients=tuple(first.patients[i] for i in order),
        labels=first.labels[order],
        probabilities=first.probabilities[order],
    )
    test = TestSet(first, FEW, Metric())
    one, other = test.measure(run(), first), test.measure(run(), shuffled)
    assert one.value == other.value
    assert np.array_equal(one.left_out, other.left_out)
    with pytest.raises(ComparisonError, match="not of the same test set"):
        test.measure(run(), findings(seed=1))


def test_metrics_by_either_name() -> None:
    assert Metric.of("macro_auc") == Metric.of("auc") == Metric()
    assert Metric.of("f1", "Mass").words == "F1 of Mass"
    assert Metric().points == "AUC points"
    with pytest.raises(StudyError, match="choose one of auc"):
        Metric.of("accuracy")
    with pytest.raises(StudyError, match=r"calibration_error is not compared: .* one of auc, "):
        Metric.of("calibration_error")
