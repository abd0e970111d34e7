from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from monai_mocoi.metrics import (
    check_label_kind,
    class_probabilities,
    confusion_counts,
    decide,
    decide_by_highest,
    one_hot,
    youden_threshold,
)


def naive_youden(labels: np.ndarray, scores: np.ndarray) -> float:
    values = sorted(set(scores))
    candidates = [values[0], *((a + b) / 2 for a, b in pairwise(values))]
    positives, negatives = int(labels.sum()), int((1 - labels).sum())

    def index(threshold: float) -> int:  # times positives and negatives, so that ties are exact
        called = scores >= threshold
        return int((called & (labels == 1)).sum()) * negatives - int((called & (labels == 0)).sum()) * positives

    best = max(index(t) for t in candidates)
    return min(t for t in candidates if index(t) == best)


@pytest.mark.parametrize("decimals", [0, 1, 12])
@pytest.mark.parametrize("n", [2, 3, 5, 16, 17, 100])
def test_equals_a_loop_over_all_thresholds(n: int, decimals: int) -> None:
    generator = np.random.default_rng([n, decimals])
    labels = generator.integers(0, 2, (n, 3))
    labels[:2] = [[0, 0, 0], [1, 1, 1]]
    scores = (generator.standard_normal((n, 3)) + labels).round(decimals)
    thresholds = youden_threshold(labels, scores)
    np.testing.assert_allclose(thresholds, [naive_youden(labels[:, i], scores[:, i]) for i in range(3)], rtol=1e-15)
    assert youden_threshold(labels[:, 2], scores[:, 2]) == thresholds[2]


def test_reaches_the_best_point_of_scikit_learns_curve() -> None:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 500)
    scores = generator.standard_normal(500) + labels
    false, true, _ = roc_curve(labels, scores)
    counts = confusion_counts(labels, decide(scores, youden_threshold(labels, scores)))
    assert counts.sensitivity + counts.specificity - 1 == pytest.approx((true - false).max(), rel=1e-12)


def test_lies_midway_and_takes_the_lowest_of_equals() -> None:
    assert youden_threshold([0, 0, 1, 1], [0.1, 0.2, 0.4, 0.9]) == pytest.approx(0.3)
    # Below 0.2 and below 0.4 have the same index; the lower one finds both positives.
    assert youden_threshold([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4]) == pytest.approx(0.15)
    # Wrong way round and all alike: everything is called positive.
    assert youden_threshold([1, 1, 0], [1, 2, 3]) == 1
    assert youden_threshold([1, 0], [7, 7]) == 7


def test_no_rounding_puts_a_negative_above() -> None:
    low = 1.0
    for _ in range(4):
        high = np.nextafter(low, 2)
        assert decide([low, high], youden_threshold([0, 1], [low, high])).tolist() == [False, True]
        low = high
    tiny = np.nextafter(0, 1)
    assert decide([0, tiny], youden_threshold([0, 1], [0, tiny])).tolist() == [False, True]
    huge = np.finfo(float).max
    assert decide([huge / 2, huge], youden_threshold([0, 1], [huge / 2, huge])).tolist() == [False, True]


def test_one_class_only_has_no_threshold() -> None:
    thresholds = youden_threshold([[0, 1, 0], [0, 1, 1]], np.zeros((2, 3)))
    assert np.isnan(thresholds).tolist() == [True, True, False]
    with pytest.raises(ValueError, match="a threshold is NaN"):
        decide(np.zeros((2, 3)), thresholds)


def test_a_score_at_the_threshold_is_positive() -> None:
    assert decide([0.2, 0.5, 0.7], 0.5).tolist() == [False, True, True]
    assert decide([[0.2, 0.5], [0.7, 0.4]], [0.3, 0.5]).tolist() == [[False, True], [True, False]]
    with pytest.raises(ValueError, match="thresholds have shape"):
        decide(np.zeros((2, 3)), [0.5, 0.5])
    with pytest.raises(ValueError, match="scores hold nan in row 1, column 0"):
        decide([[0.2, 0.5], [np.nan, 0.4]], 0.5)


def test_softmax_takes_the_first_of_the_highest() -> None:
    scores = [[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]]
    assert decide_by_highest(scores).tolist() == [[False, True, False], [True, False, False]]
    with pytest.raises(ValueError, match="expected"):
        decide_by_highest([0.2, 0.8])


def test_one_hot() -> None:
    np.testing.assert_array_equal(one_hot([2, 0, 1, 2], 4), np.eye(4, dtype=bool)[[2, 0, 1, 2]])
    assert one_hot([], 2).shape == (0, 2)
    for bad in (-1, 4, 0.5, np.nan):
        with pytest.raises(ValueError, match=r"one number 0\.\.3"):
            one_hot([0, bad], 4)
    with pytest.raises(ValueError, match="shape"):
        one_hot([[0, 1]], 2)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_are_sigmoids_or_one_softmax_in_float64(dtype: type) -> None:
    logits = (3 * np.random.default_rng(6).standard_normal((6, 4))).astype(dtype)
    sigmoids, shares = (class_probabilities(logits, kind) for kind in ("multilabel", "multiclass"))
    assert sigmoids.dtype == shares.dtype == np.float64
    for i, row in enumerate(logits.astype(np.float64).tolist()):
        assert sigmoids[i].tolist() == pytest.approx([1 / (1 + math.exp(-v)) for v in row], rel=1e-12)
        exponentials = [math.exp(v) for v in row]
        assert shares[i].tolist() == pytest.approx([v / sum(exponentials) for v in exponentials], rel=1e-12)


def test_close_float32_logits_are_no_ties_as_probabilities() -> None:
    logits = np.array(
        [[12.0, 0.0], [12.000001, 0.0]], dtype=np.float32
    )  # different, but their float32 sigmoids are not
    assert logits[0, 0] != logits[1, 0]
    assert len(np.unique((1 / (1 + np.exp(-logits[:, 0]))).astype(np.float32))) == 1
    for kind in ("multilabel", "multiclass"):
        assert len(np.unique(class_probabilities(logits, kind)[:, 0])) == 2


def test_large_logits_stay_in_range_and_infinite_ones_are_nan_where_there_is_no_value() -> None:
    for kind in ("multilabel", "multiclass"):
        assert class_probabilities([[1000.0, -1000.0]], kind).tolist() == [[1.0, 0.0]]
    assert np.isnan(class_probabilities([[np.inf, 0.0]], "multiclass")).any()


def test_kinds() -> None:
    assert [check_label_kind(kind) for kind in ("multilabel", "multiclass", "softmax")] == [
        "multilabel",
        "multiclass",
        "multiclass",
    ]
    for call in (lambda: check_label_kind("binary"), lambda: class_probabilities(np.zeros((1, 2)), "binary")):
        with pytest.raises(ValueError, match="'binary'"):
            call()
