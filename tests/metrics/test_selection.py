from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from monai_mocoi.metrics import SELECTION_METRICS, ranked_columns, selection_metric, youden_threshold


def findings(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, (count, 3))
    return labels, ((labels + 2 * generator.random((count, 3))) / 3).round(2)


def classes(count: int = 60, number: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    labels = np.arange(count) % number
    scores = np.eye(number)[labels] + 2 * generator.random((count, number))
    return labels, scores / scores.sum(axis=1, keepdims=True)


def test_findings_against_scikit_learn() -> None:
    labels, said = findings()
    assert selection_metric("macro_auc", "multilabel", labels, said) == pytest.approx(roc_auc_score(labels, said))
    assert selection_metric("macro_average_precision", "multilabel", labels, said) == pytest.approx(
        average_precision_score(labels, said)
    )
    decided = said >= youden_threshold(labels, said)
    expected = f1_score(labels, decided, average="macro")
    assert selection_metric("macro_f1", "multilabel", labels, said) == pytest.approx(expected)


def test_classes_against_scikit_learn() -> None:
    labels, said = classes()
    expected = {
        "macro_auc": roc_auc_score(labels, said, multi_class="ovr"),
        "macro_average_precision": average_precision_score(np.eye(3)[labels], said),
        "macro_f1": f1_score(labels, said.argmax(axis=1), average="macro"),
    }
    for name, value in expected.items():
        assert selection_metric(name, "multiclass", labels, said) == pytest.approx(value)


def test_a21_of_two_multiclass_labels_the_second_probability_counts() -> None:
    labels, said = classes(number=2)
    assert selection_metric("macro_auc", "multiclass", labels, said) == pytest.approx(roc_auc_score(labels, said[:, 1]))
    assert selection_metric("macro_average_precision", "multiclass", labels, said) == pytest.approx(
        average_precision_score(labels, said[:, 1])
    )
    assert selection_metric("macro_f1", "multiclass", labels, said) == pytest.approx(
        f1_score(labels, said.argmax(axis=1), average="macro")
    )
    assert ranked_columns("multiclass", 2).tolist() == [1]
    assert ranked_columns("multiclass", 3).tolist() == [0, 1, 2]
    assert ranked_columns("multilabel", 2).tolist() == [0, 1]


@pytest.mark.parametrize("name", SELECTION_METRICS)
def test_undefined_classes_do_not_count(name: str) -> None:
    labels, said = findings()
    labels[:, 0], labels[:, 2] = 0, 1
    assert selection_metric(name, "multilabel", labels, said) == selection_metric(
        name, "multilabel", labels[:, 1:2], said[:, 1:2]
    )
    assert math.isnan(selection_metric(name, "multilabel", labels[:, ::2], said[:, ::2]))
    assert math.isnan(selection_metric(name, "multilabel", labels[:0], said[:0]))
    numbers, of_classes = classes()
    assert math.isnan(selection_metric(name, "multiclass", np.zeros_like(numbers), of_classes))
    without_third = numbers % 2
    assert 0 < selection_metric(name, "multiclass", without_third, of_classes) < 1


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
@pytest.mark.parametrize("name", SELECTION_METRICS)
def test_perfect_is_1(name: str, kind: str) -> None:
    labels = np.arange(12) % 3
    hot = np.eye(3)[labels]
    assert selection_metric(name, kind, labels if kind == "multiclass" else hot, 0.1 + 0.8 * hot) == 1


def test_refusals() -> None:
    labels, said = findings()
    with pytest.raises(ValueError, match="metric is 'accuracy'; choose one of macro_auc"):
        selection_metric("accuracy", "multilabel", labels, said)
    with pytest.raises(ValueError, match="kind of labels is 'binary'"):
        selection_metric("macro_auc", "binary", labels, said)
    said[2, 1] = np.nan
    with pytest.raises(ValueError, match="hold nan in row 2, column 1"):
        selection_metric("macro_auc", "multilabel", labels, said)
