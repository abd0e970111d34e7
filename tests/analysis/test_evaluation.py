from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, recall_score, roc_auc_score

from monai_mocoi.analysis import OVERALL, evaluate_predictions, few_patients_in_words
from monai_mocoi.data import Predictions
from monai_mocoi.errors import EvaluationError
from monai_mocoi.metrics import (
    expected_calibration_error,
    logit_interval,
    obuchowski_auc,
    patient_bootstrap,
    roc_auc_by_patient,
    top_label,
)
from tests.support.made_predictions import findings, multiclass_predictions, of

FEW = {"resamples": 99}
HALF = {"A": 0.5, "B": 0.5, "C": 0.5}


def plain(report: dict[str, Any]) -> dict[str, Any]:
    """The report as a reader of the JSON file gets it; NaN is refused."""
    return dict(json.loads(json.dumps(report, allow_nan=False)))


def test_findings_against_scikit_learn() -> None:
    made = findings()
    thresholds = {"A": 0.5, "B": 0.37}
    report = plain(evaluate_predictions(made, thresholds, **FEW))
    truth, said = made.labels, made.probabilities
    decided = said >= [0.5, 0.37]
    expected = {
        "auc": roc_auc_score(truth, said, average=None),
        "average_precision": average_precision_score(truth, said, average=None),
        "f1": f1_score(truth, decided, average=None),
        "sensitivity": recall_score(truth, decided, average=None),
        "specificity": recall_score(1 - truth, ~decided, average=None),
        "calibration_error": expected_calibration_error(truth, said),
    }
    for overall, metric in OVERALL.items():
        values = [report["classes"][name][metric]["value"] for name in "AB"]
        assert values == pytest.approx(expected[metric], abs=1e-12)
        number = report["overall"][overall]
        assert number["value"] == pytest.approx(np.mean(expected[metric]), abs=1e-12)
        assert number["interval"][0] < number["interval"][1]
    assert report["thresholds"] == thresholds
    assert (report["images"], report["patients"], report["kind"]) == (150, 60, "multilabel")
    assert (report["classes"]["B"]["positives"], report["classes"]["B"]["negatives"]) == (45, 105)


@pytest.mark.parametrize("interval", ["bca", "percentile"])
def test_intervals_are_those_of_the_patient_bootstrap(interval: str) -> None:
    made = findings()
    report = plain(evaluate_predictions(made, HALF, resamples=199, seed=3, interval=interval, level=0.9))
    draw = patient_bootstrap(made.patients, made.labels, 199, 3)
    auc = draw.apply(roc_auc_by_patient(made.labels, made.probabilities, made.patients))
    low, high = auc.interval(interval, 0.9)
    for column, name in enumerate("AB"):
        number = report["classes"][name]["auc"]
        assert number["interval"] == pytest.approx([low[column], high[column]], abs=1e-12)
        own = obuchowski_auc(made.labels[:, column], made.probabilities[:, column], made.patients)
        expected = logit_interval(own.auc, own.variance, 0.9)[:, 0]
        assert number["obuchowski_logit"] == pytest.approx(expected, abs=1e-12)
        assert number["obuchowski_normal"][0] < number["value"] < number["obuchowski_normal"][1]
    assert report["overall"]["macro_auc"]["interval"] == pytest.approx(auc.mean().interval(interval, 0.9), abs=1e-12)
    assert report["intervals"] == {
        **{"method": interval, "level": 0.9, "over": "patients", "resamples": 199, "redrawn": draw.redrawn, "seed": 3},
        **{"images": 150, "patients": 60},
    }


def test_a3_the_interval_does_not_shrink_with_more_resamples() -> None:
    """A3: 1.96 sd / sqrt(resamples) would be a quarter as wide with 16 times as many."""
    made = findings()
    widths = []
    for resamples in (250, 4000):
        low, high = evaluate_predictions(made, resamples=resamples)["overall"]["macro_auc"]["interval"]
        widths.append(high - low)
    assert widths[1] == pytest.approx(widths[0], rel=0.2)


def test_a21_two_multiclass_labels_are_ranked_by_the_probability_of_the_second() -> None:
    """A21: the raw second logit ranks otherwise than the probability, which the first logit goes into too."""
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 2
    common = 3 * generator.standard_normal(120)
    logits = np.stack([common, common + labels + generator.standard_normal(120)], axis=1)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    report = plain(evaluate_predictions(of(probabilities, labels), **FEW))
    expected = roc_auc_score(labels, probabilities[:, 1])
    assert report["overall"]["macro_auc"]["value"] == pytest.approx(expected, abs=1e-12)
    assert report["classes"]["B"]["auc"]["value"] == pytest.approx(expected, abs=1e-12)
    assert "auc" not in report["classes"]["A"]
    assert abs(roc_auc_score(labels, logits[:, 1]) - expected) > 0.1
    assert report["classes"]["A"]["sensitivity"]["value"] == report["classes"]["B"]["specificity"]["value"]


def test_multiclass_labels_are_decided_by_the_highest_probability() -> None:
    made = multiclass_predictions()
    report = plain(evaluate_predictions(made, **FEW))
    best = made.probabilities.argmax(axis=1)
    overall = report["overall"]
    assert overall["macro_f1"]["value"] == pytest.approx(f1_score(made.labels, best, average="macro"), abs=1e-12)
    assert overall["macro_auc"]["value"] == pytest.approx(
        roc_auc_score(made.labels, made.probabilities, multi_class="ovr"), abs=1e-12
    )
    error = expected_calibration_error(*top_label(made.labels, made.probabilities))
    assert overall["calibration_error"]["value"] == pytest.approx(float(error), abs=1e-12)
    assert "calibration_error" not in report["classes"]["A"]
    assert report["thresholds"] is None


def test_the_order_of_the_images_does_not_matter() -> None:
    made = findings()
    order = np.random.default_rng(1).permutation(150)
    turned = Predictions(
        tuple(made.images[i] for i in order),
        tuple(made.patients[i] for i in order),
        made.classes,
        made.kind,
        made.labels[order],
        made.probabilities[order],
    )
    first, second = (evaluate_predictions(own, HALF, **FEW) for own in (made, turned))
    for name in OVERALL:
        for key in ("value", "interval"):
            assert first["overall"][name][key] == pytest.approx(second["overall"][name][key], abs=1e-12)


def test_classes_with_few_images_are_named_and_never_nan() -> None:
    made = findings(shares=(0.4, 0.1, 0.0, 0.9))
    report = plain(evaluate_predictions(made, {**HALF, "D": 0.5}, **FEW))
    assert report["scored_classes"] == ["A"]
    assert report["left_out_classes"] == [
        {"class": "B", "positives": 15, "negatives": 135, "reason": "fewer than 25 positives"},
        {"class": "C", "positives": 0, "negatives": 150, "reason": "fewer than 25 positives"},
        {"class": "D", "positives": 135, "negatives": 15, "reason": "fewer than 25 negatives"},
    ]
    assert list(report["classes"]) == ["A"]
    assert report["overall"]["macro_auc"]["value"] == report["classes"]["A"]["auc"]["value"]
    more = plain(evaluate_predictions(made, {**HALF, "D": 0.5}, min_positives=15, min_negatives=15, **FEW))
    assert more["scored_classes"] == ["A", "B", "D"]


def test_a_class_of_one_patient_is_not_scored() -> None:
    made = findings(shares=(0.4, 0.3))
    patients = tuple("p000" if label else f"p{row:03}" for row, label in enumerate(made.labels[:, 1]))
    report = plain(evaluate_predictions(replace(made, patients=patients), HALF, **FEW))
    assert report["scored_classes"] == ["A"]
    assert report["left_out_classes"][0]["reason"] == "all positives, or all negatives, are of one patient"


def test_a_class_of_few_patients_is_scored_with_a_warning() -> None:
    made = findings(shares=(0.4, 0.3))
    patients = tuple(f"p{row % 9:03}" if label else f"n{row:03}" for row, label in enumerate(made.labels[:, 1]))
    report = plain(evaluate_predictions(replace(made, patients=patients), HALF, **FEW))
    (few,) = report["few_patients"]
    negative = len({p for p, label in zip(patients, made.labels[:, 1], strict=True) if not label})
    assert few == {"class": made.classes[1], "positive_patients": 9, "negative_patients": negative}
    assert report["classes"][few["class"]]["auc"]["interval"] is not None
    (words,) = few_patients_in_words(report)
    assert "positives of 9, negatives of" in words
    ten = tuple(f"p{row % 10:03}" if label else f"n{row:03}" for row, label in enumerate(made.labels[:, 1]))
    assert few_patients_in_words(evaluate_predictions(replace(made, patients=ten), HALF, **FEW)) == []


@pytest.mark.parametrize("images", [0, 1, 20])
def test_no_class_to_be_scored_is_a_result(images: int) -> None:
    made = findings(patients=min(images, 10), images=images) if images else of(np.zeros((0, 2)), np.zeros((0, 2)))
    report = plain(evaluate_predictions(made, HALF, **FEW))
    assert report["scored_classes"] == []
    assert len(report["left_out_classes"]) == 2
    assert report["classes"] == {}
    assert report["intervals"]["redrawn"] is None
    for number in report["overall"].values():
        assert number["value"] is None
        assert number["interval"] is None
        assert number["reason"].startswith("None of the 2 classes has enough")


def test_without_thresholds_there_are_no_decisions_of_findings() -> None:
    report = plain(evaluate_predictions(findings(), **FEW))
    assert report["overall"]["macro_f1"]["value"] is None
    assert "No thresholds were given" in report["overall"]["macro_f1"]["reason"]
    assert report["overall"]["macro_auc"]["value"] > 0.5
    assert "f1" not in report["classes"]["A"]


def test_complete_separation_is_said_to_be_no_certainty() -> None:
    labels = (np.arange(60) % 2)[:, None]
    report = plain(evaluate_predictions(of(0.2 + 0.6 * labels, labels), {"A": 0.5}, **FEW))
    number = report["classes"]["A"]["auc"]
    assert number["interval"] == [1, 1]
    assert "zero width" in number["note"]
    assert "zero width" in report["overall"]["macro_auc"]["note"]
    assert "note" not in plain(evaluate_predictions(findings(), HALF, **FEW))["overall"]["macro_auc"]


def test_ties_count_half() -> None:
    labels = (np.arange(60) % 2)[:, None]
    report = plain(evaluate_predictions(of(np.full((60, 1), 0.5), labels), {"A": 0.5}, **FEW))
    assert report["overall"]["macro_auc"]["value"] == 0.5
    assert report["overall"]["macro_sensitivity"]["value"] == 1
    assert report["overall"]["macro_specificity"]["value"] == 0


def test_undefined_resamples_are_redrawn_and_counted() -> None:
    # 30 positives of 2 of 40 patients: a resample lacks both with probability (38/40)^40 = 0.13.
    labels = np.r_[np.ones(30), np.zeros(38)].astype(int)[:, None]
    patients = [f"p{i % 2}" for i in range(30)] + [f"p{i}" for i in range(2, 40)]
    made = of(np.linspace(0, 1, 68)[:, None], labels, patients)
    report = plain(evaluate_predictions(made, {"A": 0.5}, resamples=499))
    assert 30 < report["intervals"]["redrawn"] < 130


def test_values_without_intervals_where_too_many_resamples_lack_a_class() -> None:
    # Six classes of two patients each: nearly all resamples lack one of them.
    labels = np.repeat(np.repeat(np.eye(6, dtype=int), 2, axis=0), 13, axis=0)
    patients = [f"p{i // 13:02}" for i in range(len(labels))]
    said = np.random.default_rng(0).random(labels.shape)
    report = plain(evaluate_predictions(of(said, labels, patients), dict.fromkeys("ABCDEF", 0.5)))
    number = report["overall"]["macro_auc"]
    assert number["value"] == pytest.approx(roc_auc_score(labels, said), abs=1e-12)
    assert number["interval"] is None
    assert "fewer classes" in number["reason"]
    assert report["classes"]["A"]["auc"]["interval"] is None
    # Of more classes the first of which is left out, the one that is lacking is named.
    labels, said = np.c_[np.zeros(len(labels), int), labels], np.c_[said[:, 0], said]
    report = plain(evaluate_predictions(of(said, labels, patients), dict.fromkeys("ABCDEFG", 0.5)))
    (lacking,) = re.findall("most often class '(.+?)': too few", report["overall"]["macro_auc"]["reason"])
    assert lacking in report["scored_classes"] == [*"BCDEFG"]


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"interval": "normal"}, "interval is 'normal'"),
        ({"resamples": 0}, "resamples is 0"),
        ({"resamples": 38}, "at least 39"),
        ({"resamples": 2000.0}, "resamples is 2000.0; it must be a whole number, 1 or more"),
        ({"resamples": "2000"}, "resamples is '2000'; it must be a whole number"),
        ({"seed": 1.5}, "seed is 1.5; it must be a whole number, 0 or more"),
        ({"min_positives": None}, "min_positives is None; it must be a whole number"),
        ({"level": "0.95"}, "level is '0.95'; it must be a number above 0 and below 1"),
        ({"level": 95}, "level is 95"),
        ({"seed": -1}, "seed is -1"),
        ({"min_positives": 0}, "min_positives is 0"),
        ({"min_negatives": -1}, "min_negatives is -1"),
        ({"thresholds": {"A": 0.5}}, "no threshold for B"),
        ({"thresholds": {"A": 0.5, "B": float("nan")}}, "no threshold for B"),
    ],
)
def test_refusals(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(EvaluationError, match=text) as caught:
        evaluate_predictions(findings(), **settings)
    assert caught.value.exit_code == 2


def test_a_calibration_error_has_no_interval_that_does_not_hold_it() -> None:
    """Resampling adds noise to the bins: of few images of a calibrated classifier every resample's error is larger."""
    generator = np.random.default_rng(3)
    probabilities = generator.uniform(0.05, 0.95, size=(120, 4))
    labels = (generator.uniform(size=probabilities.shape) < probabilities).astype(np.int64)
    names = tuple(f"{i}" for i in range(120))
    found = evaluate_predictions(Predictions(names, names, tuple("abcd"), "multilabel", labels, probabilities))
    numbers = [found["overall"]["calibration_error"], *(own["calibration_error"] for own in found["classes"].values())]
    without = [number for number in numbers if number["interval"] is None]
    assert not any("note" in number for number in numbers)  # no width, but not because all resamples are alike
    assert without
    assert all(number["reason"].startswith("Resampling raises this error") for number in without)
    for number in numbers:
        assert number["interval"] is None or number["interval"][0] <= number["value"] <= number["interval"][1]
