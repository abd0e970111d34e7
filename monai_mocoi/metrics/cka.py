"""Centred kernel alignment (CKA): the similarity of two sets of features of the same images, in any coordinates.

``CKA = HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L))`` of two kernel matrices (Kornblith et al. 2019), whose diagonals are
left out (``hsic_pairs.u_statistic``): with them unrelated features would score above 0, the more so the wider they are
and the fewer the images (fault A19). It is in -1..1, 0 on average for unrelated features, and for a linear kernel does
not change when features are shifted, rotated, or scaled as a whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from monai_mocoi.metrics.feature_moments import FeatureRows, moments
from monai_mocoi.metrics.hsic_of_features import hsic_of_features
from monai_mocoi.metrics.hsic_of_kernels import hsic_of_kernels, linear_kernel, u_centred
from monai_mocoi.metrics.hsic_pairs import Pair, check_count, check_sets, draw_order
from monai_mocoi.metrics.inputs import patient_index

KERNELS = ("linear", "rbf")
ROWS_AT_ONCE = 2048  # images that are worked on at once; the result does not depend on it, up to the last digits
_NEAR_ONE = 1e-6  # this close to 1 or -1 a left-out value is no more than rounding away from it
_NOTHING = 1e-20  # HSIC of features of mean square 1 with themselves that is no more than rounding


@dataclass(frozen=True, eq=False)
class CKA:
    """CKA of every first set of features with every second one, ``(first, second)``, -1..1.

    ``value``: exactly 1 where the two sets are equal. ``left_out``: ``(patients, first, second)``: without each patient
    in turn; NaN where there is none. ``permuted``, ``exchanged``: with the second set's rows, or whole patients,
    exchanged at random; the latter None where fewer than four images can be, NaN where their features are constant.
    """

    value: np.ndarray
    left_out: np.ndarray
    permuted: np.ndarray
    exchanged: np.ndarray | None


def permuted_cka_sd(images: int) -> float:
    """Standard deviation ``sqrt(2 / (n (n - 3)))`` of the debiased CKA of n images, one side's rows permuted at random.

    Exact over all n! orders, for any features and any kernel, with mean 0 (Mantel 1967). The distribution is skewed to
    the right where few directions hold most of the variance. Fewer than four images are refused with ValueError.
    """
    check_count(images)
    return float(np.sqrt(2 / (images * (images - 3))))


def linear_cka(first: Any, second: Any, debiased: bool = True) -> float:
    """Linear CKA of two sets of features ``(n, p)`` and ``(n, q)`` of the same images, n at least 4, as a plain number.

    ``debiased=False`` gives the biased estimate, 0..1. Errors as of :func:`cka_matrix`.
    """
    sets = check_sets([first, second])
    rows, pairs = np.arange(len(sets[0])), [(0, 1), (0, 0), (1, 1)]
    if _wide(sets):
        kernels = [linear_kernel(features, rows) for features in sets]
        kernels = [u_centred(kernel) for kernel in kernels] if debiased else kernels
        return float(_alignment({(i, j): np.vdot(kernels[i], kernels[j]) for i, j in pairs}, 1)[0, 0])
    found = moments(FeatureRows.of(sets, ROWS_AT_ONCE), [rows, rows], pairs)
    return float(_alignment({pair: (found.hsic if debiased else found.biased_hsic)(pair) for pair in pairs}, 1)[0, 0])


def cka_matrix(
    first: Sequence[Any],
    second: Sequence[Any],
    patients: Any = None,
    kernel: str = "linear",
    seed: int = 0,
    rows_at_once: int = ROWS_AT_ONCE,
) -> CKA:
    """Debiased CKA of several sets of features with several others, all of the same images in the same order.

    Linear features of more images than columns are summed up in blocks of rows; otherwise kernel matrices ``(n, n)``
    float64 are held in memory, one for each first set and a few more. Without these, the values without each patient
    and the two random ones are in float32 (off by less than 1e-6), all else in float64.

    ``first``, ``second``: sets ``(n, p_i)`` of one encoder, such as its four stages, and ``(n, q_j)`` of the other.
    ``patients``: ``(n,)`` ids; None: each image is of a patient of its own. ``kernel``: "linear", or "rbf":
    ``exp(-|x_i - x_j|^2 / (2 s^2))``, where s is the median distance between two images. ``seed``: of the random
    orders. ``rows_at_once``: images at once. ValueError: shapes that do not fit, values that are not finite, too few
    images, constant features, another kernel; with "rbf" a set in which most images have the same features.
    """
    if kernel not in KERNELS:
        raise ValueError(f"kernel is {kernel!r}; choose one of {', '.join(KERNELS)}")
    sets, split = check_sets([*first, *second]), len(first)
    n = len(sets[0])
    order = draw_order(*patient_index(np.arange(n) if patients is None else patients, n), seed)
    if kernel == "rbf" or _wide(sets):
        found = hsic_of_kernels(sets, split, order, rows_at_once, rbf=kernel == "rbf")
    else:
        found = hsic_of_features(sets, split, order, rows_at_once)
    whole, left_out = dict(found.whole), dict(found.left_out)
    for (i, j), same in found.equal.items():
        if same:  # sums of the same numbers in another order would give 1 up to the last digit only
            whole[i, j] = whole[j, j] = whole[i, i]
            left_out[i, j] = left_out[j, j] = left_out[i, i]
    exchanged = None if found.exchanged is None else _alignment(found.exchanged, split)
    return CKA(
        _alignment(whole, split), _alignment(left_out, split), _alignment({**whole, **found.permuted}, split), exchanged
    )


def _wide(sets: list[np.ndarray]) -> bool:
    """Whether a kernel matrix is smaller than the features."""
    return len(sets[0]) <= max(features.shape[1] for features in sets)


def _alignment(hsic: dict[Pair, Any], split: int) -> np.ndarray:
    """``(..., first, second)`` from HSIC of each pair and of each set with itself; NaN where a set is constant."""
    firsts, seconds = range(split), sorted({j for _, j in hsic if j >= split})

    def of(i: int, j: int) -> np.ndarray:
        product = np.asarray(hsic[i, i]) * np.asarray(hsic[j, j])
        positive = (np.asarray(hsic[i, i]) > _NOTHING) & (np.asarray(hsic[j, j]) > _NOTHING)
        ratio = np.asarray(hsic[i, j]) / np.sqrt(np.where(positive, product, 1))
        return np.where(positive, np.clip(ratio, -1, 1), np.nan)

    return np.stack([np.stack([of(i, j) for j in seconds], axis=-1) for i in firsts], axis=-2)


def jackknife_interval(value: Any, left_out: Any, level: float = 0.95) -> np.ndarray:
    """Interval of a correlation, or a similar number, by leaving out each patient in turn (Tukey 1958).

    On Fisher's scale ``z = artanh(value)``: the variance is ``(P - 1) / P`` times the sum of squares of the P left-out
    z around their mean, the limits ``tanh(z -+ t sqrt(variance))`` with t of P - 1 degrees of freedom. Where a left-out
    value is 1 up to rounding, the same without the transformation, cut off at 1. The variance of unrelated features is
    overestimated (Efron and Stein 1981): the interval is then too wide, not too narrow.

    ``value``, ``left_out``: ``(...)`` of all patients and ``(patients, ...)`` without each in turn, -1..1, finite;
    ``level``: above 0 and below 1. Returns ``(2, ...)``: lower and upper limit, within -1..1.
    """
    value, left_out = np.asarray(value, dtype=np.float64), np.asarray(left_out, dtype=np.float64)
    count = len(left_out)
    if not 0 < level < 1:
        raise ValueError(f"level is {level}; expected above 0 and below 1, such as 0.95")
    if count < 2:
        raise ValueError(f"a jackknife over patients needs two or more patients, got {count}")
    if not (np.isfinite(value).all() and np.isfinite(left_out).all()):
        raise ValueError("the number is undefined without one of the patients, so there is no interval over patients")
    times = stdtrit(count - 1, (1 + level) / 2)
    near = np.maximum(np.abs(left_out).max(axis=0), np.abs(value)) > 1 - _NEAR_ONE
    plain = np.clip(value + times * np.array([-1, 1]).reshape(2, *[1] * value.ndim) * _standard_error(left_out), -1, 1)
    z, z_left_out = np.arctanh(np.where(near, 0, value)), np.arctanh(np.where(near, 0, left_out))
    reach = times * _standard_error(z_left_out)
    return np.where(near, plain, np.tanh(np.stack([z - reach, z + reach])))


def _standard_error(left_out: np.ndarray) -> np.ndarray:
    count = len(left_out)
    return np.sqrt((count - 1) / count * np.square(left_out - left_out.mean(axis=0)).sum(axis=0))
