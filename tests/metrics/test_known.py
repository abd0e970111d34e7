"""Each class over the images in which it is known: against scikit-learn on what is left when the others are dropped."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    confusion_matrix,
    f1_score,
    recall_score,
    roc_auc_score,
)

from monai_mocoi.metrics import (
    SELECTION_METRICS,
    UNKNOWN,
    average_precision,
    average_precision_by_patient,
    brier_by_patient,
    calibration_error_by_patient,
    calibration_line_by_patient,
    confusion_by_patient,
    confusion_over_known,
    equal_count_bins,
    evaluable_classes,
    known_by_patient,
    net_benefit_by_patient,
    observed_share_by_patient,
    operating_point_by_patient,
    over_known,
    patient_bootstrap,
    roc_auc,
    roc_auc_by_patient,
    selection_metric,
    youden_threshold,
)

CLASSES = 3
Naive = Callable[[np.ndarray, np.ndarray], Any]
"""From labels and probabilities of images that are all known, one value or several."""


def images(count: int = 90) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, probabilities and patients; patient 0 has no image in which class 1 is known, and the last none of 2."""
    generator = np.random.default_rng(3)
    truth = generator.integers(0, 2, (count, CLASSES))
    said = ((truth + 3 * generator.random((count, CLASSES))) / 4).round(2)
    patients = generator.integers(0, 16, count)
    labels = np.where(generator.random((count, CLASSES)) < [0, 0.3, 0.6], UNKNOWN, truth)
    labels[patients == 0, 1] = labels[patients == patients.max(), 2] = UNKNOWN
    return labels, said, patients


def expected_calibration_error(labels: np.ndarray, said: np.ndarray) -> float:
    total = 0.0
    for low in range(15):
        own = (said >= low / 15) & ((said < (low + 1) / 15) | (low == 14))
        total += abs(said[own].sum() - labels[own].sum())
    return total / len(said)


def net_benefit(labels: np.ndarray, said: np.ndarray) -> list[float]:
    found = []
    for treated in (lambda cut: said >= cut, lambda cut: np.ones(len(said), bool)):
        for cut in (0.3, 0.6):
            true, false = (treated(cut) & (labels == side) for side in (1, 0))
            found.append((true.sum() - false.sum() * cut / (1 - cut)) / len(said))
    return [*found, found[0] - found[2], found[1] - found[3]]


def operating_point(labels: np.ndarray, said: np.ndarray) -> list[float]:
    (true_negative, false_positive), (false_negative, true_positive) = confusion_matrix(labels, said >= 0.5)
    return [
        true_positive / (true_positive + false_negative),
        true_negative / (true_negative + false_positive),
        true_positive / (true_positive + false_positive),
        true_negative / (true_negative + false_negative),
    ]


def calibration_line(labels: np.ndarray, said: np.ndarray) -> list[float]:
    x = np.log(np.clip(said, 1e-6, 1 - 1e-6) / np.clip(1 - said, 1e-6, 1))[:, None]
    slope = LogisticRegression(C=np.inf, tol=1e-12, max_iter=1000).fit(x, labels).coef_[0, 0]
    low, high = -20.0, 20.0
    for _ in range(200):  # the intercept with the slope fixed at 1: the sum of what is expected is that of what is
        middle = (low + high) / 2
        low, high = (middle, high) if (1 / (1 + np.exp(-x[:, 0] - middle))).sum() < labels.sum() else (low, middle)
    return [middle, slope]


def calls(cut: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda said: said >= cut


STATISTICS: dict[str, tuple[Callable[..., Any], Naive]] = {
    "auc": (roc_auc_by_patient, roc_auc_score),
    "average precision": (average_precision_by_patient, average_precision_score),
    "calibration error": (calibration_error_by_patient, expected_calibration_error),
    "f1": (partial(confusion_by_patient, measure="f1"), f1_score),
    "sensitivity": (partial(confusion_by_patient, measure="sensitivity"), recall_score),
    "specificity": (partial(confusion_by_patient, measure="specificity"), partial(recall_score, pos_label=0)),
}
OF_ONE_CLASS: dict[str, tuple[Callable[..., Any], Naive]] = {
    "Brier": (
        brier_by_patient,
        lambda y, p: [brier_score_loss(y, p), 1 - brier_score_loss(y, p) / (y.mean() * (1 - y.mean()))],
    ),
    "calibration line": (calibration_line_by_patient, calibration_line),
    "net benefit": (partial(net_benefit_by_patient, thresholds=[0.3, 0.6]), net_benefit),
    "operating point": (partial(operating_point_by_patient, thresholds=[0.5]), operating_point),
}
DECIDED = ("f1", "sensitivity", "specificity")


def naive(
    measure: Naive, labels: np.ndarray, values: np.ndarray, patients: np.ndarray, counts: np.ndarray
) -> list[Any]:
    """Images that are known, each as often as its patient was drawn: one list a resample."""
    found = []
    for own in counts.T:
        rows = np.repeat(np.arange(len(labels)), own[patients].astype(int))
        rows = rows[labels[rows] != UNKNOWN]
        found.append(measure(labels[rows], values[rows]))
    return found


def drawn(patients: np.ndarray) -> np.ndarray:
    counts = np.random.default_rng(5).integers(0, 4, (len(np.unique(patients)), 6)).astype(float)
    counts[:, 0] = 1
    return counts


@pytest.mark.parametrize("name", STATISTICS)
def test_every_class_by_itself_against_scikit_learn(name: str) -> None:
    make, measure = STATISTICS[name]
    labels, said, patients = images()
    patients = np.unique(patients, return_inverse=True)[1]
    values = (said >= 0.5).astype(int) if name in DECIDED else said
    counts = drawn(patients)
    made = known_by_patient(make, labels, values, patients)
    found, without = made(counts), made.left_out()
    left = 1 - np.eye(len(counts))
    assert found.shape == (6, CLASSES)
    for i in range(CLASSES):
        np.testing.assert_allclose(found[:, i], naive(measure, labels[:, i], values[:, i], patients, counts))
        np.testing.assert_allclose(without[:, i], naive(measure, labels[:, i], values[:, i], patients, left))


@pytest.mark.parametrize("column", [1, 2])
@pytest.mark.parametrize("name", OF_ONE_CLASS)
def test_one_class_against_the_formula(name: str, column: int) -> None:
    make, measure = OF_ONE_CLASS[name]
    labels, said, patients = images()
    patients = np.unique(patients, return_inverse=True)[1]
    labels, said, counts = labels[:, column], said[:, column], drawn(patients)
    made = known_by_patient(make, labels, said, patients)
    np.testing.assert_allclose(made(counts), naive(measure, labels, said, patients, counts), rtol=1e-4, atol=1e-5)
    left = 1 - np.eye(len(counts))
    near = {"rtol": 0.15, "atol": 0.02} if name == "calibration line" else {"rtol": 1e-9}  # there of one Newton step
    np.testing.assert_allclose(made.left_out(), naive(measure, labels, said, patients, left), **near)


def test_the_observed_share_of_bins_of_known_images() -> None:
    labels, said, patients = (own[..., 2] if own.ndim == 2 else own for own in images())
    known = labels != UNKNOWN
    place = equal_count_bins(said[known], 4)
    made = known_by_patient(partial(observed_share_by_patient, place=place), labels, said, patients)
    shares = made(np.ones((len(np.unique(patients)), 1)))[0]
    np.testing.assert_allclose(shares, [labels[known][place == i].mean() for i in range(4)])


@pytest.mark.parametrize("name", STATISTICS)
def test_with_every_label_known_nothing_changes(name: str) -> None:
    make, _ = STATISTICS[name]
    labels, said, patients = images()
    labels = np.abs(labels)
    values = (said >= 0.5).astype(int) if name in DECIDED else said
    counts = drawn(patients)
    made, plain = known_by_patient(make, labels, values, patients), make(labels, values, patients)
    np.testing.assert_array_equal(made(counts), plain(counts))
    np.testing.assert_array_equal(made.left_out(), plain.left_out())


def test_who_has_no_known_image_changes_nothing() -> None:
    labels, said, patients = images()
    made = known_by_patient(roc_auc_by_patient, labels, said, patients)
    counts = np.ones((len(np.unique(patients)), 2))
    counts[0, 1] = 9
    whole, often = made(counts)
    assert often[1] == whole[1] == made.left_out()[0, 1]
    np.testing.assert_array_equal(made.whole(), whole)
    assert often[0] != whole[0] != made.left_out()[0, 0]


@pytest.mark.parametrize(
    ("metric", "measure"), [(roc_auc, roc_auc_score), (average_precision, average_precision_score)]
)
def test_over_known_against_scikit_learn(metric: Any, measure: Naive) -> None:
    labels, said, _ = images()
    expected = [measure(y[y != UNKNOWN], p[y != UNKNOWN]) for y, p in zip(labels.T, said.T, strict=True)]
    np.testing.assert_allclose(over_known(metric, labels, said), expected)
    known = np.abs(labels)
    np.testing.assert_array_equal(over_known(metric, known, said), metric(known, said))
    with pytest.raises(ValueError, match="each must be 0 or 1"):  # what is not masked is refused, never averaged
        metric(labels, said)


def test_confusion_over_known() -> None:
    labels, said, _ = images()
    counts = confusion_over_known(labels, said >= 0.5)
    for i, own in enumerate(labels.T != UNKNOWN):
        (tn, fp), (fn, tp) = confusion_matrix(labels[own, i], said[own, i] >= 0.5)
        assert [int(side[i]) for side in counts] == [tp, fp, fn, tn]
    assert counts.f1.shape == (CLASSES,)


@pytest.mark.parametrize("name", SELECTION_METRICS)
def test_what_is_chosen_by_is_the_mean_over_known_images(name: str) -> None:
    labels, said, _ = images()
    labels[:, 0] = np.where(labels[:, 0] == 1, UNKNOWN, 0)  # no positive is known: the class is not scored
    expected = []
    for y, p in list(zip(labels.T, said.T, strict=True))[1:]:
        own, scores = y[y != UNKNOWN], p[y != UNKNOWN]
        expected.append(
            {
                "macro_auc": lambda y=own, p=scores: roc_auc_score(y, p),
                "macro_average_precision": lambda y=own, p=scores: average_precision_score(y, p),
                "macro_f1": lambda y=own, p=scores: f1_score(y, p >= youden_threshold(y, p)),
            }[name]()
        )
    assert selection_metric(name, "multilabel", labels, said) == pytest.approx(np.mean(expected))


def test_classes_are_counted_and_drawn_by_what_is_known() -> None:
    labels, _, patients = images()
    chosen = evaluable_classes(labels, 1, 1, patients)
    for i, own in enumerate(labels.T):
        assert (chosen.positives[i], chosen.negatives[i], chosen.unknown[i]) == tuple(
            int((own == value).sum()) for value in (1, 0, UNKNOWN)
        )
    few = np.full((60, 1), UNKNOWN)
    few[:3, 0], few[3:7, 0] = 1, 0
    assert evaluable_classes(few, 3, 4).evaluable.tolist() == [0]
    assert evaluable_classes(few, 3, 5).evaluable.tolist() == []  # what is not known is no negative
    draw = patient_bootstrap(np.arange(60), few, resamples=200, seed=1)
    assert draw.redrawn > 0
    for resample in range(200):
        weights = draw.weights(resample)
        assert weights[:3].sum() > 0 < weights[3:7].sum()
    with pytest.raises(ValueError, match="no negative image"):
        patient_bootstrap(np.arange(60), np.where(few == 0, UNKNOWN, few))
