from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from monai_mocoi.metrics import average_precision, roc_auc


def naive_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    won = pairs = 0.0
    for i in np.flatnonzero(labels):
        for j in np.flatnonzero(labels == 0):
            pairs += weights[i] * weights[j]
            won += weights[i] * weights[j] * (1 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0)
    return won / pairs if pairs else np.nan


def naive_precision(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> float:
    total, recall, area = weights[labels == 1].sum(), 0.0, 0.0
    if not total:
        return np.nan
    for threshold in sorted(set(scores), reverse=True):
        called = scores >= threshold
        found = weights[called & (labels == 1)].sum()
        if weights[called].sum():
            area += (found / total - recall) * found / weights[called].sum()
        recall = found / total
    return area


def draw(n: int, ties: bool, seed: int = 0) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng([n, ties, seed])
    labels = (generator.random((n, 3)) < [0.5, 0.2, 0.8]).astype(int)
    scores = generator.standard_normal((n, 3)) + labels
    return labels, scores.round(0 if ties else 9), generator.integers(0, 4, n), generator.random(n)


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 16, 17, 60])
def test_equals_loops_over_pairs_and_thresholds(n: int, ties: bool) -> None:
    labels, scores, counts, weights = draw(n, ties)
    for own in (np.ones(n), counts, weights, np.where(weights < 0.5, 0, weights)):
        for metric, naive in ((roc_auc, naive_auc), (average_precision, naive_precision)):
            expected = [naive(labels[:, i], scores[:, i], own) for i in range(3)]
            np.testing.assert_allclose(metric(labels, scores, own), expected, rtol=1e-12)


@pytest.mark.parametrize("ties", [False, True])
def test_equals_scikit_learn(ties: bool) -> None:
    labels, scores, counts, weights = draw(1000, ties)
    for own in (None, counts, weights):
        for metric, reference in ((roc_auc, roc_auc_score), (average_precision, average_precision_score)):
            expected = reference(labels, scores, average=None, sample_weight=own)
            np.testing.assert_allclose(metric(labels, scores, own), expected, rtol=1e-12)
            one = metric(labels[:, 1], scores[:, 1], own)
            assert one.shape == ()
            assert float(one) == pytest.approx(metric(labels, scores, own)[1], rel=1e-12)


def test_integer_weights_are_repeated_rows_to_the_last_bit() -> None:
    labels, scores, counts, _ = draw(200, ties=True)
    repeated = roc_auc(np.repeat(labels, counts, axis=0), np.repeat(scores, counts, axis=0))
    np.testing.assert_array_equal(roc_auc(labels, scores, counts), repeated)


def test_closed_forms() -> None:
    labels = np.array([0, 0, 1, 1])
    assert roc_auc(labels, [1, 2, 3, 4]) == average_precision(labels, [1, 2, 3, 4]) == 1
    assert roc_auc(labels, [4, 3, 2, 1]) == 0
    assert roc_auc(labels, [5, 5, 5, 5]) == average_precision(labels, [5, 5, 5, 5]) == 0.5
    assert average_precision(labels, [4, 3, 2, 1]) == pytest.approx((1 / 3 + 2 / 4) / 2)
    assert average_precision([0, 0, 0, 1], [1, 1, 1, 1]) == 0.25
    assert roc_auc(labels, [1, 3, 3, 4]) == 3.5 / 4
    assert roc_auc(labels.astype(bool), np.array([1, 3, 3, 4], dtype=np.float16)) == 3.5 / 4


def test_any_rising_function_of_the_scores_ranks_alike() -> None:
    labels, scores, _, weights = draw(300, ties=False)
    for metric in (roc_auc, average_precision):
        np.testing.assert_array_equal(metric(labels, np.exp(scores), weights), metric(labels, scores, weights))


def test_one_class_only_has_no_value() -> None:
    labels = np.array([[0, 1, 1], [0, 1, 0], [0, 1, 0]])
    scores = np.zeros((3, 3))
    assert np.isnan(roc_auc(labels, scores)).tolist() == [True, True, False]
    assert np.isnan(average_precision(labels, scores)).tolist() == [True, False, False]
    assert np.isnan(roc_auc(labels, scores, [0, 1, 1])[2])
    assert np.isnan(average_precision(labels, scores, [0, 1, 1])[2])


@pytest.mark.parametrize("metric", [roc_auc, average_precision])
def test_refuses_what_is_no_number_and_names_it(metric) -> None:
    labels, scores = np.array([[0, 1], [1, 0], [1, 1]]), np.zeros((3, 2))
    for bad in (np.nan, np.inf, -np.inf):
        wrong = scores.copy()
        wrong[2, 1] = bad
        with pytest.raises(ValueError, match=rf"scores hold {bad} in row 2, column 1"):
            metric(labels, wrong)
    with pytest.raises(ValueError, match="scores hold nan in row 1;"):
        metric([0, 1], [0, np.nan])
    with pytest.raises(ValueError, match="labels hold 2 in row 1, column 0"):
        metric([[0, 1], [2, 0], [1, 1]], scores)
    with pytest.raises(ValueError, match=r"labels have shape \(2,\) but \(3, 2\)"):
        metric([0, 1], scores)
    with pytest.raises(ValueError, match=r"weights have shape \(2,\) but \(3,\)"):
        metric(labels, scores, [1, 1])
    for bad in (-1, np.nan, np.inf):
        with pytest.raises(ValueError, match="in row 0"):
            metric(labels, scores, [bad, 1, 1])
