"""Difference of two means over unpaired draws that are tested on the same patients (Welch, with patients crossed)."""

from typing import Any

import numpy as np

from monai_mocoi.metrics.crossed_intervals import CrossedMean


def crossed_difference(values: Any, left_out: Any, other_values: Any, other_left_out: Any) -> CrossedMean:
    """Mean of the first draws less that of the others, for other draws of both and for other patients.

    ``values``, ``left_out``: ``(draws,)`` and ``(draws, patients)``, as of :func:`~monai_mocoi.metrics.crossed_mean`;
    ``other_values``, ``other_left_out``: the same of draws that are none of the first ones' partners, on the same
    patients. A group of one draw is taken as it is: nothing is said about other draws of it.

    The variance is that of Welch for the draws, ``MS_1 / D_1 + MS_2 / D_2``, and for the patients
    ``Cov_1 + Cov_2 - 2 Cov_12``, the mean covariances of two draws within the groups and between them by the jackknife
    (Obuchowski and Rockette, Commun. Stat. Simul. 1995, 24:285-308, with other readers in each modality). As in
    ``crossed_mean``, MS counts at least what the patients alone would give it, and the part of the patients is not
    below 0. Degrees of freedom by Satterthwaite. ValueError: other shapes, or a value that is not finite.
    """
    groups = [
        (np.asarray(own, dtype=np.float64), np.asarray(without, dtype=np.float64))
        for own, without in ((values, left_out), (other_values, other_left_out))
    ]
    if any(
        without.ndim != 2 or own.shape != without.shape[:1] or not len(own) or without.shape[1] < 2
        for own, without in groups
    ) or (groups[0][1].shape[1] != groups[1][1].shape[1]):
        shapes = ", ".join(str(part.shape) for group in groups for part in group)
        raise ValueError(f"the shapes are {shapes}; expected (draws,), (draws, 2 or more) of the same patients, twice")
    if not all(np.isfinite(part).all() for group in groups for part in group):
        raise ValueError("a value is not finite: all positive (or all negative) images of a class are of one patient")
    patients, count = groups[0][1].shape[1], len(groups[0][0])
    rows = np.concatenate([without for _, without in groups])
    away = rows - rows.mean(axis=1, keepdims=True)
    covariance = away @ away.T * ((patients - 1) / patients)
    of_patients, variance, parts = -2 * float(covariance[:count, count:].mean()), 0.0, 0.0
    for (own, _), block in zip(groups, (covariance[:count, :count], covariance[count:, count:]), strict=True):
        draws, alone = len(own), float(np.trace(block)) / len(own)
        shared = (float(block.sum()) / draws - alone) / (draws - 1) if draws > 1 else alone
        of_patients += shared
        if draws > 1:
            of_draws = max(float(own.var(ddof=1)), alone - shared) / draws
            variance, parts = variance + of_draws, parts + of_draws**2 / (draws - 1)
    of_patients = max(of_patients, 0.0)
    variance, parts = variance + of_patients, parts + of_patients**2 / (patients - 1)
    degrees = variance**2 / parts if parts > 0 else float(patients - 1)
    value = float(groups[0][0].mean() - groups[1][0].mean())
    return CrossedMean(value, variance**0.5, degrees, len(rows), patients)
