from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from monai_mocoi.metrics import nearest_neighbour_scores


def naive(train: np.ndarray, positive: np.ndarray, features: np.ndarray, k: int, temperature: float) -> np.ndarray:
    rows = []
    for image in features:
        similarities = [float(image @ other / np.linalg.norm(image) / np.linalg.norm(other)) for other in train]
        nearest = sorted(range(len(train)), key=lambda place: -similarities[place])[:k]
        weights = [math.exp(similarities[place] / temperature) for place in nearest]
        votes = sum(weight * positive[place] for weight, place in zip(weights, nearest, strict=True))
        rows.append(votes / sum(weights))
    return np.array(rows)


@pytest.mark.parametrize("images", [1, 19, 20, 21, 60])
@pytest.mark.parametrize("temperature", [0.07, 1.0])
def test_equals_a_plain_loop_for_findings_and_classes(images: int, temperature: float) -> None:
    random = np.random.default_rng(images)
    train, features = random.random((images, 6)), random.random((9, 6))
    findings = random.random((images, 3)) < 0.4
    classes = np.eye(4)[random.integers(0, 4, images)]
    for positive in (findings, classes):
        scores = nearest_neighbour_scores(train, positive, features, 20, temperature)
        np.testing.assert_allclose(scores, naive(train, positive, features, 20, temperature), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(nearest_neighbour_scores(train, classes, features).sum(axis=1), 1)


def test_equals_scikit_learns_classifier() -> None:
    random = np.random.default_rng(3)
    train, features, labels = random.random((50, 5)), random.random((20, 5)), random.integers(0, 3, 50)
    other = KNeighborsClassifier(20, metric="cosine", weights=lambda d: np.exp((1 - d) / 0.07)).fit(train, labels)
    found = nearest_neighbour_scores(train, np.eye(3)[labels], features)
    np.testing.assert_allclose(found, other.predict_proba(features), rtol=1e-9)


def test_the_closed_form_of_two_neighbours() -> None:
    train = [[1.0, 0.0], [0.0, 2.0]]  # similarities 0.6 and 0.8, whatever the lengths
    (scores,) = nearest_neighbour_scores(train, [[1, 0], [0, 1]], [[3.0, 4.0]], temperature=0.1)
    assert scores[0] == pytest.approx(1 / (1 + math.exp(0.2 / 0.1)))


def test_extreme_values_stay_numbers() -> None:
    random = np.random.default_rng(4)
    train = random.random((30, 4)).astype(np.float32)
    train[3] = 0
    positive = random.random((30, 2)) < 0.5
    features = np.concatenate([random.random((5, 4)), np.zeros((1, 4))])
    for temperature in (1e-9, 1e9):
        scores = nearest_neighbour_scores(train, positive, features, temperature=temperature)
        assert np.isfinite(scores).all()
        assert ((scores >= 0) & (scores <= 1)).all()
    alone = nearest_neighbour_scores(train, positive, features[:5], 1)
    np.testing.assert_array_equal(nearest_neighbour_scores(train, positive, features[:5], temperature=1e-9), alone)
    assert set(np.unique(alone)) <= {0.0, 1.0}


def test_numbers_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="neighbours is 0"):
        nearest_neighbour_scores([[1.0]], [[1]], [[1.0]], 0)
    with pytest.raises(ValueError, match="temperature is 0"):
        nearest_neighbour_scores([[1.0]], [[1]], [[1.0]], temperature=0)
