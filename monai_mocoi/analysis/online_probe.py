"""A quick look at what features know of the labels: cheap, exact, nothing to choose, and the same at every look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from monai_mocoi.analysis.stage_features import Features
from monai_mocoi.metrics import nearest_neighbour_scores, roc_auc

RIDGE_PENALTY = 1.0
"""Of the mean squared error: a direction of the standardised features counts by half where its variance is this."""


def probed_aucs(
    training: Features,
    training_positive: NDArray[np.bool_],
    validation: Features,
    validation_positive: NDArray[np.bool_],
    columns: Sequence[int],
) -> dict[str, float]:
    """Score validation images by training images, with the features of an encoder's stages.

    Args:
        training: by stage, (images, channels).
        training_positive: (images, classes) which image has which class or finding.
        validation: as ``training``.
        validation_positive: the same.
        columns: classes over which the AUC is averaged, each with positives and negatives in both.

    Returns:
        macro AUCs, 0..1, 0.5 is guessing: ``knn_auc`` of
        :func:`~monai_mocoi.metrics.k_nearest_neighbours.nearest_neighbour_scores` with the features of the last stage;
        ``ridge_auc_stage1`` and so on of a ridge regression on each stage's standardised features, with
        :data:`RIDGE_PENALTY`, solved exactly.
    """
    wanted, truth = training_positive[:, list(columns)], validation_positive[:, list(columns)]

    def macro_auc(scores: NDArray[Any]) -> float:
        return float(roc_auc(truth, scores.reshape(truth.shape)).mean())

    last = max(training)
    values = {"knn_auc": macro_auc(nearest_neighbour_scores(training[last], wanted, validation[last]))}
    for stage in sorted(training):
        scaler = StandardScaler().fit(training[stage].astype(np.float64))
        ridge = Ridge(alpha=RIDGE_PENALTY * len(wanted), solver="cholesky")
        ridge.fit(scaler.transform(training[stage].astype(np.float64)), wanted.astype(np.float64))
        scores = ridge.predict(scaler.transform(validation[stage].astype(np.float64)))
        values[f"ridge_auc_stage{stage}"] = macro_auc(scores)
    return values
