"""Predictions made up for tests: patients with several images, and findings or classes that are told a little."""

from __future__ import annotations

import numpy as np

from monai_mocoi.data import Predictions


def findings(
    shares: tuple[float, ...] = (0.4, 0.3),
    patients: int = 60,
    images: int = 150,
    noise: float = 1.2,
    seed: int = 0,
    noise_seed: int = 0,
) -> Predictions:
    """Findings A, B, ... of these shares of positives; labels depend on ``seed`` only, and scores on both."""
    generator = np.random.default_rng(seed)
    index = generator.permutation(np.r_[np.arange(patients), generator.integers(patients, size=images - patients)])
    labels = np.zeros((images, len(shares)), dtype=np.int64)
    for column, share in enumerate(shares):
        labels[generator.permutation(images)[: round(share * images)], column] = 1
    own = np.random.default_rng(noise_seed).standard_normal(labels.shape)
    probabilities = (1 / (1 + np.exp(-(2 * labels - 1 + noise * own)))).round(2)
    return of(probabilities, labels, [f"p{i:03}" for i in index])


def multiclass_predictions(classes: int = 3, images: int = 150, patients: int = 60, seed: int = 0) -> Predictions:
    """Classes A, B, ... of about equal size."""
    generator = np.random.default_rng(seed)
    labels = generator.permutation(np.arange(images) % classes)
    logits = np.eye(classes)[labels] + generator.standard_normal((images, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return of(probabilities, labels, [f"p{i % patients:03}" for i in range(images)])


def of(probabilities: np.ndarray, labels: np.ndarray, patients: list[str] | None = None) -> Predictions:
    """Predictions of images 000, 001, ...; without patients each image is of its own."""
    probabilities, labels = np.asarray(probabilities, dtype=np.float64), np.asarray(labels, dtype=np.int64)
    names = [f"{row:03}" for row in range(len(labels))]
    return Predictions(
        tuple(f"images/{name}.png" for name in names),
        tuple(patients or [f"p{name}" for name in names]),
        tuple("ABCDEFGH"[: probabilities.shape[1]]),
        "multilabel" if labels.ndim == 2 else "multiclass",
        labels,
        probabilities,
    )
