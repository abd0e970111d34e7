"""Crossed design (readers x cases): interval of a mean over label draws that are tested on the same patients."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit


@dataclass(frozen=True)
class CrossedMean:
    """A mean over draws with its standard error, which holds the chance of patients and, from two draws on, of draws.

    ``degrees``: of freedom of the t distribution; infinity is the normal one.
    """

    value: float
    standard_error: float
    degrees: float
    draws: int
    patients: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """``value -+ t x standard error``; above and below the possible values it is not cut."""
        if not 0 < level < 1:
            raise ValueError(f"level is {level}; expected above 0 and below 1, such as 0.95")
        half = float(stdtrit(self.degrees, (1 + level) / 2)) * self.standard_error
        return self.value - half, self.value + half

    @property
    def varies(self) -> bool:
        """Whether the standard error is above 0, but for rounding: without variation the interval says nothing."""
        return self.standard_error > 1e-12 * max(1.0, abs(self.value))

    def p_value(self, null: float = 0) -> float:
        """Two-sided p-value: the alpha above which the interval of level 1 - alpha excludes ``null``.

        1 where nothing varies: a test set without variation is no evidence, however far ``null`` is.
        """
        if not self.varies:
            return 1.0
        return 2 * float(stdtr(self.degrees, -abs(self.value - null) / self.standard_error))


def crossed_mean(values: Any, left_out: Any) -> CrossedMean:
    """Mean of a statistic over draws of labels, for other draws and for other patients.

    ``values``: ``(draws,)``, the statistic of each draw on all patients. ``left_out``: ``(draws, patients)``, the same
    without each patient in turn (jackknife), finite, with 2 patients or more; else ValueError.

    Draws and patients are two crossed random factors, as readers and cases are where several readers judge the same
    images. This is the estimator of Obuchowski and Rockette (Commun. Stat. Simul. 1995, 24:285-308) for one modality
    (Hillis, Obuchowski and Berbaum, Acad. Radiol. 2011, 18:129-142), with draws as readers: the variance of the mean is
    ``MS / D + Cov``. MS is the variance of the D draws' values; Cov the mean covariance of two draws by resampling the
    patients (jackknife, delete one patient with all its images). Degrees of freedom by Satterthwaite, as Hillis (Stat.
    Med. 2007, 26:596-619), and with patients - 1 for the part of the patients.

    Two things make it wider, never narrower: MS counts at least what the patients alone would give it (so the interval
    is no narrower than that over patients at exactly these draws), and a Cov below 0 counts as 0. Resampling the draws
    with the patients would be simpler, but too narrow: of two draws a bootstrap knows half of the variance and no
    t distribution. With one draw there is the chance of the patients alone. Measured coverage of the 95 % interval with
    40 patients: 0.93 to 0.96 from three draws on; of two draws 0.95 where the patients matter more, and down to 0.88
    where draws differ far more than patients do.

    Examples:
        >>> import numpy as np
        >>> from monai_mocoi.metrics import crossed_mean
        >>> of_patients = np.random.default_rng(0).normal(size=(3, 50)) + 1
        >>> values = of_patients.mean(axis=1)
        >>> left_out = (of_patients.sum(axis=1, keepdims=True) - of_patients) / 49
        >>> low, high = crossed_mean(values, left_out).interval()
        >>> bool(low < 1 < high)
        True
    """
    values, left_out = np.asarray(values, dtype=np.float64), np.asarray(left_out, dtype=np.float64)
    if left_out.ndim != 2 or values.shape != left_out.shape[:1] or not len(values) or left_out.shape[1] < 2:
        raise ValueError(f"values {values.shape} and left_out {left_out.shape}; expected (draws,), (draws, 2 or more)")
    if not (np.isfinite(values).all() and np.isfinite(left_out).all()):
        raise ValueError("a value is not finite: all positive (or all negative) images of a class are of one patient")
    draws, patients = left_out.shape
    away = left_out - left_out.mean(axis=1, keepdims=True)
    covariance = away @ away.T * ((patients - 1) / patients)
    own = float(np.trace(covariance)) / draws
    if draws == 1:
        return CrossedMean(float(values[0]), own**0.5, patients - 1, 1, patients)
    shared = (float(covariance.sum()) / draws - own) / (draws - 1)
    of_draws = max(float(values.var(ddof=1)), own - shared) / draws
    shared = max(shared, 0.0)
    variance = of_draws + shared
    parts = of_draws**2 / (draws - 1) + shared**2 / (patients - 1)
    degrees = variance**2 / parts if parts > 0 else float(patients - 1)
    return CrossedMean(float(values.mean()), max(variance, 0.0) ** 0.5, degrees, draws, patients)
