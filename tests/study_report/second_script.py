"""The second script: numbers of a report from its files once more, by NumPy, SciPy's distributions and nothing of ours.

Files are read by :mod:`csv`, AUCs count all pairs, patients are left out one by one, classifiers are fitted anew for
each resample; variances, intervals and corrections are written down as in the papers.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from scipy.stats import norm, t

Rows = list[dict[str, str]]
Statistic = Callable[[np.ndarray], np.ndarray]
"""From a weight for each image to one or several numbers."""
RESAMPLES, SEED = 99, 0


@cache
def rows_of(path: Path) -> Rows:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True, eq=False)
class Images:
    """One ``predictions.csv``: ``truth`` is 1, 0, or NaN where it is not known; ``patients`` in sorted order."""

    classes: tuple[str, ...]
    truth: np.ndarray
    said: np.ndarray
    patient_of: np.ndarray
    patients: list[str]

    def weights(self, counts: np.ndarray) -> np.ndarray:
        """Of the images, from how often each patient was drawn."""
        return counts[self.patient_of].astype(float)

    def side(self, column: int, value: int) -> np.ndarray:
        return self.truth[:, column] == value

    def patients_with(self, images: np.ndarray) -> int:
        return len(set(self.patient_of[images].tolist()))


@cache
def images_of(path: Path) -> Images:
    rows = rows_of(path)
    classes = tuple(name.removeprefix("label_") for name in rows[0] if name.startswith("label_"))
    truth = np.array([[float(row[f"label_{name}"] or "nan") for name in classes] for row in rows])
    said = np.array([[float(row[f"probability_{name}"]) for name in classes] for row in rows])
    patients = sorted({row["patient"] for row in rows})
    return Images(classes, truth, said, np.array([patients.index(row["patient"]) for row in rows]), patients)


def aucs(images: Images, columns: Iterable[int] | None = None, among: np.ndarray | None = None) -> Statistic:
    """The AUC of each column: share of the pairs of a positive and a negative in order; a tie is half a pair."""
    among = np.ones(len(images.truth), dtype=bool) if among is None else among
    parts = []
    for column in range(len(images.classes)) if columns is None else columns:
        positive, negative = (np.flatnonzero(images.side(column, value) & among) for value in (1, 0))
        gap = images.said[positive, column][:, None] - images.said[negative, column][None]
        parts.append((positive, negative, (gap > 0) + (gap == 0) / 2))

    def statistic(weights: np.ndarray) -> np.ndarray:
        of_pairs = [(weights[p], weights[n], beats) for p, n, beats in parts]
        return np.array([(p @ beats @ n) / (p.sum() * n.sum()) for p, n, beats in of_pairs])

    return statistic


def mean(statistic: Statistic) -> Statistic:
    return lambda weights: statistic(weights).mean(keepdims=True)


def whole(images: Images, statistic: Statistic) -> np.ndarray:
    return statistic(np.ones(len(images.truth)))


def left_out(images: Images, statistic: Statistic) -> np.ndarray:
    """The statistic without each patient in turn: ``(patients, numbers)``."""
    counts = 1 - np.eye(len(images.patients))
    return np.stack([statistic(images.weights(own)) for own in counts])


@cache
def macro_auc(path: Path, label: str | None = None) -> tuple[float, np.ndarray]:
    """Of all classes or of one, and without each patient."""
    images = images_of(path)
    statistic = mean(aucs(images, None if label is None else [images.classes.index(label)]))
    return float(whole(images, statistic)[0]), left_out(images, statistic)[:, 0]


def crossed(values: Sequence[float], without: Sequence[np.ndarray]) -> tuple[float, float, float, float]:
    """Value, ends and p-value of a mean over draws: Obuchowski and Rockette, with both factors' degrees of freedom."""
    x, jack = np.array(values), np.array(without)
    d, n = jack.shape
    cov = np.atleast_2d((n - 1) ** 2 / n * np.cov(jack))
    if d == 1:
        variance, df = cov[0, 0], n - 1
    else:
        shared = np.mean([cov[i, j] for i in range(d) for j in range(d) if i != j])
        ms = max(np.var(x, ddof=1), np.mean(np.diag(cov)) - shared) / d
        shared = max(shared, 0)
        variance = ms + shared
        df = variance**2 / (ms**2 / (d - 1) + shared**2 / (n - 1))
    half = t.ppf(0.975, df) * variance**0.5
    return x.mean(), x.mean() - half, x.mean() + half, 2 * t.sf(abs(x.mean()) / variance**0.5, df)


def holm(p_values: Sequence[float]) -> list[float]:
    """The smallest times their number, the next times one less, and so on; none below one before it."""
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, p_values[place] * (len(p_values) - rank)))
        adjusted[place] = largest
    return adjusted


def resamples(images: Images, needed: Sequence[np.ndarray]) -> np.ndarray:
    """Counts of the patients in each resample of the documented stream; one that lacks what is needed is no resample.

    ``needed``: masks of images, of each of which one must be drawn.
    """
    generator, count, kept = np.random.default_rng(SEED), len(images.patients), []
    while len(kept) < RESAMPLES:
        counts = np.bincount(generator.integers(count, size=count), minlength=count)
        if all(images.weights(counts)[mask].any() for mask in needed):
            kept.append(counts)
    return np.stack(kept)


def usual_needs(images: Images) -> list[np.ndarray]:
    """A positive and a negative image of every class."""
    return [images.side(column, value) for column in range(len(images.classes)) for value in (1, 0)]


@dataclass(frozen=True, eq=False)
class Resampled:
    """Numbers of the whole sample, ``(resamples, numbers)``, and without each patient, for intervals by BCa."""

    value: np.ndarray
    values: np.ndarray
    without: np.ndarray

    @classmethod
    def of(cls, images: Images, statistic: Statistic, counts: np.ndarray) -> Resampled:
        values = np.stack([statistic(images.weights(own)) for own in counts])
        return cls(whole(images, statistic), values, left_out(images, statistic))

    def interval(self, number: int = 0, level: float = 0.95) -> tuple[float, float] | None:
        """Efron 1987; the quantile of B values of the share q has the rank q (B + 1). None: some are not defined."""
        value, values, without = self.value[number], np.sort(self.values[:, number]), self.without[:, number]
        if not (np.isfinite(values).all() and np.isfinite(without).all()):
            return None
        count = len(values)
        below = ((values < value).sum() + (values == value).sum() / 2) / count
        bias = norm.ppf(min(max(below, 0.5 / count), 1 - 0.5 / count))
        away = without.mean() - without
        away[abs(away) < 1e-13] = 0
        acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5) if away.any() else 0.0
        ends = []
        for z in norm.ppf([(1 - level) / 2, (1 + level) / 2]):
            share = norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
            ends.append(float(np.interp(share * (count + 1) - 1, np.arange(count), values)))
        return ends[0], ends[1]

    def p_value(self) -> float:
        """The alpha above which the interval of level 1 - alpha excludes 0, found by halving."""
        least, most = 2 / (RESAMPLES + 1), 1.0
        low, high = least, most
        for _ in range(60):
            middle = (low + high) / 2
            ends = self.interval(0, 1 - middle)
            assert ends is not None
            low, high = (middle, high) if ends[0] <= 0 <= ends[1] else (low, middle)
        return low


def calibration(images: Images, column: int) -> Statistic:
    """Intercept (at slope 1), slope and Brier score, over the images whose label is known; by Newton's method."""
    known = np.isfinite(images.truth[:, column])
    label, said = images.truth[known, column], images.said[known, column]
    x = np.log(said) - np.log1p(-said)

    def statistic(weights: np.ndarray) -> np.ndarray:
        w, line, level = weights[known], np.zeros(2), 0.0
        design = np.stack([np.ones_like(x), x])
        for _ in range(60):
            p = 1 / (1 + np.exp(-(line @ design)))
            line = line + np.linalg.solve((design * (w * p * (1 - p))) @ design.T, design @ (w * (label - p)))
            q = 1 / (1 + np.exp(-(level + x)))
            level = level + (w * (label - q)).sum() / (w * q * (1 - q)).sum()
        return np.array([level, line[1], (w * (said - label) ** 2).sum() / w.sum()])

    return statistic


def share_of_positives(images: Images, column: int) -> float:
    return float(np.nanmean(images.truth[:, column]))


def thresholds(images: Images, column: int) -> np.ndarray:
    """Of the decision curve: 20, evenly up to 2.5 times the share of positives, which is 5 to 90 %."""
    top = min(max(2.5 * share_of_positives(images, column), 0.05), 0.9)
    return np.array([top * step / 20 for step in range(1, 21)])


def net_benefit(images: Images, column: int) -> Statistic:
    """TP / n - FP / n x t / (1 - t) of the model at each threshold, then of treating everybody."""
    known = np.isfinite(images.truth[:, column])
    label, said = images.truth[known, column], images.said[known, column]
    cuts = thresholds(images, column)
    called = np.stack([said >= cut for cut in cuts] + [np.ones_like(said, dtype=bool)] * len(cuts))
    odds = np.tile(cuts / (1 - cuts), 2)

    def statistic(weights: np.ndarray) -> np.ndarray:
        w = weights[known]
        return (called @ (w * label) - odds * (called @ (w * (1 - label)))) / w.sum()

    return statistic


def bins(images: Images, column: int) -> tuple[np.ndarray, Statistic]:
    """Of the reliability diagram: mean probability of each bin, and the share of positives in it."""
    known = np.isfinite(images.truth[:, column])
    label, said = images.truth[known, column], images.said[known, column]
    count = min(max(int(min(label.sum(), (1 - label).sum())) // 5, 1), 10)
    edges = np.percentile(said, np.linspace(0, 1, count + 1) * 100)[1:-1]
    place = np.array([sum(edge < own for edge in edges) for own in said])
    held = np.stack([place == number for number in sorted(set(place.tolist()))])

    def statistic(weights: np.ndarray) -> np.ndarray:
        w = weights[known]
        with np.errstate(invalid="ignore"):
            return (held @ (w * label)) / (held @ w)

    return np.array([said[own].mean() for own in held]), statistic


def in_hundredths(value: float, ends: tuple[float, float] | None, sign: str = "") -> str:
    """As the page shows a number."""

    def points(own: float) -> str:
        text = f"{100 * own:{sign}.1f}"
        return text.replace("-0.0", "0.0") if float(text) == 0 else text

    return points(value) + (f" ({points(ends[0])} to {points(ends[1])})" if ends else "")


def difference_of_two_tests(
    first: float, of_first: tuple[float, float], second: float, of_second: tuple[float, float]
) -> tuple[float, float]:
    """Interval of first - second of two independent samples, from their own (Zou and Donner 2008)."""
    gap = first - second
    below = (max(0, first - of_first[0]) ** 2 + max(0, of_second[1] - second) ** 2) ** 0.5
    above = (max(0, of_first[1] - first) ** 2 + max(0, second - of_second[0]) ** 2) ** 0.5
    return gap - below, gap + above
