from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from monai_mocoi.metrics import (
    average_precision,
    average_precision_by_patient,
    calibration_error_by_patient,
    confusion_by_patient,
    confusion_counts,
    expected_calibration_error,
    roc_auc,
    roc_auc_by_patient,
    weighted_by_patient,
)
from monai_mocoi.metrics.patient_resamples import leave_each_out, of_all

MEASURES = {
    "roc_auc": (lambda y, p, w: roc_auc(y, p, w), roc_auc_by_patient),
    "average_precision": (lambda y, p, w: average_precision(y, p, w), average_precision_by_patient),
    "calibration": (lambda y, p, w: expected_calibration_error(y, p, w), calibration_error_by_patient),
    **{
        name: (
            lambda y, p, w, name=name: getattr(confusion_counts(y, p > 0.5, w), name),
            lambda y, p, patients, name=name: confusion_by_patient(y, p > 0.5, patients, name),
        )
        for name in ("sensitivity", "specificity", "f1")
    },
}


def draw(patients: int, images: int, decimals: int) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng([patients, images, decimals])
    index = np.r_[np.arange(patients), generator.integers(0, patients, images - patients)]
    labels = (generator.random((images, 4)) < [0.5, 0.1, 0.9, 0.5]).astype(int)
    scores = np.clip(0.3 * labels + 0.7 * generator.random((images, 4)), 0, 1).round(decimals)
    return (
        np.array([f"p{9 + 3 * i:02}" for i in index]),
        labels,
        scores,
        generator.integers(0, 4, (patients, 33)),
    )


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("decimals", [1, 12])
@pytest.mark.parametrize(("patients", "images"), [(1, 1), (1, 4), (2, 2), (3, 3), (5, 40), (40, 41), (30, 200)])
def test_equals_the_metric_with_weights(name: str, decimals: int, patients: int, images: int) -> None:
    metric, by_patient = MEASURES[name]
    ids, labels, scores, counts = draw(patients, images, decimals)
    index = np.unique(ids, return_inverse=True)[1]
    values = by_patient(labels, scores, ids)(counts.astype(float))
    assert values.shape == (33, 4)
    expected = [metric(labels, scores, own[index]) for own in counts.T]
    np.testing.assert_allclose(values, expected, rtol=1e-11, atol=1e-13)
    slow = weighted_by_patient(lambda weights: metric(labels, scores, weights), ids)(counts.astype(float))
    np.testing.assert_array_equal(slow, expected)
    one = by_patient(labels[:, 3], scores[:, 3], ids)(counts.astype(float))
    assert one.shape == (33,)
    np.testing.assert_allclose(one, values[:, 3], rtol=1e-11)


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("decimals", [0, 1, 12])
@pytest.mark.parametrize(
    ("patients", "images"), [(1, 1), (2, 2), (2, 50), (3, 3), (5, 40), (40, 40), (40, 41), (90, 200), (300, 330)]
)
def test_without_each_patient_equals_one_evaluation_a_patient(
    name: str, decimals: int, patients: int, images: int
) -> None:
    ids, labels, scores, _ = draw(patients, images, decimals)
    labels[:, 3] = 0
    labels[0, 3] = 1  # the patient of the first image is the only one: NaN without
    labels[ids == ids[0], 2] = 0
    statistic = MEASURES[name][1](labels, scores, ids)
    expected = leave_each_out(statistic, patients)
    np.testing.assert_allclose(statistic.left_out(), expected, rtol=0, atol=1e-12)
    if name in ("roc_auc", "average_precision", "sensitivity"):
        assert np.isnan(expected[np.unique(ids) == ids[0], 3]).all()
    one = MEASURES[name][1](labels[:, 1], scores[:, 1], ids).left_out()
    assert one.shape == (patients,)
    np.testing.assert_array_equal(one, statistic.left_out()[:, 1])


@pytest.mark.parametrize("name", ["roc_auc", "sensitivity", "specificity", "f1"])
def test_without_each_patient_ratios_of_counts_are_exact(name: str) -> None:
    ids, labels, scores, _ = draw(90, 500, 2)
    statistic = MEASURES[name][1](labels, scores, ids)
    np.testing.assert_array_equal(statistic.left_out(), leave_each_out(statistic, 90))


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("decimals", [0, 12])
@pytest.mark.parametrize(("patients", "images"), [(1, 1), (2, 2), (3, 3), (5, 40), (40, 41), (90, 500)])
def test_of_all_patients_to_the_last_bit(name: str, decimals: int, patients: int, images: int) -> None:
    ids, labels, scores, _ = draw(patients, images, decimals)
    statistic = MEASURES[name][1](labels, scores, ids)
    assert (statistic.whole is not None) is (name == "roc_auc")
    np.testing.assert_array_equal(of_all(statistic, patients), statistic(np.ones((patients, 1)))[0])
    one = MEASURES[name][1](labels[:, 1], scores[:, 1], ids)
    assert of_all(one, patients).shape == ()
    np.testing.assert_array_equal(of_all(one, patients), one(np.ones((patients, 1)))[0])


def test_the_auc_is_exact() -> None:
    ids, labels, scores, counts = draw(30, 500, 2)
    index = np.unique(ids, return_inverse=True)[1]
    values = roc_auc_by_patient(labels, scores, ids)(counts.astype(float))
    np.testing.assert_array_equal(values, [roc_auc(labels, scores, own[index]) for own in counts.T])


@pytest.mark.parametrize(
    ("by_patient", "reference"),
    [(roc_auc_by_patient, roc_auc_score), (average_precision_by_patient, average_precision_score)],
)
@pytest.mark.parametrize("decimals", [1, 12])
def test_equals_scikit_learn(by_patient, reference, decimals: int) -> None:
    ids, labels, scores, counts = draw(30, 500, decimals)
    index = np.unique(ids, return_inverse=True)[1]
    values = by_patient(labels, scores, ids)(counts.astype(float))
    for own, value in zip(counts.T, values, strict=True):
        weighted = reference(labels, scores, average=None, sample_weight=own[index])
        np.testing.assert_allclose(value, weighted, rtol=0, atol=1e-12)
        rows = np.repeat(np.arange(500), own[index])
        np.testing.assert_allclose(value, reference(labels[rows], scores[rows], average=None), rtol=0, atol=1e-12)


def test_classes_without_positives_or_negatives_have_no_value() -> None:
    labels = np.array([[0, 1], [0, 1]])
    counts = np.ones((2, 3))
    assert np.isnan(roc_auc_by_patient(labels, labels, ["a", "b"])(counts)).all()
    precision = average_precision_by_patient(labels, labels, ["a", "b"])(counts)
    assert np.isnan(precision).tolist() == [[True, False]] * 3


def test_refuses_what_does_not_fit() -> None:
    for function in (roc_auc_by_patient, average_precision_by_patient, calibration_error_by_patient):
        with pytest.raises(ValueError, match="hold nan in row 1"):
            function([0, 1], [0.5, np.nan], ["a", "b"])
        with pytest.raises(ValueError, match=r"patients have shape \(3,\) but \(2,\)"):
            function([0, 1], [0.5, 0.5], ["a", "b", "c"])
    with pytest.raises(ValueError, match="measure is 'accuracy'"):
        confusion_by_patient([0, 1], [0, 1], ["a", "b"], "accuracy")
