"""Kolmogorov-Smirnov distance of two models' outputs on the same images: the largest gap of their distributions.

Its estimate is above 0 even for two models that differ by chance alone, so it needs a null distribution beside it.
Resampled distances would be biased upwards, because resampling adds a second random gap to the first.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from monai_mocoi.metrics.inputs import check_scores, patient_index
from monai_mocoi.metrics.patient_resamples import PatientResamples

_VALUES_AT_ONCE = 2**18  # outputs times swaps (or resamples) held at once; the results do not depend on it


def ks_distance(first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
    """Largest difference of the empirical distribution functions of two samples, each column by itself.

    Exact with ties, as SciPy's ``ks_2samp``. Takes ``(n,)`` or ``(n, columns)`` and ``(m,)`` or ``(m, columns)``,
    finite. Returns the distance, 0..1, and the least value ``v`` at which the shares of outputs of at most ``v`` differ
    most; each of shape ``()`` or ``(columns,)``.
    """
    first, second = check_scores(first, "first outputs"), check_scores(second, "second outputs")
    if first.shape[1:] != second.shape[1:] or not len(first) or not len(second):
        raise ValueError(f"outputs of shapes {first.shape} and {second.shape}: expected rows of the same columns")
    shape = first.shape[1:]
    columns = zip(_columns(first), _columns(second), strict=True)
    found = [_distance(one, other) for one, other in columns]
    distances, places = zip(*found, strict=True) if found else ((), ())
    return np.array(distances).reshape(shape), np.array(places).reshape(shape)


def swapped_distances(first: Any, second: Any, patients: Any, swaps: int = 2000, seed: int = 0) -> np.ndarray:
    """Distances under the null hypothesis that it does not matter which of the two models an output is of.

    Each patient's outputs of the two models change places, all columns together, with a probability of one half. A
    p-value is ``(1 + distances at least as large) / (1 + swaps)``.

    ``first``, ``second``: ``(n,)`` or ``(n, columns)``, outputs of the same images in the same order, finite.
    ``patients``: ``(n,)`` ids. Returns ``(swaps,)`` or ``(swaps, columns)``, whole numbers divided by n: they compare
    exactly with :func:`ks_distance`.
    """
    first, second = _paired(first, second)
    index, count = patient_index(patients, len(first))
    if swaps < 1:
        raise ValueError(f"swaps is {swaps}; expected at least 1")
    signs = 1 - 2 * np.random.default_rng(seed).integers(2, size=(swaps, count), dtype=np.int8)
    result = np.empty((swaps, *first.shape[1:]))
    flat = result.reshape(swaps, -1)
    for place, (one, other) in enumerate(zip(_columns(first), _columns(second), strict=True)):
        order, gains, ends, _ = _pooled(one, other)
        of_patient = index[order % len(one)]
        for rows in _blocks(swaps, len(order)):
            steps = np.cumsum(signs[rows][:, of_patient] * gains, axis=1, dtype=np.int32)[:, ends]
            flat[rows, place] = np.abs(steps).max(axis=1) / len(one)
    return result


def resampled_deviations(first: Any, second: Any, resamples: PatientResamples) -> np.ndarray:
    """How far the gap of the distribution functions is from its estimate, at its farthest, in each resample.

    By the triangle inequality ``distance -+ quantile of level`` of these is an interval for the distance that is not
    biased upwards, and covers the true distance at least as often as its level says, usually more often.

    ``first``, ``second``: as for :func:`swapped_distances`; ``resamples``: of the patients of these images. Returns
    ``(resamples,)`` or ``(resamples, columns)``, 0 or more.
    """
    first, second = _paired(first, second)
    if len(resamples.index) != len(first):
        raise ValueError(f"resamples of {len(resamples.index)} images for {len(first)}")
    counts = resamples.counts
    images = counts @ np.bincount(resamples.index, minlength=counts.shape[1])
    result = np.empty((len(counts), *first.shape[1:]))
    flat = result.reshape(len(counts), -1)
    for place, (one, other) in enumerate(zip(_columns(first), _columns(second), strict=True)):
        order, gains, ends, _ = _pooled(one, other)
        of_patient = resamples.index[order % len(one)]
        gap = np.cumsum(gains, dtype=np.int32)[ends] / len(one)
        for rows in _blocks(len(counts), len(order)):
            drawn = counts[rows][:, of_patient].astype(np.int16) * gains
            steps = np.cumsum(drawn, axis=1, dtype=np.int32)[:, ends] / images[rows, None]
            flat[rows, place] = np.abs(steps - gap).max(axis=1)
    return result


def _paired(first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
    first, second = check_scores(first, "first outputs"), check_scores(second, "second outputs")
    if first.shape != second.shape or not len(first):
        raise ValueError(f"outputs of shapes {first.shape} and {second.shape}: expected those of the same images")
    return first, second


def _columns(values: np.ndarray) -> Iterator[np.ndarray]:
    yield from np.ascontiguousarray(values.reshape(len(values), -1).T)


def _pooled(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Order of the values of both, what each adds (1 of the first, -1 of the second), where ties end, the values."""
    values = np.concatenate([first, second])
    order = np.argsort(values, kind="stable")
    gains = np.where(order < len(first), 1, -1).astype(np.int8)
    values = values[order]
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True))
    return order, gains, ends, values[ends]


def _distance(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    _, gains, ends, values = _pooled(first, second)
    through = np.cumsum(gains == 1, dtype=np.int64)[ends]
    n, m = len(first), len(second)
    gap = np.abs(through * m - (ends + 1 - through) * n) / (n * m)  # rounded once, as the whole numbers of a swap
    at = int(gap.argmax())
    return float(gap[at]), float(values[at])


def _blocks(rows: int, columns: int) -> Iterator[slice]:
    size = max(1, _VALUES_AT_ONCE // columns)
    return (slice(start, start + size) for start in range(0, rows, size))
