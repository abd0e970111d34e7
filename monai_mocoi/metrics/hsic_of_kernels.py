"""HSIC from the kernel matrices themselves: for kernels without features, and for more features than images."""

import numpy as np

from monai_mocoi.metrics.hsic_pairs import HsicOfPairs, Pair, PatientOrder, pairs_of, u_statistic

COLUMNS_AT_ONCE = 4096


def hsic_of_kernels(
    sets: list[np.ndarray], split: int, order: PatientOrder, rows_at_once: int, rbf: bool = False
) -> HsicOfPairs:
    """HSIC of each of the first ``split`` sets ``(n, channels)`` with each other one, of linear or RBF kernels."""
    cross, _ = pairs_of(split, len(sets) - split)
    whole: dict[Pair, float] = {}
    left_out: dict[Pair, np.ndarray] = {}
    permuted: dict[Pair, float] = {}
    exchanged: dict[Pair, float] = {}

    def take(pair: Pair, first: np.ndarray, second: np.ndarray) -> None:
        whole[pair], left_out[pair] = _without_each(first, second, order, rows_at_once)
        if pair[0] != pair[1]:
            permuted[pair] = _product(first, second[np.ix_(order.permuted, order.permuted)])
        if order.exchanged is not None:
            sides = [order.exchanged[int(number >= split)] for number in pair]
            parts = [u_centred(m[np.ix_(side, side)]) for m, side in zip((first, second), sides, strict=True)]
            exchanged[pair] = _product(*parts)

    def matrix(number: int) -> np.ndarray:
        kernel = linear_kernel(sets[number], order.rows)
        return u_centred(rbf_kernel(kernel, number) if rbf else kernel)

    held = [matrix(number) for number in range(split)]
    for i, first in enumerate(held):
        take((i, i), first, first)
    for j in range(split, len(sets)):
        second = matrix(j)
        take((j, j), second, second)
        for i, first in enumerate(held):
            take((i, j), first, second)
    equal = {(i, j): np.array_equal(sets[i], sets[j]) for i, j in cross}
    return HsicOfPairs(whole, left_out, permuted, exchanged if order.exchanged is not None else None, equal)


def linear_kernel(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Inner products ``(n, n)`` float64 of the centred features of these rows, divided by their mean square length."""
    kernel = np.zeros((len(rows), len(rows)))
    for start in range(0, features.shape[1], COLUMNS_AT_ONCE):
        part = features[rows, start : start + COLUMNS_AT_ONCE].astype(np.float64)
        part -= part.mean(axis=0)
        kernel += part @ part.T
    return kernel / (np.trace(kernel) / len(rows) or 1.0)


def rbf_kernel(linear: np.ndarray, number: int = 0) -> np.ndarray:
    """``exp(-|x_i - x_j|^2 / (2 s^2))`` from inner products, with s the median distance; errors name the ``number``."""
    length = np.diag(linear)
    squares = length[:, None] + length - 2 * linear
    np.maximum(squares, 0, out=squares)
    median = float(np.median(np.sqrt(squares[np.triu_indices(len(squares), 1)])))
    if median <= 1e-6:  # of features of mean square 1: no more than rounding
        raise ValueError(
            f"more than half of all pairs of images have equal features in set {number}: the median distance is 0 and "
            "the RBF kernel has no width; use the linear kernel"
        )
    squares /= -2 * median**2
    return np.exp(squares, out=squares)


def u_centred(kernel: np.ndarray) -> np.ndarray:
    """The matrix with zero diagonal and row sums (Szekely and Rizzo 2014), of a symmetric kernel, which is changed."""
    n = len(kernel)
    np.fill_diagonal(kernel, 0)
    sums = kernel.sum(axis=1) / (n - 2)
    kernel -= sums[:, None]
    kernel -= sums
    kernel += sums.sum() / (n - 1)
    np.fill_diagonal(kernel, 0)
    return kernel


def _product(first: np.ndarray, second: np.ndarray) -> float:
    n = len(first)
    return float(np.einsum("ij,ij->", first, second)) / (n * (n - 3))


def _without_each(
    first: np.ndarray, second: np.ndarray, order: PatientOrder, rows_at_once: int
) -> tuple[float, np.ndarray]:
    """HSIC of two U-centred matrices, and without each patient in turn."""
    n = len(first)
    shared, within, of_rows, sums = (np.empty(len(order.sizes)) for _ in range(4))
    for places, patients in order.blocks(rows_at_once):
        starts = order.starts[patients] - places.start
        of_row = np.repeat(np.arange(len(starts)), order.sizes[patients])
        own = np.arange(places.start, places.stop)

        def inside(values: np.ndarray) -> np.ndarray:
            return np.add.reduceat(values[of_row, own], starts)  # noqa: B023 - used in this turn only

        one, other = first[places], second[places]
        products = np.add.reduceat(one * other, starts, axis=0)
        shared[patients], within[patients] = products.sum(axis=1), inside(products)
        one, other = (np.add.reduceat(part, starts, axis=0) for part in (one, other))
        # Without the patient a row sum is less by what the row has in common with the patient: it was 0.
        of_rows[patients] = (both := one * other).sum(axis=1) - inside(both)
        sums[patients] = inside(one) * inside(other)
    total = shared.sum()
    left = u_statistic(total - 2 * shared + within, sums, of_rows, n - order.sizes)
    return float(total) / (n * (n - 3)), left
