from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from monai_mocoi.analysis import evaluate_subgroups, gaps_of
from monai_mocoi.data import Columns, Predictions
from monai_mocoi.errors import EvaluationError, RefusedError
from monai_mocoi.metrics import holm, patient_bootstrap
from tests.support.made_predictions import findings, multiclass_predictions

FEW = {"resamples": 99, "min_positives": 10, "min_negatives": 10}
THRESHOLDS = {"A": 0.5, "B": 0.4}


def columns(**values) -> Columns:
    return Columns({name: list(own) for name, own in values.items()}, "datalist")


def by_row(predictions: Predictions, *names: str) -> list[str]:
    return [names[row % len(names)] for row in range(len(predictions.images))]


def part(predictions: Predictions, rows: np.ndarray) -> Predictions:
    names, patients = (tuple(np.array(own)[rows]) for own in (predictions.images, predictions.patients))
    return replace(
        predictions, images=names, patients=patients, labels=predictions.labels[rows],
        probabilities=predictions.probabilities[rows],
    )  # fmt: skip


def test_values_are_those_of_the_group_alone():
    made = findings(images=400, patients=150)
    sex = by_row(made, "F", "M", "M")
    report = evaluate_subgroups(made, columns(sex=sex), THRESHOLDS, **FEW)
    json.dumps(report, allow_nan=False)
    column = report["columns"]["sex"]
    assert column["reference"] == "M"  # the larger one
    for group in ("F", "M"):
        rows = np.flatnonzero(np.array(sex) == group)
        labels, scores = made.labels[rows], made.probabilities[rows]
        found = column["groups"][group]
        assert found["images"] == len(rows)
        assert found["patients"] == len(set(part(made, rows).patients))
        assert found["auc"]["value"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
        decided = scores >= [0.5, 0.4]
        rates = {
            "sensitivity": [decided[labels[:, i] == 1, i].mean() for i in (0, 1)],
            "specificity": [1 - decided[labels[:, i] == 0, i].mean() for i in (0, 1)],
        }
        for measure, expected in rates.items():
            assert found[measure]["value"] == pytest.approx(np.mean(expected), abs=1e-12)
            assert [found["classes"][name][measure]["value"] for name in "AB"] == pytest.approx(expected, abs=1e-12)
        assert found["classes"]["A"]["positives"] == labels[:, 0].sum()
    gap = column["groups"]["F"]["gaps"]["auc"]
    assert gap["value"] == pytest.approx(
        column["groups"]["F"]["auc"]["value"] - column["groups"]["M"]["auc"]["value"], abs=1e-12
    )
    assert "gaps" not in column["groups"]["M"]


def test_the_gap_is_paired_over_patients_by_a_naive_loop():
    """A patient has images in both groups: drawn, all of them come along."""
    made = findings((0.4,), images=300, patients=80)
    view = by_row(made, "AP", "PA")
    report = evaluate_subgroups(made, columns(view=view), None, interval="percentile", **FEW)
    index = np.unique(made.patients, return_inverse=True)[1]
    draw = patient_bootstrap(index, None, 99, 0)
    masks = [np.array(view) == name for name in ("AP", "PA")]
    gaps = []
    for resample in range(99):
        weight = draw.weights(resample)
        own = [
            roc_auc_score(made.labels[mask, 0], made.probabilities[mask, 0], sample_weight=weight[mask])
            for mask in masks
        ]
        gaps.append(own[1] - own[0])
    column = report["columns"]["view"]
    assert column["reference"] == "AP"  # as large as the other: the first
    gap = column["groups"]["PA"]["gaps"]["auc"]
    assert report["intervals"]["redrawn"] == 0
    low, high = np.quantile(gaps, [0.025, 0.975], method="weibull")
    assert gap["interval"] == pytest.approx([low, high], abs=1e-9)
    assert "sensitivity" not in column["groups"]["PA"]  # no thresholds


def test_a_gap_is_over_the_classes_that_both_groups_have():
    made = findings((0.4, 0.3), images=400, patients=200)
    site = np.array(by_row(made, "x", "y", "y"))
    labels = made.labels.copy()
    labels[site == "x", 1] = 0  # x has no positive of B
    report = evaluate_subgroups(replace(made, labels=labels), columns(site=site), None, **FEW)
    groups = report["columns"]["site"]["groups"]
    assert groups["x"]["scored_classes"] == ["A"]
    assert groups["y"]["scored_classes"] == ["A", "B"]
    gap = groups["x"]["gaps"]["auc"]
    assert gap["classes"] == ["A"]
    assert gap["reference"] == groups["y"]["classes"]["A"]["auc"]["value"]


def test_groups_that_are_too_small_are_named_without_a_number():
    made = findings(images=400, patients=200)
    patients = np.array(made.patients)
    some = sorted(set(patients))
    site = np.where(np.isin(patients, some[:4]), "tiny", np.where(np.isin(patients, some[4:14]), "small", "large"))
    site = np.where(np.isin(patients, some[14:30]), None, site)
    groups = evaluate_subgroups(made, columns(site=site), None, **FEW)["columns"]["site"]
    assert groups["groups"]["tiny"] == {"images": None, "patients": None, "reason": "fewer than 5 patients"}
    small = groups["groups"]["small"]
    assert small["patients"] == 10
    assert "10 positive and 10 negative images" in small["reason"]
    assert "auc" not in small
    assert groups["unknown"]["patients"] == 16
    assert groups["reference"] == "large"


def test_images_enough_but_of_few_patients_are_not_measured():
    """25 positives of nine patients: a resample would often lack them."""
    made = findings((0.5,), images=400, patients=200)
    patients = [f"few{row % 9}" if row % 2 else name for row, name in enumerate(made.patients)]
    report = evaluate_subgroups(
        replace(made, patients=tuple(patients)), columns(site=by_row(made, "a", "b")), None, **FEW
    )
    assert "reason" in report["columns"]["site"]["groups"]["b"]
    assert "auc" in report["columns"]["site"]["groups"]["a"]


def test_resamples_without_a_class_in_a_group_are_drawn_again():
    made = findings((0.5,), images=240, patients=240)
    labels, site = np.arange(240)[:, None] % 2, np.char.add("s", (np.arange(240) // 20).astype(str))
    made = replace(made, labels=labels, patients=tuple(f"p{row}" for row in range(240)))
    settings = {**FEW, "resamples": 10000, "interval": "percentile"}
    report = evaluate_subgroups(made, columns(site=site), None, **settings)
    assert report["intervals"]["redrawn"] >= 1  # expected: 24 x 10,000 (1 - 10/240)^240 = 8.8; none: 0.02 %


def test_the_gaps_of_all_columns_are_corrected_together_by_holm():
    made = findings(images=400, patients=200)
    given = columns(sex=by_row(made, "F", "M"), site=by_row(made, "a", "b", "c"), age=np.arange(400) % 90)
    report = evaluate_subgroups(made, given, THRESHOLDS, **FEW)
    for measure in ("auc", "sensitivity", "specificity"):
        gaps = gaps_of(report, measure)
        assert report["corrected_for"][measure] == len(gaps) >= 5
        assert [gap["p_value"] for *_, gap in gaps] == sorted(gap["p_value"] for *_, gap in gaps)
        adjusted = holm([gap["p_value"] for *_, gap in gaps])
        assert [gap["p_value_holm"] for *_, gap in gaps] == pytest.approx(adjusted)


def test_a_group_that_is_served_worse_is_found():
    made = findings((0.4,), images=800, patients=800, noise=1.0)
    made = replace(made, patients=tuple(f"p{row}" for row in range(800)))
    sex = np.array(by_row(made, "F", "M"))
    noise = np.random.default_rng(3).random((800, 1))
    worse = np.where((sex == "F")[:, None], 0.3 * made.probabilities + 0.7 * noise, made.probabilities)
    report = evaluate_subgroups(replace(made, probabilities=worse), columns(sex=sex), None, resamples=499)
    (_, group, reference, gap), *_ = gaps_of(report)
    assert (group, reference) == ("M", "F")  # of two as large, the first is the reference
    assert gap["value"] > 0.1
    assert gap["interval"][0] > 0
    assert gap["p_value_holm"] < 0.01


def test_columns_that_make_no_groups_are_named():
    made = findings()
    report = evaluate_subgroups(
        made, columns(one=["a"] * 150, none=[None] * 150, many=[f"id{i}" for i in range(150)]), None, **FEW
    )
    assert report["columns"] == {}
    assert {own["column"]: own["reason"] for own in report["left_out_columns"]} == {
        "one": "all images have the same value",
        "none": "no value is known",
        "many": "it has 150 different texts, more than 20",
    }
    assert report["corrected_for"] == {}


def test_of_two_multiclass_labels_the_second_is_the_positive_one():
    made = multiclass_predictions(2, images=400, patients=200)
    report = evaluate_subgroups(made, columns(view=by_row(made, "AP", "PA", "PA")), None, **FEW)
    found = report["columns"]["view"]["groups"]["PA"]
    rows = np.array(by_row(made, "AP", "PA", "PA")) == "PA"
    positive = made.labels[rows] == 1
    assert found["scored_classes"] == ["B"]
    assert found["sensitivity"]["value"] == pytest.approx((made.probabilities[rows, 1] > 0.5)[positive].mean())


def test_three_multiclass_labels():
    made = multiclass_predictions(3, images=400, patients=200)
    report = evaluate_subgroups(made, columns(view=by_row(made, "AP", "PA")), None, **FEW)
    assert report["columns"]["view"]["groups"]["AP"]["scored_classes"] == ["A", "B", "C"]


def test_the_same_seed_gives_the_same_bits():
    made = findings(images=300, patients=100)
    first, second = (evaluate_subgroups(made, columns(sex=by_row(made, "F", "M")), THRESHOLDS, **FEW) for _ in range(2))
    assert first == second


def test_settings_that_cannot_be_meant():
    made = findings()
    with pytest.raises(RefusedError, match=r"age_bands is \[40, 18\]"):
        evaluate_subgroups(made, columns(age=range(150)), None, age_bands=[40, 18])
    with pytest.raises(EvaluationError, match="no threshold for B"):
        evaluate_subgroups(made, columns(sex=by_row(made, "F", "M")), {"A": 0.5})
    with pytest.raises(ValueError, match="2 values, but there are 150 images"):
        evaluate_subgroups(made, columns(sex=["F", "M"]), None)
