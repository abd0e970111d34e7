from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, multilabel_confusion_matrix

from monai_mocoi.metrics import confusion_counts, decide_by_highest, macro_f1, one_hot


@pytest.mark.parametrize("n", [3, 4, 17, 300])
@pytest.mark.parametrize("weighted", [False, True])
def test_equals_scikit_learn(n: int, weighted: bool) -> None:
    generator = np.random.default_rng(n)
    labels = generator.integers(0, 2, (n, 4))
    decided = np.where(generator.random((n, 4)) < 0.7, labels, 1 - labels)
    labels[0], decided[1], labels[2] = 1, 1, 0
    weights = generator.random(n) + 0.1 if weighted else None
    counts = confusion_counts(labels, decided, weights)
    (tn, fp), (fn, tp) = multilabel_confusion_matrix(labels, decided, sample_weight=weights).transpose(1, 2, 0)
    np.testing.assert_allclose(np.stack(counts), np.stack([tp, fp, fn, tn]), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(counts.sensitivity, tp / (tp + fn), rtol=1e-12)
    np.testing.assert_allclose(counts.specificity, tn / (tn + fp), rtol=1e-12)
    np.testing.assert_allclose(counts.f1, f1_score(labels, decided, average=None, sample_weight=weights), rtol=1e-12)
    expected = f1_score(labels, decided, average="macro", sample_weight=weights)
    assert macro_f1(labels, decided, weights) == pytest.approx(expected, rel=1e-12)


def test_softmax_is_one_class_against_the_rest() -> None:
    generator = np.random.default_rng(0)
    labels, scores = generator.integers(0, 3, 50), generator.random((50, 3))
    expected = f1_score(labels, scores.argmax(axis=1), average="macro")
    assert macro_f1(one_hot(labels, 3), decide_by_highest(scores)) == pytest.approx(expected, rel=1e-12)


def test_closed_forms_and_what_is_undefined() -> None:
    counts = confusion_counts([1, 1, 1, 0, 0], [1, 1, 0, 1, 0])
    assert [float(c) for c in counts] == [2, 1, 1, 1]
    assert float(counts.f1) == pytest.approx(4 / 6)
    labels = np.array([[0, 1, 1], [0, 1, 0]])
    counts = confusion_counts(labels, [[0, 0, 0], [0, 1, 1]])
    assert np.isnan(counts.sensitivity).tolist() == [True, False, False]
    assert np.isnan(counts.specificity).tolist() == [False, True, False]
    assert np.isnan(counts.f1).tolist() == [True, False, False]
    assert counts.f1[2] == 0
    assert np.isnan(macro_f1(labels, [[0, 0, 0], [0, 1, 1]]))


def test_refuses_what_is_no_decision() -> None:
    with pytest.raises(ValueError, match=r"decisions hold 0\.7 in row 1"):
        confusion_counts([0, 1], [0, 0.7])
    with pytest.raises(ValueError, match="labels have shape"):
        confusion_counts([0, 1, 1], [0, 1])
