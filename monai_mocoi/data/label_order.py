"""The order in which patients get their labels: stratified, seeded, and one order for all fractions."""

import heapq
import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.data.splits import count_by_patient, deal_out
from monai_mocoi.errors import DatasetError

_HALVES = np.array([0.5, 0.5])
# A patient with more of a block's images than this, and so many times the mean, would upset the balance of its halves.
_BIG_SHARE = 0.125
_BIG_TIMES_MEAN = 4


def draw_labelled(
    patients: Sequence[str], labels: ArrayLike | None, fraction: float, seed: int = 0
) -> NDArray[np.intp]:
    """Draw the images that have labels, as whole patients; return their positions, ascending.

    Patients are taken in the order of :func:`draw_label_order` until there are ``round(fraction * images)`` images, or
    more where the last patient has more than were wanting: too many by less than the images of one patient, never too
    few. With one seed the smaller of two fractions is always a part of the larger one.

    Args:
        patients, labels: as for :func:`~monai_mocoi.data.split_by_patient`.
        fraction: of the images, above 0 and at most 1. 1 takes all, without any chance.
        seed: >= 0.

    Raises:
        DatasetError: a fraction or seed out of range, no images, or not one label an image.
    """
    check_draw(fraction, seed)
    patient_of, counts, images = _counted(patients, labels)
    wanted = max(1, round(fraction * len(patient_of)))
    if wanted == len(patient_of):
        return np.arange(wanted)
    drawn = 0
    chosen = np.zeros(len(images), dtype=bool)
    for patient in _label_order(counts, images, seed):
        if drawn >= wanted:
            break
        chosen[patient] = True
        drawn += images[patient]
    return np.flatnonzero(chosen[patient_of])


def draw_label_order(patients: Sequence[str], labels: ArrayLike | None, seed: int = 0) -> list[str]:
    """Put the patients in an order of which every beginning has about the prevalences of the whole.

    The patients are dealt out into two halves by iterative stratification (as in
    :func:`~monai_mocoi.data.split_by_patient`), a coin decides which half comes first, and each half is put in order in
    the same way. So the first 1/2, 1/4, 1/8 ... of the images are each stratified within what holds them, and every
    other beginning is made of such parts. Two rules for patients with very many images: in a part that such a one would
    unbalance (more than an eighth of its images and four times its mean) it gets a place by chance; and whoever has
    more images than the median patient waits until as many images as its own are drawn.

    ``seed``, >= 0, is the only chance in it; the order of the images does not matter. Errors as of
    :func:`draw_labelled`.
    """
    check_draw(1, seed)
    _, counts, images = _counted(patients, labels)
    names = np.unique(np.asarray(patients, dtype=str))
    return [str(names[patient]) for patient in _label_order(counts, images, seed)]


def check_draw(fraction: float, seed: int) -> None:
    """Refuse what is no fraction above 0 and at most 1, and what is no seed, with a ``DatasetError``."""
    if type(fraction) not in (int, float) or not 0 < fraction <= 1:
        raise DatasetError(
            f"label_fraction is {fraction!r}; it is the share of the images that have labels, above 0 and at most 1: "
            "0.01 for 1 %."
        )
    if type(seed) is not int or seed < 0:
        raise DatasetError(f"label_seed is {seed!r}; it must be a whole number, 0 or more.")


def _counted(
    patients: Sequence[str], labels: ArrayLike | None
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    if len(patients) == 0:
        raise DatasetError("there are no images to draw from.")
    return count_by_patient(patients, labels)


def _label_order(counts: NDArray[np.float64], images: NDArray[np.float64], seed: int) -> Iterator[int]:
    """Give the patients' numbers one by one; what is not asked for is not worked out."""
    # RandomState: its stream is frozen across NumPy versions, which that of default_rng is not.
    random = np.random.RandomState(derive_seed(seed))
    median = float(np.median(images))
    drawn = 0.0
    waiting: list[tuple[float, int, int]] = []
    for turn, patient in enumerate(_by_halves(np.arange(len(images)), counts, images, random)):
        heapq.heappush(waiting, (images[patient], turn, patient))
        while waiting and waiting[0][0] <= max(drawn, median):
            size, _, patient = heapq.heappop(waiting)
            yield patient
            drawn += size
    yield from (patient for _, _, patient in sorted(waiting))


def _by_halves(
    block: NDArray[np.intp], counts: NDArray[np.float64], images: NDArray[np.float64], random: np.random.RandomState
) -> Iterator[int]:
    """Give the patients of a block, one half after the other, except one that is too big to be balanced."""
    if len(block) == 1:
        yield int(block[0])
        return
    largest = int(images[block].argmax())
    if images[block[largest]] > max(_BIG_SHARE * images[block].sum(), _BIG_TIMES_MEAN * images[block].mean()):
        turn = random.randint(len(block))
        rest = _by_halves(np.delete(block, largest), counts, images, random)
        yield from itertools.islice(rest, turn)
        yield int(block[largest])
        yield from rest
        return
    first = random.randint(2)
    half = deal_out(counts[block], images[block], _HALVES, random)
    yield from _by_halves(block[half == first], counts, images, random)
    yield from _by_halves(block[half != first], counts, images, random)
