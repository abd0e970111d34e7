from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from monai_mocoi.analysis import OVERALL, compare_predictions
from monai_mocoi.data import Predictions
from monai_mocoi.errors import ComparisonError, EvaluationError
from monai_mocoi.metrics import patient_bootstrap, roc_auc_by_patient
from tests.support.made_predictions import findings, multiclass_predictions, of

FEW = {"resamples": 199}


def reordered(made: Predictions, order: Any) -> Predictions:
    return Predictions(
        tuple(made.images[i] for i in order),
        tuple(made.patients[i] for i in order),
        made.classes,
        made.kind,
        made.labels[order],
        made.probabilities[order],
    )


def pair() -> tuple[Predictions, Predictions]:
    return findings(noise=2, noise_seed=1), findings(noise=0.8, noise_seed=2)


@pytest.mark.parametrize("interval", ["bca", "percentile"])
def test_the_difference_is_paired_and_second_minus_first(interval: str) -> None:
    first, second = pair()
    found = json.loads(json.dumps(compare_predictions(first, second, interval=interval, **FEW), allow_nan=False))
    draw = patient_bootstrap(first.patients, first.labels, 199, 0)
    a, b = (draw.apply(roc_auc_by_patient(p.labels, p.probabilities, p.patients)) for p in (first, second))
    whole = b.mean() - a.mean()
    assert found["overall"]["first"] == pytest.approx(roc_auc_score(first.labels, first.probabilities), abs=1e-12)
    assert found["overall"]["second"] == pytest.approx(roc_auc_score(second.labels, second.probabilities), abs=1e-12)
    assert found["overall"]["value"] == pytest.approx(float(whole.estimate), abs=1e-12)
    assert found["overall"]["interval"] == pytest.approx(whole.interval(interval), abs=1e-12)
    assert found["overall"]["p_value"] == pytest.approx(float(whole.p_value(interval)), abs=1e-12)
    by_class = (b - a).interval(interval)
    for column, name in enumerate("AB"):
        assert found["classes"][name]["interval"] == pytest.approx(by_class[:, column], abs=1e-12)
        assert found["classes"][name]["positives"] == first.labels[:, column].sum()


def test_the_p_value_is_below_alpha_where_the_interval_excludes_0() -> None:
    excluded = set()
    for noise in (0.8, 1.3, 1.7, 2):
        number = compare_predictions(findings(noise=2, noise_seed=1), findings(noise=noise, noise_seed=2), **FEW)
        low, high = number["overall"]["interval"]
        excluded.add(low > 0 or high < 0)
        assert (low > 0 or high < 0) == (number["overall"]["p_value"] < 0.05)
    assert excluded == {True, False}


def test_images_in_another_order_are_matched_by_their_ids() -> None:
    first, second = pair()
    turned = reordered(second, np.random.default_rng(0).permutation(150))
    assert compare_predictions(first, turned, **FEW) == compare_predictions(first, second, **FEW)


@pytest.mark.parametrize("metric", [name for name in OVERALL if name != "calibration_error"])
def test_a_classifier_does_not_differ_from_itself(metric: str) -> None:
    own = findings()
    half = {"A": 0.5, "B": 0.5}
    for difference in (
        compare_predictions(own, own, metric, half, half, **FEW)["overall"],
        compare_predictions(multiclass_predictions(), multiclass_predictions(), metric, **FEW)["overall"],
    ):
        assert difference["value"] == 0
        assert difference["interval"] == [0, 0]
        assert difference["p_value"] == 1
        assert "zero width" in difference["note"]


def test_each_classifier_decides_at_its_own_thresholds() -> None:
    first, second = pair()
    ours, theirs = {"A": 0.4, "B": 0.6}, {"A": 0.7, "B": 0.2}
    number = compare_predictions(first, second, "macro_f1", ours, theirs, **FEW)["overall"]
    expected = [
        f1_score(p.labels, p.probabilities >= list(t.values()), average="macro")
        for p, t in ((first, ours), (second, theirs))
    ]
    assert [number["first"], number["second"]] == pytest.approx(expected, abs=1e-12)
    with pytest.raises(EvaluationError, match="No thresholds were given"):
        compare_predictions(first, second, "macro_f1", ours, **FEW)


def test_two_calibrated_classifiers_are_not_told_apart_by_their_calibration_error() -> None:
    """Both are perfectly calibrated; the one that says more than the prevalence has the larger error all the same."""
    generator = np.random.default_rng(0)
    said = generator.uniform(0.05, 0.95, (300, 1))
    labels = (generator.uniform(size=said.shape) < said).astype(np.int64)
    names = tuple(f"i{k}" for k in range(300))
    spread = Predictions(names, names, ("A",), "multilabel", labels, said)
    with pytest.raises(EvaluationError, match=r"is not compared: .* Brier score .* or compare by one of macro_auc, "):
        compare_predictions(replace(spread, probabilities=np.full_like(said, 0.5)), spread, "calibration_error")


def test_classes_of_a_softmax() -> None:
    assert list(compare_predictions(multiclass_predictions(), multiclass_predictions(), **FEW)["classes"]) == [*"ABC"]


def test_refuses_predictions_of_different_test_sets() -> None:
    first, second = pair()
    flipped = second.labels.copy()
    flipped[[3, 7], 0] ^= 1
    strangers = ("q1", "q2", *second.patients[2:])
    for other, text in (
        (reordered(second, np.arange(147)), r"3 of 150 are in the first file only .*.* row 149 \(.*\) of the first"),
        (replace(second, images=("x.png", *second.images[1:])), "1 of 150 are in the first file only and 1 of 150"),
        (replace(second, patients=strangers), "patient of 2 of 150 images differ between the files, first in row 2 "),
        (replace(second, labels=flipped), r"labels of 2 of 150 images differ .*first in row 5 \(.*\) of the first"),
        (replace(second, classes=("A", "D")), r"class 2 is 'B' in the first file and 'D' in the second"),
        (findings(shares=(0.4,)), r"differ \(2 and 1\): class 2 is 'B' in the first file and nothing"),
        (multiclass_predictions(2), "one file has multilabel labels, the other multiclass"),
    ):
        with pytest.raises(ComparisonError, match=text) as caught:
            compare_predictions(first, other, **FEW)
        assert caught.value.exit_code == 3
        assert not any(name in str(caught.value) for name in (*first.images, *first.patients, "x.png"))


def test_refuses_what_has_no_interval() -> None:
    few = findings(images=40, patients=20)
    with pytest.raises(ComparisonError, match="None of the 2 classes has enough") as caught:
        compare_predictions(few, few, **FEW)
    positives = few.labels.sum(axis=0)
    for name, count in zip(few.classes, positives, strict=True):
        assert f"{name}: {count} positive and {40 - count} negative images (" in str(caught.value)
    assert "min_positives (25)" in str(caught.value)
    labels = np.repeat(np.repeat(np.eye(6, dtype=int), 2, axis=0), 13, axis=0)
    rare = of(np.full(labels.shape, 0.5), labels, [f"p{i // 13:02}" for i in range(len(labels))])
    with pytest.raises(ComparisonError, match="fewer classes"):
        compare_predictions(rare, rare)
    with pytest.raises(EvaluationError, match="metric is 'auc'; choose one of macro_auc"):
        compare_predictions(few, few, "auc", **FEW)


def test_the_p_values_of_the_classes_are_corrected_by_holm():
    found = compare_predictions(findings((0.4, 0.3)), findings((0.4, 0.3), noise=0.9, noise_seed=1), resamples=199)
    p = np.array([own["p_value"] for own in found["classes"].values()])
    smaller, larger = np.sort(p)
    expected = np.where(p == smaller, min(2 * smaller, 1), max(2 * smaller, larger))
    np.testing.assert_allclose([own["p_value_holm"] for own in found["classes"].values()], expected)
    assert "p_value_holm" not in found["overall"]
