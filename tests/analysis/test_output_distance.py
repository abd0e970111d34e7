from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import ks_2samp

from monai_mocoi.analysis import compare_outputs
from monai_mocoi.data import Predictions
from monai_mocoi.errors import ComparisonError, EvaluationError
from tests.support.made_predictions import findings, multiclass_predictions, of


def in_another_order(predictions: Predictions) -> Predictions:
    order = np.random.default_rng(1).permutation(len(predictions.images))
    images, patients = (tuple(own[i] for i in order) for own in (predictions.images, predictions.patients))
    return replace(
        predictions,
        images=images,
        patients=patients,
        labels=predictions.labels[order],
        probabilities=predictions.probabilities[order],
    )


def test_values_are_scipys_and_the_order_of_the_images_does_not_matter() -> None:
    first, second = findings(), findings(noise=0.4, noise_seed=1)
    found = compare_outputs(first, second, resamples=100)
    assert found == compare_outputs(first, in_another_order(second), resamples=100)
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert (found["images"], found["patients"]) == (150, 60)
    for column, own in enumerate(found["classes"].values()):
        one, other = first.probabilities[:, column], second.probabilities[:, column]
        assert own["value"] == pytest.approx(ks_2samp(one, other).statistic)
        assert abs(own["first_share"] - own["second_share"]) == pytest.approx(own["value"])
        low, high = own["interval"]
        assert 0 <= low <= own["value"] <= high <= 1
        assert 0 < own["null"]["mean"] <= own["null"]["limit"]
    assert found["overall"]["value"] == pytest.approx(np.mean([own["value"] for own in found["classes"].values()]))


def test_p_values_of_equal_and_of_different_models() -> None:
    first = findings()
    same = compare_outputs(first, in_another_order(first), resamples=99)["overall"]
    assert (same["value"], same["p_value"], same["interval"]) == (0, 1, [0, 0])
    surer = compare_outputs(first, replace(first, probabilities=first.probabilities**4), resamples=99)["overall"]
    assert surer["p_value"] == 0.01
    assert surer["interval"][0] > 0
    assert surer["value"] > surer["null"]["limit"]


def test_of_two_classes_the_second_alone() -> None:
    first, second = multiclass_predictions(2), multiclass_predictions(2, seed=0)
    second = replace(second, probabilities=second.probabilities[:, ::-1].copy())
    assert list(compare_outputs(first, second, resamples=40)["classes"]) == ["B"]
    three = multiclass_predictions(3)
    assert list(compare_outputs(three, three, resamples=40)["classes"]) == ["A", "B", "C"]


def test_one_patient_has_no_interval() -> None:
    labels = np.array([0, 1, 1, 0])
    one = of(np.array([[0.2, 0.8], [0.4, 0.6], [0.1, 0.9], [0.7, 0.3]]), labels, ["p"] * 4)
    found = compare_outputs(one, replace(one, probabilities=one.probabilities[:, ::-1].copy()), resamples=40)
    assert found["overall"]["interval"] is None
    assert "one patient" in found["overall"]["reason"]
    assert found["overall"]["p_value"] == 1  # to swap them all changes nothing


def test_other_images_and_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ComparisonError, match="the images differ"):
        compare_outputs(findings(), findings(images=140))
    with pytest.raises(EvaluationError, match="got 10"):
        compare_outputs(findings(), findings(), resamples=10)
