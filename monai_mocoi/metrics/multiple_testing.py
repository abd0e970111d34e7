"""Holm's correction of several p-values for their number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Any) -> NDArray[np.float64]:
    """Adjust p-values ``(m,)`` for their number by the step-down method of Holm (Scand. J. Statist. 1979, 6:65-70).

    The smallest of ``m`` p-values is multiplied by ``m``, the next by ``m - 1`` and so on; none becomes smaller than
    that of a smaller p-value, nor larger than 1. Claiming wherever the adjusted p-value is at most ``level`` makes a
    false claim with probability ``level`` at most, whatever the dependence between the tests.

    ValueError: another shape, or a value that is NaN or outside of 0..1.
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(f"p_values has the shape {p.shape}; expected one dimension")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"p_values holds {p[~((p >= 0) & (p <= 1))][0]}; expected 0..1")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
