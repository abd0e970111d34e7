"""AUC and average precision without each patient in turn, from one sort instead of one evaluation a patient.

The jackknife of the BCa interval asks for these values, as many as there are patients.
"""

from __future__ import annotations

import numpy as np

from monai_mocoi.metrics.ranking import ratio, twice_beaten

TERMS_AT_ONCE = 2**15
"""Numbers of a table of running sums: as float64 they stay in a core's cache."""


def roc_auc_left_out(labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int) -> np.ndarray:
    """:func:`~monai_mocoi.metrics.roc_auc` of one class without each patient in turn.

    Of all pairs of a positive and a negative those of the patient's positives and those of the patient's negatives go;
    the pairs within the patient, which are among both, go once. All sums are of whole numbers, so the values are exact.

    Args:
        labels: ``(n,)`` bool.
        scores: ``(n,)`` finite.
        index: ``(n,)`` the patient of each image, 0..count - 1.
        count: number of patients.

    Returns:
        ``(count,)`` float64; NaN where no positive or no negative image is left.
    """
    values, place = np.unique(scores, return_inverse=True)
    positive, negative = place[labels], place[~labels]
    of_positive, of_negative = index[labels], index[~labels]
    positives, negatives = np.bincount(of_positive, minlength=count), np.bincount(of_negative, minlength=count)

    won = twice_beaten(positive, negative)
    lost = 2 * len(positive) - twice_beaten(negative, positive)
    # With its patient's number before its own, a positive also beats all negatives of the patients before.
    before = np.cumsum(negatives) - negatives
    within = twice_beaten(of_positive * len(values) + positive, of_negative * len(values) + negative)
    within -= 2 * before[of_positive]

    left = won.sum() - np.bincount(of_positive, won - within, count) - np.bincount(of_negative, lost, count)
    pairs = (len(positive) - positives) * (len(negative) - negatives)
    return ratio(left, 2 * pairs)


def average_precision_left_out(
    labels: np.ndarray, scores: np.ndarray, index: np.ndarray, count: int
) -> np.ndarray | None:
    """:func:`~monai_mocoi.metrics.average_precision` of one class without each patient in turn.

    Down the ranking, what a patient takes away from the counts of positives and negatives changes at the patient's own
    images only. Between two of them the sum of the precisions is a difference of two running sums, and these are shared
    by all patients that took away as many there: of one image each, there are three kinds.

    Args:
        labels, scores, index, count: as for :func:`roc_auc_left_out`.

    Returns:
        ``(count,)`` float64; NaN where no positive image is left. None: there would be more running sums than
        patients, and to evaluate the metric without each is no slower.
    """
    values, rank = np.unique(-scores[labels], return_inverse=True)
    last = len(values)
    place = np.searchsorted(values, -scores, "left")
    own = np.bincount(rank, minlength=last).astype(np.float64)
    found = np.cumsum(own)
    above = np.cumsum(np.bincount(place[~labels], minlength=last)[:last]).astype(np.float64)
    positives = np.bincount(index[labels], minlength=count)

    # A stretch of the ranking from each place where a patient has images to the patient's next one, and how many of the
    # patient's positives and negatives are missing there.
    order = np.lexsort((place, index))
    place, hit, index = place[order], labels[order], index[order]
    start = np.searchsorted(index, np.arange(count))
    missing = np.stack([hit, ~hit], axis=1).cumsum(axis=0)
    missing -= np.concatenate([[[0, 0]], missing])[start][index]
    stop = np.append(place[1:], last)
    stop[start[1:] - 1] = last
    first = place[start]

    kept = np.flatnonzero(place < stop)
    place, stop, index, missing = place[kept], stop[kept], index[kept], missing[kept]
    kinds, kind = np.unique(missing @ [len(hit) + 1, 1], return_inverse=True)
    if len(kinds) > count:
        return None
    of_kind = np.stack(np.divmod(kinds, len(hit) + 1), axis=1)

    sums = np.concatenate([[0], np.cumsum(own * _precision(found, above))])[first]
    by_kind = np.argsort(kind, kind="stable")
    edges = np.searchsorted(kind[by_kind], np.arange(len(kinds) + 1))
    size = max(1, TERMS_AT_ONCE // (last + 1))
    for low in range(0, len(kinds), size):
        less = of_kind[low : low + size]
        table = np.zeros((len(less), last + 1))
        np.cumsum(own * _precision(found - less[:, :1], above - less[:, 1:]), axis=1, out=table[:, 1:])
        rows = by_kind[edges[low] : edges[low + len(less)]]
        line = kind[rows] - low
        sums += np.bincount(index[rows], table[line, stop[rows]] - table[line, place[rows]], count)

    # `own` still counts the patient's positives, each at the start of a stretch.
    gone = np.diff(missing[:, 0], prepend=0)
    gone[1:][index[1:] != index[:-1]] = missing[1:][index[1:] != index[:-1], 0]
    sums -= np.bincount(index, gone * _precision(found[place] - missing[:, 0], above[place] - missing[:, 1]), count)
    return ratio(sums, labels.sum() - positives)


def _precision(found: np.ndarray, above: np.ndarray) -> np.ndarray:
    """found / (found + above); 0 where there is none, and where more was taken away than is there."""
    found, above = np.maximum(found, 0), np.maximum(above, 0)
    called = found + above
    return np.divide(found, called, out=np.zeros_like(called), where=called > 0)
