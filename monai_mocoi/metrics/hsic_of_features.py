"""HSIC of linear kernels from sums over the images, without a kernel matrix: for more images than features.

With ``K = X X'`` and zeros on its diagonal, d_i = |x_i|^2 and s = sum_i x_i, the three sums of the U-statistic are

    sum_ij K_ij L_ij   = |X'Y|^2 - sum_i d_i e_i
    sum K              = |s|^2 - sum_i d_i
    sum_i K_i. L_i.    = s'(X'Y)t - s'(X'e) - t'(Y'd) + sum_i d_i e_i

so that ``X'Y`` and a few vectors, summed up over blocks of rows, are all that is needed; and a patient's share in each
sum is known from the patient's own rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from monai_mocoi.metrics.hsic_pairs import HsicOfPairs, Pair, pairs_of, u_statistic
from monai_mocoi.metrics.patient_order import PatientOrder
from monai_mocoi.metrics.patients import sum_by_patient

NUMBERS_AT_ONCE = 2**20
"""Of the products between the images of one patient."""


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """Sets of features, read a few rows at a time: moved to mean 0 and scaled to a mean square length of 1.

    HSIC is the same wherever the features lie, and CKA at any scale; but sums of large equal numbers lose digits.
    """

    sets: list[np.ndarray]
    centres: list[np.ndarray]
    scales: list[float]
    rows_at_once: int
    kind: type[np.floating] = np.float64

    @classmethod
    def of(cls, sets: list[np.ndarray], rows_at_once: int) -> FeatureRows:
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
    """Sums over images of sets of features.

    Attributes:
        images: n.
        crossed: of each pair ``(p, q)``: X'Y.
        squares: of each pair: ``|X'Y|^2``.
        totals: of each set ``(p,)``: s.
        lengths: ``(sets, sets)``: sum_i d_i e_i.
        weighted: of each set ``(p, sets)``: X'd for the squared lengths d of every set.
        lengths_alone: ``(sets,)``: sum_i d_i.
        equal: of each pair, whether all rows were equal.
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
    """Sum up, in blocks of rows.

    Args:
        data: the sets.
        rows: of each set ``(n,)``: which rows, in which order.
        pairs: of sets, whose X'Y is wanted.
    """
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


def hsic_of_features(sets: list[np.ndarray], split: int, order: PatientOrder, rows_at_once: int) -> HsicOfPairs:
    """HSIC of linear kernels of each of the first ``split`` sets with each other one.

    Args:
        sets: ``(n, channels)`` each.
        split: how many are first ones.
        order: of the images.
        rows_at_once: images at once.
    """
    cross, alone = pairs_of(split, len(sets) - split)
    data = FeatureRows.of(sets, rows_at_once)
    found = moments(data, [order.rows] * len(sets), [*cross, *alone])
    whole = {pair: found.hsic(pair) for pair in found.crossed}
    equal = {pair: found.equal[pair] for pair in cross}
    quick = replace(data, kind=np.float32)
    left_out = hsic_left_out(quick, found, order)
    own_products = {pair: found.crossed[pair] for pair in alone}
    del found

    def shuffled(first: np.ndarray, second: np.ndarray) -> Moments:
        rows = [order.rows[first]] * split + [order.rows[second]] * (len(sets) - split)
        return moments(quick, rows, cross)

    moved = shuffled(np.arange(len(order.rows)), order.permuted)
    permuted = {pair: moved.hsic(pair) for pair in cross}
    exchanged = None
    if order.exchanged is not None:
        moved = shuffled(*order.exchanged)
        # Of the few images that take no part the X'X is soon summed up, and known of all of them.
        idle = [np.delete(order.rows, places) for places in order.exchanged]
        rest = moments(data, [idle[0]] * split + [idle[1]] * (len(sets) - split), alone) if idle[0].size else None
        for i, _ in alone:
            moved.crossed[i, i] = own_products[i, i] if rest is None else own_products[i, i] - rest.crossed[i, i]
            moved.squares[i, i] = float(np.einsum("ij,ij->", moved.crossed[i, i], moved.crossed[i, i]))
        exchanged = {pair: moved.hsic(pair) for pair in [*cross, *alone]}
    return HsicOfPairs(whole, left_out, permuted, exchanged, equal)


def hsic_left_out(data: FeatureRows, found: Moments, order: PatientOrder) -> dict[Pair, np.ndarray]:
    """HSIC without each patient in turn, in closed form.

    Without the patient's rows G, whose features have the sum s_G, of centred features (s = 0):

        sum_ij K_ij L_ij falls by 2 sum_G (x_i'(X'Y)y_i - d_i e_i) less the products within G
        sum K             becomes |s_G|^2 - sum_i d_i + sum_G d_i
        the row sum of i  becomes -(d_i + x_i's_G)

    Args:
        data: the sets; its ``kind`` is that of the large products (float32 is precise enough for an interval).
        found: over all images, in the order's order.
        order: of the images.

    Returns:
        of each pair ``(patients,)``.
    """
    sets = len(data.sets)
    crossed = {pair: values.astype(data.kind) for pair, values in found.crossed.items()}
    pairs, result = list(crossed), {pair: np.empty(len(order.sizes)) for pair in crossed}
    exact = replace(data, kind=np.float64)
    weighted = found.weighted
    for places, patients in order.blocks(data.rows_at_once):
        rows = order.rows[places]
        sizes = order.sizes[patients]
        starts = order.starts[patients] - places.start
        of_row = np.repeat(np.arange(len(sizes)), sizes)
        parts = [exact.read(number, rows) for number in range(sets)]
        sums = [sum_by_patient(part, of_row, len(sizes)) for part in parts]
        length = np.stack([np.einsum("ij,ij->i", part, part) for part in parts], axis=1)
        own_length = np.add.reduceat(length, starts)
        kernel_sums = np.stack([np.einsum("ij,ij->i", s, s) for s in sums], 1) - found.lengths_alone + own_length
        along = [s @ w for s, w in zip(sums, weighted, strict=True)]
        within = _within(parts, starts, sizes)
        quick = [part.astype(data.kind, copy=False) for part in parts]
        single = len(sizes) == len(rows)
        of_patient = parts if single else [s[of_row] for s in sums]
        # -1 times each row sum without the patient, as if the patient's own rows had one too.
        rests = length + np.stack(
            [np.einsum("ij,ij->i", *both) for both in zip(parts, of_patient, strict=True)], axis=1
        )
        del parts, sums
        quick_of_patient = quick if single else [part.astype(data.kind, copy=False) for part in of_patient]
        del of_patient
        left = found.images - sizes
        for i, j in pairs:
            reached = quick[i] @ crossed[i, j]
            through = np.einsum("ij,ij->i", reached, quick[j]).astype(np.float64)
            far = np.einsum("ij,ij->i", reached, quick_of_patient[j]).astype(np.float64)
            shared = np.add.reduceat(through - length[:, i] * length[:, j], starts)
            products = found.squares[i, j] - found.lengths[i, j] - 2 * shared + within[:, i, j]
            of_rows = found.lengths[i, j] + along[i][:, j] + along[j][:, i]
            of_rows += np.add.reduceat(far - rests[:, i] * rests[:, j], starts)
            result[i, j][patients] = u_statistic(products, kernel_sums[:, i] * kernel_sums[:, j], of_rows, left)
    return result


def _within(parts: list[np.ndarray], starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """``(patients, sets, sets)``: sum of K_ij L_ij over different images of each patient."""
    result = np.zeros((len(sizes), len(parts), len(parts)))
    for patient in np.flatnonzero(sizes > 1):
        start, size = starts[patient], sizes[patient]
        step = max(NUMBERS_AT_ONCE // (int(size) * len(parts)), 1)
        own = [part[start : start + size] for part in parts]
        for first in range(0, size, step):
            kernels = np.stack([values[first : first + step] @ values.T for values in own])
            rows = np.arange(kernels.shape[1])
            kernels[:, rows, first + rows] = 0
            flat = kernels.reshape(len(parts), -1)
            result[patient] += flat @ flat.T
    return result
