"""AUC of clustered data: its variance and interval without resampling, where patients have several images."""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtri

from monai_mocoi.metrics.auc import twice_beaten
from monai_mocoi.metrics.inputs import check_labels, check_scores, patient_index


class ClusteredAUC(NamedTuple):
    """AUC of each column of scores, ``(columns,)``, and the covariance of these estimates, ``(columns, columns)``."""

    auc: np.ndarray
    covariance: np.ndarray

    @property
    def variance(self) -> np.ndarray:
        """``(columns,)`` variance of each AUC."""
        return np.diagonal(self.covariance)


def obuchowski_auc(labels: Any, scores: Any, patients: Any) -> ClusteredAUC:
    """Nonparametric AUC and its covariance for clustered data (Obuchowski 1997, Biometrics 53:567).

    The images of one patient may be alike; patients are independent. It is the method of DeLong et al. (1988) when each
    patient has one image. The variance of the difference of two columns is
    ``covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]``.

    Takes labels ``(n,)``, 0 or 1; finite scores ``(n,)`` of one model or ``(n, models)`` of several; and ids ``(n,)``.
    Both results are NaN without a positive or a negative image; the covariance also where all positives, or all
    negatives, are of one patient.
    """
    scores = check_scores(scores)
    scores = scores.reshape(len(scores), -1)
    labels = check_labels(labels, scores.shape[:1])
    index, count = patient_index(patients, len(scores))
    columns = scores.shape[1]
    positives = np.bincount(index[labels], minlength=count)
    negatives = np.bincount(index[~labels], minlength=count)
    total = positives.sum(), negatives.sum()
    if 0 in total:
        return ClusteredAUC(np.full(columns, np.nan), np.full((columns, columns), np.nan))

    auc = np.empty(columns)
    # Sums over each patient's images of (the share of the other class that the image is ranked right against) - AUC.
    of_positives, of_negatives = np.empty((count, columns)), np.empty((count, columns))
    for i in range(columns):
        own, other = scores[labels, i], scores[~labels, i]
        won = twice_beaten(own, other) / (2 * total[1])
        lost = 1 - twice_beaten(other, own) / (2 * total[0])
        auc[i] = won.mean()
        of_positives[:, i] = np.bincount(index[labels], won, count) - positives * auc[i]
        of_negatives[:, i] = np.bincount(index[~labels], lost, count) - negatives * auc[i]
    of_positives /= total[0]
    of_negatives /= total[1]
    cross = of_positives.T @ of_negatives
    covariance = (
        _enlarged(int((positives > 0).sum())) * of_positives.T @ of_positives
        + _enlarged(int((negatives > 0).sum())) * of_negatives.T @ of_negatives
        + _enlarged(count) * (cross + cross.T)
    )
    return ClusteredAUC(auc, covariance)


def _enlarged(clusters: int) -> float:
    return clusters / (clusters - 1) if clusters > 1 else np.nan


def normal_interval(auc: Any, variance: Any, level: float = 0.95) -> np.ndarray:
    """auc -+ z sqrt(variance), cut at 0 and 1: ``(2,)`` or ``(2, columns)``, lower and upper limit.

    Where the variance is 0, as with complete separation, it has zero width; the AUC is not certain for all that.
    """
    auc, half = np.asarray(auc), ndtri((1 + level) / 2) * np.sqrt(variance)
    return np.clip(np.stack([auc - half, auc + half]), 0, 1)


def logit_interval(auc: Any, variance: Any, level: float = 0.95) -> np.ndarray:
    """Interval on the scale of ln(auc / (1 - auc)), transformed back: never beyond 0 and 1, and longer towards 0.5.

    Zero width where the AUC is exactly 0 or 1.
    """
    auc = np.asarray(auc, dtype=np.float64)
    inside = (auc > 0) & (auc < 1)
    safe = np.where(inside, auc, 0.5)
    half = ndtri((1 + level) / 2) * np.sqrt(variance) / (safe * (1 - safe))
    return np.where(inside, expit(np.stack([logit(safe) - half, logit(safe) + half])), auc)
