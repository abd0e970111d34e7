"""Findings that are not known of every image: each number is what one gets by dropping those images, class by class."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, recall_score, roc_auc_score

from monai_mocoi.analysis import (
    choose_operating_points,
    chosen_thresholds,
    compare_outputs,
    compare_predictions,
    evaluate_fully,
    evaluate_predictions,
    evaluate_subgroups,
    external_report,
    fit_recalibration,
    unknown_in_report,
)
from monai_mocoi.analysis.linear_evaluation import log_loss
from monai_mocoi.data import Columns, Predictions
from monai_mocoi.metrics import UNKNOWN, holm, is_known, patient_bootstrap, percentile_interval
from tests.support.made_predictions import findings

FEW: dict[str, Any] = {"resamples": 60, "min_positives": 10, "min_negatives": 10}
HALF = {"A": 0.5, "B": 0.4}


def with_unknown(made: Predictions, seed: int = 4) -> Predictions:
    """A is not known of every fourth image, B of every second; of the first patient neither is."""
    labels = made.labels.copy()
    labels[np.random.default_rng(seed).random(labels.shape) < [0.25, 0.5]] = UNKNOWN
    labels[np.array(made.patients) == made.patients[0]] = UNKNOWN
    return replace(made, labels=labels)


def dropped(made: Predictions) -> Iterator[tuple[str, Predictions]]:
    """Each finding alone, on the images in which it is known: the second way."""
    for i, name in enumerate(made.classes):
        (rows,) = np.nonzero(made.labels[:, i] != UNKNOWN)
        yield (
            name,
            Predictions(
                tuple(made.images[row] for row in rows),
                tuple(made.patients[row] for row in rows),
                (name,),
                "multilabel",
                made.labels[rows, i : i + 1],
                made.probabilities[rows, i : i + 1],
            ),
        )


def values(number: Any) -> Any:
    """A report without intervals, which hold the chance in drawing all patients, and what tells of their making."""
    if isinstance(number, list):
        return [values(own) for own in number]
    if not isinstance(number, dict):
        return number
    left = ("interval", "reason", "note", "obuchowski_normal", "obuchowski_logit")
    return {name: values(own) for name, own in number.items() if name not in left}


@pytest.fixture(scope="module")
def made() -> Predictions:
    return with_unknown(findings(images=300, patients=100))


@pytest.fixture(scope="module")
def validation() -> Predictions:
    own = findings(images=280, patients=90)
    probabilities = np.clip(own.probabilities * 0.9 + 0.02, 0, 1)
    return with_unknown(replace(own, images=tuple(f"v/{n}" for n in own.images), probabilities=probabilities), 9)


def test_every_number_of_a_class_against_scikit_learn(made: Predictions) -> None:
    report = evaluate_predictions(made, HALF, **FEW)
    json.dumps(report, allow_nan=False)
    for name, alone in dropped(made):
        own, truth, said = report["classes"][name], alone.labels[:, 0], alone.probabilities[:, 0]
        called = said >= HALF[name]
        expected = {
            "auc": roc_auc_score(truth, said),
            "average_precision": average_precision_score(truth, said),
            "f1": f1_score(truth, called),
            "sensitivity": recall_score(truth, called),
            "specificity": recall_score(truth, called, pos_label=0),
        }
        assert {metric: own[metric]["value"] for metric in expected} == pytest.approx(expected, abs=1e-12)
        assert (own["positives"], own["negatives"]) == (truth.sum(), len(truth) - truth.sum())
        assert own["unknown"] == 300 - len(truth)
    overall = np.mean([report["classes"][name]["auc"]["value"] for name in "AB"])
    assert report["overall"]["macro_auc"]["value"] == pytest.approx(overall)
    told = ", ".join(f"{name} {report['classes'][name]['unknown']}" for name in "AB")
    assert unknown_in_report(report) == [f"Not known of some images, and measured over the others: {told}."]


def test_intervals_are_over_all_patients_and_each_classs_known_images(made: Predictions) -> None:
    report = evaluate_predictions(made, HALF, interval="percentile", **FEW)
    draw = patient_bootstrap(np.array(made.patients), made.labels, FEW["resamples"], 0)
    areas = []
    for resample in range(FEW["resamples"]):
        weights = draw.weights(resample)
        own = []
        for i in range(2):
            known = made.labels[:, i] != UNKNOWN
            own.append(roc_auc_score(made.labels[known, i], made.probabilities[known, i], sample_weight=weights[known]))
        areas.append(own)
    for i, name in enumerate("AB"):
        expected = percentile_interval(np.array(areas)[:, i])
        assert report["classes"][name]["auc"]["interval"] == pytest.approx(expected, abs=1e-12)
    macro = percentile_interval(np.mean(areas, axis=1))
    assert report["overall"]["macro_auc"]["interval"] == pytest.approx(macro, abs=1e-12)
    assert report["intervals"]["patients"] == len(set(made.patients))


def test_calibration_operating_points_and_decision_curve_are_those_of_each_class_alone(
    made: Predictions, validation: Predictions
) -> None:
    fitted, points = fit_recalibration(validation), choose_operating_points(validation)
    cuts = [0.2, 0.4]
    report = evaluate_fully(made, HALF, fitted, operating_points=points, decision_thresholds=cuts, **FEW)
    json.dumps(report, allow_nan=False)
    for name, alone in dropped(made):
        own_points = {**points, "classes": {name: points["classes"][name]}}
        own_fit = {**fitted, "classes": {name: fitted["classes"][name]}}
        own = evaluate_fully(alone, HALF, own_fit, operating_points=own_points, decision_thresholds=cuts, **FEW)
        assert values(report["calibration"]["classes"][name]) == values(own["calibration"]["classes"][name])
        after, alone_after = (r["calibration"]["recalibrated"]["classes"][name] for r in (report, own))
        assert values(after) == values(alone_after)
        assert values(report["operating_points"]["classes"][name]) == values(own["operating_points"]["classes"][name])
        assert values(report["decision_curve"]["classes"][name]) == values(own["decision_curve"]["classes"][name])
        found = report["calibration"]["classes"][name]
        assert found["brier"]["value"] == pytest.approx(brier_score_loss(alone.labels, alone.probabilities))
        assert found["share_of_positives"] == alone.labels.mean()
        assert all(bin["observed"]["interval"] is not None for bin in found["reliability"])


def test_what_is_chosen_on_validation_is_chosen_on_what_is_known(validation: Predictions) -> None:
    thresholds, without = chosen_thresholds(validation)
    points, fitted = choose_operating_points(validation)["classes"], fit_recalibration(validation)["classes"]
    assert (set(thresholds or {}), without) == ({"A", "B"}, [])
    for name, alone in dropped(validation):
        assert {name: (thresholds or {})[name]} == chosen_thresholds(alone)[0]
        assert points[name] == choose_operating_points(alone)["classes"][name]
        assert fitted[name] == fit_recalibration(alone)["classes"][name]


def test_a_class_without_a_known_positive_or_negative_is_named_and_not_scored(made: Predictions) -> None:
    labels = made.labels.copy()
    labels[labels[:, 1] == 0, 1] = UNKNOWN
    one_sided = replace(made, labels=labels)
    report = evaluate_fully(one_sided, HALF, **FEW)
    json.dumps(report, allow_nan=False)
    (left_out,) = report["left_out_classes"]
    assert (report["scored_classes"], left_out["class"], left_out["negatives"]) == (["A"], "B", 0)
    assert left_out["unknown"] == int((labels[:, 1] == UNKNOWN).sum())
    assert left_out["reason"] == "fewer than 10 negatives"
    assert chosen_thresholds(one_sided)[1] == ["B"]
    assert "0 negative image(s)" in fit_recalibration(one_sided)["classes"]["B"]["reason"]


def test_subgroups_are_those_of_each_class_alone(made: Predictions) -> None:
    sex = ["F" if row % 3 else "M" for row in range(len(made.images))]
    report = evaluate_subgroups(made, Columns({"sex": sex}, "datalist"), HALF, **FEW)
    json.dumps(report, allow_nan=False)
    group_of = dict(zip(made.images, sex, strict=True))
    alone = {
        name: evaluate_subgroups(
            own, Columns({"sex": [group_of[image] for image in own.images]}, "datalist"), HALF, **FEW
        )["columns"]["sex"]["groups"]
        for name, own in dropped(made)
    }
    for group, found in report["columns"]["sex"]["groups"].items():
        rows = np.array([own == group for own in sex])
        for i, name in enumerate("AB"):
            own = found["classes"][name]
            assert own["unknown"] == int((made.labels[rows, i] == UNKNOWN).sum())
            expected = values(alone[name][group]["classes"][name])
            assert {key: value for key, value in values(own).items() if key != "unknown"} == expected
        for measure in ("auc", "sensitivity", "specificity"):
            mean = np.mean([found["classes"][name][measure]["value"] for name in "AB"])
            assert found[measure]["value"] == pytest.approx(mean)


def test_a_comparison_is_over_what_is_known_and_holm_corrects_it(made: Predictions) -> None:
    blurred = np.random.default_rng(1).random(made.probabilities.shape) * 0.4 + 0.6 * made.probabilities
    other = replace(made, probabilities=blurred)
    report = compare_predictions(made, other, "macro_auc", **FEW)
    for name, alone in dropped(made):
        rows = [made.images.index(image) for image in alone.images]
        column = made.classes.index(name)
        second = roc_auc_score(alone.labels[:, 0], blurred[rows, column])
        assert report["classes"][name]["second"] == pytest.approx(second, abs=1e-12)
        first = roc_auc_score(alone.labels[:, 0], alone.probabilities[:, 0])
        assert report["classes"][name]["value"] == pytest.approx(second - first, abs=1e-12)
        assert report["classes"][name]["unknown"] == len(made.images) - len(alone.images)
    p_values = [own["p_value"] for own in report["classes"].values()]
    assert [own["p_value_holm"] for own in report["classes"].values()] == holm(p_values).tolist()


def test_the_distance_of_outputs_asks_for_no_labels(made: Predictions) -> None:
    known = replace(made, labels=np.abs(made.labels))
    others = [replace(own, probabilities=own.probabilities**2) for own in (made, known)]
    assert compare_outputs(made, others[0], 50) == compare_outputs(known, others[1], 50)


def test_prevalence_is_a_share_of_what_is_known(made: Predictions, validation: Predictions) -> None:
    report = evaluate_predictions(made, HALF, **FEW)
    training = {"images": 100, "positives": {"A": 20, "B": 5}, "unknown": {"B": 90}}
    found = external_report(made, report, validation, training)["prevalence"]
    own = dict(dropped(validation))
    for name, alone in dropped(made):
        assert found[name]["here"] == alone.labels.mean()
        assert found[name]["own_test"] == own[name].labels.mean()
    assert {name: shares["training"] for name, shares in found.items()} == {"A": 0.2, "B": 0.5}


def test_log_loss_is_over_known_values(made: Predictions) -> None:
    known = is_known(made.labels)
    p = np.where(made.labels == 1, made.probabilities, 1 - made.probabilities)[known]
    assert log_loss(made.labels, made.probabilities, "multilabel") == pytest.approx(-np.log(p).mean())
