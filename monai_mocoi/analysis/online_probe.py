"""A quick look at what features know of the labels: cheap, exact, nothing to choose, and the same at every look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from monai_mocoi.analysis.stage_features import Features
from monai_mocoi.metrics import is_known, nearest_neighbour_scores, over_known, roc_auc

RIDGE_PENALTY = 1.0
"""Of the mean squared error: a direction of the standardised features counts by half where its variance is this."""


def probed_aucs(
    training: Features,
    training_labels: NDArray[np.int64],
    validation: Features,
    validation_labels: NDArray[np.int64],
    columns: Sequence[int],
) -> dict[str, float]:
    """Score validation images by training images, with the features of an encoder's stages.

    Args:
        training, validation: by stage, (images, channels).
        training_labels, validation_labels: (images, classes): 1, 0 or ``UNKNOWN``.
        columns: classes over which the AUC is averaged, each with positives and negatives in both.

    Returns:
        macro AUCs, 0..1, 0.5 is guessing: ``knn_auc`` with the features of the last stage; ``ridge_auc_stage1`` and so
            on
        of a ridge regression on each stage's standardised features, with :data:`RIDGE_PENALTY`, solved exactly.
    """
    wanted, truth = training_labels[:, list(columns)], validation_labels[:, list(columns)]
    known = is_known(wanted)

    def macro_auc(score: Callable[[Any, NDArray[np.int64]], NDArray[Any]]) -> float:
        """Of the scores by some training images and their labels."""
        if known.all():
            scores = score(slice(None), wanted)
        else:
            scores = np.stack([score(own, wanted[own, i]).reshape(-1) for i, own in enumerate(known.T)], axis=1)
        return float(over_known(roc_auc, truth, scores.reshape(truth.shape)).mean())

    last = max(training)
    values = {
        "knn_auc": macro_auc(
            lambda images, labels: nearest_neighbour_scores(training[last][images], labels, validation[last])
        )
    }
    for stage in sorted(training):
        values[f"ridge_auc_stage{stage}"] = macro_auc(partial(_ridge_scores, training[stage], validation[stage]))
    return values


def _ridge_scores(
    training: NDArray[Any], validation: NDArray[Any], images: Any, labels: NDArray[np.int64]
) -> NDArray[np.float64]:
    scaler = StandardScaler().fit(training[images].astype(np.float64))
    ridge = Ridge(alpha=RIDGE_PENALTY * len(labels), solver="cholesky")
    ridge.fit(scaler.transform(training[images].astype(np.float64)), labels.astype(np.float64))
    return ridge.predict(scaler.transform(validation.astype(np.float64)))
