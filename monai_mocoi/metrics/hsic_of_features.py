"""HSIC of linear kernels of more images than features, from sums over the images (:mod:`.feature_moments`)."""

from dataclasses import replace

import numpy as np

from monai_mocoi.metrics.feature_moments import FeatureRows, Moments, moments
from monai_mocoi.metrics.hsic_pairs import HsicOfPairs, Pair, PatientOrder, pairs_of, u_statistic
from monai_mocoi.metrics.inputs import sum_by_patient

NUMBERS_AT_ONCE = 2**20  # of the products between the images of one patient


def hsic_of_features(sets: list[np.ndarray], split: int, order: PatientOrder, rows_at_once: int) -> HsicOfPairs:
    """HSIC of linear kernels of each of the first ``split`` sets ``(n, channels)`` with each other one."""
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
    """HSIC of each pair without each patient in turn, ``(patients,)``, in closed form.

    Without the patient's rows G, whose features have the sum s_G, of centred features (s = 0):

        sum_ij K_ij L_ij falls by 2 sum_G (x_i'(X'Y)y_i - d_i e_i) less the products within G
        sum K             becomes |s_G|^2 - sum_i d_i + sum_G d_i
        the row sum of i  becomes -(d_i + x_i's_G)

    The large products are in the ``kind`` of ``data``; ``found`` is over all images, in the order's order.
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
