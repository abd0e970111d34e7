"""Sums over images that HSIC of linear kernels needs, without a kernel matrix.

With ``K = X X'`` and zeros on its diagonal, d_i = |x_i|^2 and s = sum_i x_i, the three sums of the U-statistic are

    sum_ij K_ij L_ij   = |X'Y|^2 - sum_i d_i e_i
    sum K              = |s|^2 - sum_i d_i
    sum_i K_i. L_i.    = s'(X'Y)t - s'(X'e) - t'(Y'd) + sum_i d_i e_i

so that ``X'Y`` and a few vectors, summed up over blocks of rows, are all that is needed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from monai_mocoi.metrics.hsic_pairs import Pair, u_statistic


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """Sets of features, read a few rows at a time, centred and scaled to a mean square length of 1 to keep digits."""

    sets: list[np.ndarray]
    centres: list[np.ndarray]
    scales: list[float]
    rows_at_once: int
    kind: type[np.floating] = np.float64

    @classmethod
    def of(cls, sets: list[np.ndarray], rows_at_once: int) -> Self:
        """Find mean and scale of each set."""
        n = len(sets[0])
        centres = [features.mean(axis=0, dtype=np.float64) for features in sets]
        found = cls(sets, centres, [1.0] * len(sets), rows_at_once)
        squares = np.zeros(len(sets))
        for start in range(0, n, rows_at_once):
            rows = np.arange(start, min(start + rows_at_once, n))
            squares += [float(np.square(found.read(number, rows)).sum()) for number in range(len(sets))]
        return replace(found, scales=[float(np.sqrt(s / n)) or 1.0 for s in squares])

    def read(self, number: int, rows: np.ndarray) -> np.ndarray:
        """Rows of one set, ``(rows, channels)``."""
        values = np.subtract(self.sets[number][rows], self.centres[number], dtype=self.kind, casting="same_kind")
        values /= self.scales[number]
        return values

    @property
    def edges(self) -> np.ndarray:
        """Where each set's columns begin when all sets stand side by side, and where the last ends."""
        return np.cumsum([0, *(features.shape[1] for features in self.sets)])


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums over n images of sets of features.

    Of each pair X'Y (``crossed``), ``|X'Y|^2`` (``squares``), whether all rows were equal; of each set s (``totals``),
    sum d_i (``lengths_alone``) and X'd for the squared lengths d of every set (``weighted``); of all sets sum d_i e_i,
    ``(sets, sets)`` (``lengths``).
    """

    images: int
    crossed: dict[Pair, np.ndarray]
    squares: dict[Pair, float]
    totals: list[np.ndarray]
    lengths: np.ndarray
    weighted: list[np.ndarray]
    lengths_alone: np.ndarray
    equal: dict[Pair, bool]

    def hsic(self, pair: Pair) -> float:
        """The U-statistic."""
        i, j = pair
        s, t, both = self.totals[i], self.totals[j], self.lengths[i, j]
        rows = s @ self.crossed[pair] @ t - s @ self.weighted[i][:, j] - t @ self.weighted[j][:, i] + both
        sums = (s @ s - self.lengths_alone[i]) * (t @ t - self.lengths_alone[j])
        return float(u_statistic(self.squares[pair] - both, sums, rows, self.images))

    def biased_hsic(self, pair: Pair) -> float:
        """The biased estimate (Gretton et al. 2005): the trace of KHLH / (n - 1)^2."""
        s, t = self.totals[pair[0]], self.totals[pair[1]]
        centred = self.crossed[pair] - np.outer(s, t) / self.images
        return float(np.square(centred).sum()) / (self.images - 1) ** 2


def moments(data: FeatureRows, rows: Sequence[np.ndarray], pairs: list[Pair]) -> Moments:
    """Sum up, in blocks of rows: of each set the ``rows`` ``(n,)``, in their order; X'Y of the ``pairs``."""
    sets, n, edges = len(data.sets), len(rows[0]), data.edges
    widths = np.diff(edges)
    # All pairs of different sets in one large product: many small ones take longer.
    split = min((j for i, j in pairs if i != j), default=sets)
    table = np.zeros((edges[split], edges[-1] - edges[split])) if split < sets else None
    crossed = {(i, j): np.zeros((widths[i], widths[j])) for i, j in pairs if i == j}
    totals, lengths = np.zeros(edges[-1]), np.zeros((sets, sets))
    weighted, lengths_alone = np.zeros((edges[-1], sets)), np.zeros(sets)
    equal = {(i, j): widths[i] == widths[j] for i, j in pairs}
    for start in range(0, n, data.rows_at_once):
        block = np.empty((min(data.rows_at_once, n - start), edges[-1]), data.kind)
        parts = [block[:, edges[number] : edges[number + 1]] for number in range(sets)]
        for number, part in enumerate(parts):
            part[:] = data.read(number, rows[number][start : start + len(block)])
        length = np.stack([np.einsum("ij,ij->i", part, part) for part in parts], axis=1).astype(np.float64)
        for i, j in pairs:
            equal[i, j] = equal[i, j] and (i == j or np.array_equal(parts[i], parts[j]))
        for i, own in ((i, own) for (i, j), own in crossed.items() if i == j):
            own += parts[i].T @ parts[i]
        if table is not None:
            table += block[:, : edges[split]].T @ block[:, edges[split] :]
        totals += block.sum(axis=0, dtype=np.float64)
        lengths += length.T @ length
        weighted += block.T @ length.astype(data.kind)
        lengths_alone += length.sum(axis=0)
    for i, j in pairs:
        if i != j:
            assert table is not None
            columns = slice(edges[j] - edges[split], edges[j + 1] - edges[split])
            crossed[i, j] = table[edges[i] : edges[i + 1], columns]
    return Moments(
        images=n,
        crossed=crossed,
        squares={pair: float(np.einsum("ij,ij->", values, values)) for pair, values in crossed.items()},
        totals=np.split(totals, edges[1:-1]),
        lengths=lengths,
        weighted=np.split(weighted, edges[1:-1]),
        lengths_alone=lengths_alone,
        equal=equal,
    )
