from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss

from monai_mocoi.analysis import (
    choose_operating_points,
    evaluate_fully,
    evaluate_predictions,
    fit_recalibration,
    recalibrated,
    wanted_points,
)
from monai_mocoi.data import Predictions
from monai_mocoi.errors import EvaluationError
from monai_mocoi.metrics import calibration_line, patient_bootstrap
from tests.support.made_predictions import findings, multiclass_predictions, of

FEW = {"resamples": 99}
HALF = {"A": 0.5, "B": 0.5}


def calibrated(seed: int, images: int = 600) -> Predictions:
    """Two findings, labels drawn from their probabilities; two images a patient."""
    drawn = np.random.default_rng(seed)
    said = expit(drawn.normal(-0.5, 1.3, (images, 2)))
    made = of(said, drawn.uniform(size=said.shape) < said, [f"{seed}p{i // 2:04}" for i in range(images)])
    return replace(made, images=tuple(f"{seed}/{name}" for name in made.images))


def squared(predictions: Predictions) -> Predictions:
    return replace(predictions, probabilities=predictions.probabilities**2)


def plain(report: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(json.dumps(report, allow_nan=False)))


def test_the_numbers_of_before_stay_and_the_new_ones_are_those_of_other_programs() -> None:
    made = calibrated(0)
    report = plain(evaluate_fully(made, HALF, **FEW))
    before = plain(evaluate_predictions(made, HALF, **FEW))
    assert {name: report[name] for name in before} == before
    for column, name in enumerate("AB"):
        own = report["calibration"]["classes"][name]
        labels, said = made.labels[:, column], made.probabilities[:, column]
        line = calibration_line(labels, said)
        assert own["slope"]["value"] == pytest.approx(line.slope, abs=1e-9)
        assert own["intercept"]["value"] == pytest.approx(line.intercept, abs=1e-9)
        assert own["brier"]["value"] == pytest.approx(brier_score_loss(labels, said), abs=1e-12)
        assert own["slope"]["interval"][0] < 1 < own["slope"]["interval"][1]
        assert sum(bin["positives"] for bin in own["reliability"]) == labels.sum()
        assert sum(own["histogram"]["positives"]) + sum(own["histogram"]["negatives"]) == 600
        curve = report["decision_curve"]["classes"][name]
        for cut, number in zip(curve["thresholds"], curve["model"], strict=True):
            called = said >= cut
            benefit = (called & (labels == 1)).mean() - (called & (labels == 0)).mean() * cut / (1 - cut)
            assert number["value"] == pytest.approx(benefit, abs=1e-12)
    assert report["probabilities"] == "as given"
    assert "validation" in report["operating_points"]["reason"]
    assert "no validation" in report["calibration"]["recalibrated"]["reason"]


def test_a_number_has_the_interval_of_the_patient_bootstrap() -> None:
    made = calibrated(1, 200)
    report = evaluate_fully(made, HALF, resamples=199, seed=3, interval="percentile")
    draw = patient_bootstrap(made.patients, made.labels, 199, 3)
    values = []
    for resample in range(199):
        gap = (made.probabilities[:, 1] - made.labels[:, 1]) ** 2
        values.append(np.average(gap, weights=draw.weights(resample)))
    low, high = np.quantile(values, [0.025, 0.975], method="weibull")  # of rank q (B + 1)
    assert report["calibration"]["classes"]["B"]["brier"]["interval"] == pytest.approx([low, high], abs=1e-12)


def test_known_miscalibration_is_found_on_test_and_mended_by_validation() -> None:
    test, validation = squared(calibrated(0, 2000)), squared(calibrated(1, 2000))
    report = plain(evaluate_fully(test, HALF, fit_recalibration(validation), **FEW))
    for name in "AB":
        before = report["calibration"]["classes"][name]
        after = report["calibration"]["recalibrated"]["classes"][name]
        assert before["intercept"]["interval"][0] > 0.3  # squared probabilities are too low
        assert before["slope"]["interval"][1] < 1  # and too far apart
        for measure, right in (("intercept", 0), ("slope", 1)):
            # The interval does not hold the chance in fitting: so by how much, and not whether it holds what is right.
            assert abs(after[measure]["value"] - right) < 0.3 * abs(before[measure]["value"] - right)
        assert after["brier"]["value"] < before["brier"]["value"]


def test_recalibrated_probabilities_are_measured_when_asked_and_decisions_stay() -> None:
    test, validation = squared(calibrated(0)), squared(calibrated(1))
    record, thresholds = fit_recalibration(validation), {"A": 0.2, "B": 0.11}
    before = plain(evaluate_fully(test, thresholds, record, **FEW))
    after = plain(evaluate_fully(test, thresholds, record, recalibrate=True, **FEW))
    assert after["probabilities"] == after["calibration"]["probabilities"] == "recalibrated"
    assert "recalibrated" not in after["calibration"]
    for name in ("macro_f1", "macro_sensitivity", "macro_specificity"):
        assert after["overall"][name] == before["overall"][name]
    assert after["overall"]["macro_auc"] == before["overall"]["macro_auc"]
    assert after["overall"]["calibration_error"]["value"] < before["overall"]["calibration_error"]["value"]
    assert after["calibration"]["classes"]["A"]["slope"]["value"] == pytest.approx(
        before["calibration"]["recalibrated"]["classes"]["A"]["slope"]["value"]
    )
    mended = recalibrated(test, record).probabilities
    mapped = np.array([after["thresholds_recalibrated"][name] for name in "AB"])
    np.testing.assert_array_equal(mended >= mapped, test.probabilities >= [0.2, 0.11])
    line = record["classes"]["A"]
    assert mapped[0] == pytest.approx(expit(line["intercept"] + line["slope"] * logit(0.2)))


def test_two_multiclass_labels_keep_their_decisions_too() -> None:
    said = calibrated(0).probabilities[:, 0] ** 2
    labels = calibrated(0).labels[:, 0]
    test = of(np.stack([1 - said, said], axis=1), labels)
    record = fit_recalibration(test)
    before = evaluate_fully(test, None, record, **FEW)
    after = evaluate_fully(test, None, record, recalibrate=True, **FEW)
    assert list(before["calibration"]["classes"]) == ["B"]
    assert after["overall"]["macro_f1"] == before["overall"]["macro_f1"]
    assert after["calibration"]["classes"]["B"]["slope"]["value"] == pytest.approx(1, abs=1e-6)


def test_more_multiclass_labels_have_one_temperature() -> None:
    made = multiclass_predictions(images=600, patients=200)
    bold = made.probabilities**3 / (made.probabilities**3).sum(axis=1, keepdims=True)
    record = fit_recalibration(replace(made, probabilities=bold))
    again = fit_recalibration(recalibrated(replace(made, probabilities=bold), record))
    assert record["temperature"] > 1.5
    assert again["temperature"] == pytest.approx(1, abs=1e-6)
    report = evaluate_fully(made, None, record, **FEW)
    assert list(report["calibration"]["classes"]) == ["A", "B", "C"]
    assert report["calibration"]["recalibrated"]["method"] == "temperature"


def test_operating_points_are_chosen_on_validation_and_told_of_test() -> None:
    test, validation = calibrated(0), calibrated(1)
    points = choose_operating_points(validation, [0.9], [0.95])
    report = plain(evaluate_fully(test, HALF, operating_points=points, **FEW))["operating_points"]
    assert report["chosen_on"] == {"split": "validation", "images": 600, "patients": 300}
    sensitive, specific = report["classes"]["A"]
    for point, wanted in ((sensitive, "sensitivity"), (specific, "specificity")):
        assert point["target"] == wanted
        assert point["validation"][wanted] >= point["at_least"]
    labels, called = test.labels[:, 0] == 1, test.probabilities[:, 0] >= sensitive["threshold"]
    expected = [called[labels].mean(), (~called)[~labels].mean(), labels[called].mean(), (~labels)[~called].mean()]
    names = ("sensitivity", "specificity", "positive_predictive_value", "negative_predictive_value")
    assert [sensitive[name]["value"] for name in names] == pytest.approx(expected, abs=1e-12)
    assert all(sensitive[name]["interval"][0] <= sensitive[name]["value"] for name in names)


def test_a_value_that_resamples_lack_has_no_interval() -> None:
    test = calibrated(0, 200)
    highest = float(np.sort(test.probabilities[:, 0])[-2])  # two images are called, of one patient or two
    point = {"target": "specificity", "at_least": 0.99, "threshold": highest}
    report = evaluate_fully(test, HALF, operating_points={"classes": {"A": [point]}}, **FEW)
    (found,) = report["operating_points"]["classes"]["A"]
    assert found["positive_predictive_value"]["interval"] is None
    assert "resamples" in found["positive_predictive_value"]["reason"]
    assert found["specificity"]["interval"] is not None
    assert "reason" not in found["specificity"]
    plain(report)


def test_points_of_a_sidecar_are_looked_up() -> None:
    known = choose_operating_points(calibrated(1))
    found = wanted_points(known, [0.9], [0.8, 0.99])
    assert found is not None
    assert found["classes"]["A"][0] == known["classes"]["A"][1]
    assert [point.get("threshold") is None for point in found["classes"]["A"]] == [False, False, True]
    assert wanted_points(None, [0.9], []) is None


def test_too_few_or_constant_or_turned_round_predictions_get_a_reason() -> None:
    few = findings((0.4, 0.05), images=100)
    record = fit_recalibration(few)
    assert "5 positive image(s)" in record["classes"]["B"]["reason"]
    assert "reason" in choose_operating_points(few)["classes"]["B"][0]
    backwards = replace(few, probabilities=1 - few.probabilities)
    assert "backwards" in fit_recalibration(backwards)["classes"]["A"]["reason"]
    constant = replace(few, probabilities=np.full_like(few.probabilities, 0.3))
    assert "same" in fit_recalibration(constant)["classes"]["A"]["reason"]
    report = plain(evaluate_fully(constant, HALF, min_positives=5, **FEW))
    own = report["calibration"]["classes"]["A"]
    assert own["slope"]["value"] is None
    assert own["brier"]["value"] == pytest.approx(0.4 * 0.49 + 0.6 * 0.09)
    assert len(own["reliability"]) == 1


def test_probabilities_of_0_and_1_and_sums_other_than_1() -> None:
    test = calibrated(0)
    said = np.round(test.probabilities)  # 0 and 1 alone
    report = plain(evaluate_fully(replace(test, probabilities=said), HALF, fit_recalibration(calibrated(1)), **FEW))
    assert report["calibration"]["classes"]["A"]["clipped_images"] == 600
    assert report["calibration"]["classes"]["A"]["slope"]["value"] > 0
    made = multiclass_predictions()
    report = evaluate_fully(replace(made, probabilities=made.probabilities * 0.9), **FEW)
    assert report["calibration"]["sums"] == {
        "images_not_1": 150, "lowest": pytest.approx(0.9), "highest": pytest.approx(0.9)
    }  # fmt: skip


def test_nothing_to_score() -> None:
    report = plain(evaluate_fully(findings((0.05, 0.04)), HALF, **FEW))
    assert report["calibration"]["classes"] == report["decision_curve"]["classes"] == {}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"decision_thresholds": [0.5, 1.0]}, "decision_thresholds"),
        ({"decision_thresholds": 0.5}, "decision_thresholds"),
        ({"recalibrate": True}, "nothing can be recalibrated"),
        ({"recalibrate": True, "recalibration": {"method": "temperature", "reason": "So few."}}, "So few."),
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(EvaluationError, match=words):
        evaluate_fully(findings(), HALF, **settings, **FEW)


@pytest.mark.parametrize("value", [[0.0], [1.2], ["a"], 0.9, [True]])
def test_wanted_sensitivities_that_cannot_be_meant(value: Any) -> None:
    with pytest.raises(EvaluationError, match="target_sensitivity"):
        choose_operating_points(findings(), value, [])


def test_thresholds_of_the_decision_curve_can_be_given() -> None:
    curve = evaluate_fully(findings(), HALF, decision_thresholds=[0.3, 0.1, 0.1], **FEW)["decision_curve"]
    assert curve["classes"]["A"]["thresholds"] == [0.1, 0.3]
