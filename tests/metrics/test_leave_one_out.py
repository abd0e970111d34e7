from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from monai_mocoi.metrics import precision_recall, roc_auc_by_patient
from monai_mocoi.metrics.precision_recall import average_precision_left_out


def roc_auc_left_out(labels: np.ndarray, scores: np.ndarray, index: np.ndarray, patients: int) -> np.ndarray:
    return roc_auc_by_patient(labels, scores, index).left_out()


WAYS = [(roc_auc_left_out, roc_auc_score), (average_precision_left_out, average_precision_score)]
Way = Callable[..., np.ndarray]


def study(patients: int, images: int, decimals: int) -> tuple[np.ndarray, ...]:
    """Labels, scores and patients; the images of a patient are alike, come in no order, and one patient has many."""
    generator = np.random.default_rng([patients, images, decimals])
    own = generator.standard_normal(patients)
    index = np.concatenate([np.arange(patients), generator.integers(0, patients, images - patients) // 2])
    generator.shuffle(index)
    labels = own[index] + generator.standard_normal(images) > 0.5
    return labels, (labels + own[index] + generator.standard_normal(images)).round(decimals), index


def by_scikit_learn(score: Way, labels: np.ndarray, scores: np.ndarray, index: np.ndarray) -> list[float]:
    values = []
    for patient in range(index.max() + 1):
        rows = index != patient
        lacks = not labels[rows].any() or (score is roc_auc_score and labels[rows].all())
        values.append(np.nan if lacks else score(labels[rows], scores[rows]))
    return values


@pytest.mark.parametrize(("left_out", "score"), WAYS)
@pytest.mark.parametrize("decimals", [0, 12])
@pytest.mark.parametrize(("patients", "images"), [(2, 2), (3, 3), (5, 6), (30, 31), (40, 100)])
def test_equals_scikit_learn_on_the_other_patients(
    left_out: Way, score: Way, decimals: int, patients: int, images: int
) -> None:
    labels, scores, index = study(patients, images, decimals)
    values = left_out(labels, scores, index, patients)
    assert values is not None
    np.testing.assert_allclose(values, by_scikit_learn(score, labels, scores, index), rtol=0, atol=1e-12)


def test_the_pairs_within_a_patient_go_once() -> None:
    # + - + - from the highest score. Of the patients a, a, b, b each alone has AUC 1; of a, b, b, a the outer one has 1
    # and the inner one 0.
    labels, scores = np.array([True, False, True, False]), np.array([4.0, 3, 2, 1])
    assert roc_auc_left_out(labels, scores, np.array([0, 0, 1, 1]), 2).tolist() == [1, 1]
    assert roc_auc_left_out(labels, scores, np.array([0, 1, 1, 0]), 2).tolist() == [0, 1]
    tied = np.array([1.0, 1, 2, 1])
    assert roc_auc_left_out(labels, tied, np.array([0, 0, 1, 2]), 3).tolist() == [1, 0.5, 0.75]


def test_average_precision_by_hand() -> None:
    # Labels + - - + from the highest score: 1/2 (1 + 2/4); without the second image 1/2 (1 + 2/3).
    labels, scores = np.array([True, False, False, True]), np.array([4.0, 3, 2, 1])
    apart = average_precision_left_out(labels, scores, np.arange(4), 4)
    assert apart == pytest.approx([1 / 3, 5 / 6, 5 / 6, 1])
    # With ties, + and - at 2 are one threshold, and - and + at 1.
    tied = average_precision_left_out(labels, np.array([2.0, 2, 1, 1]), np.arange(4), 4)
    assert tied == pytest.approx([1 / 3, 5 / 6, 0.5 * (1 / 2 + 2 / 3), 1 / 2])


@pytest.mark.parametrize(("left_out", "score"), WAYS)
def test_without_the_only_patient_of_a_class_there_is_no_value(left_out: Way, score: Way) -> None:
    labels = np.array([True, True, False, False, False, False])
    index = np.array([1, 1, 0, 2, 3, 4])
    values = left_out(labels, np.arange(6.0), index, 5)
    assert np.isnan(values).tolist() == [False, True, False, False, False]
    assert np.isnan(left_out(np.zeros(3, dtype=bool), np.arange(3.0), np.arange(3), 3)).all()
    negatives_of_one = left_out(~labels, np.arange(6.0), index, 5)
    np.testing.assert_allclose(negatives_of_one, by_scikit_learn(score, ~labels, np.arange(6.0), index), atol=1e-12)


@pytest.mark.parametrize("at_once", [1, 50, 10**6])
def test_average_precision_in_blocks(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, scores, index = study(100, 130, 1)
    expected = average_precision_left_out(labels, scores, index, 100)
    monkeypatch.setattr(precision_recall, "TERMS_AT_ONCE", at_once)
    again = average_precision_left_out(labels, scores, index, 100)
    assert expected is not None
    np.testing.assert_array_equal(again, expected)


def test_few_patients_of_many_images_are_left_to_the_metric() -> None:
    labels, scores, index = study(3, 300, 12)
    assert average_precision_left_out(labels, scores, index, 3) is None
