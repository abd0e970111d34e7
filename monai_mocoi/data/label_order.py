"""Label order: the stratified, seeded order in which patients get their labels; one for all fractions."""

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


def draw_label_order(patients: Sequence[str], labels: ArrayLike | None, seed: int = 0) -> list[str]:
    """Put the patients in an order of which every beginning has about the prevalences of the whole.

    The patients are dealt out into two halves by iterative stratification (as in
    :func:`~monai_mocoi.data.split_by_patient`), a coin decides which half comes first, and each half is put in order in
    the same way. So the first 1/2, 1/4, 1/8 ... of the images are each stratified within what holds them, and every
    other beginning is made of such parts. Two rules for patients with very many images: in a part that such a one would
    unbalance (more than an eighth of its images and four times its mean) it gets a place by chance; and whoever has
    more images than the median patient waits until as many images as its own are drawn.

    ``seed``, >= 0, is the only chance in it; the order of the images does not matter. Raises DatasetError: no images,
    another seed, or not one label an image.
    """
    _, counts, images = counted(patients, labels, seed)
    names = np.unique(np.asarray(patients, dtype=str))
    return [str(names[patient]) for patient in label_order(counts, images, seed)]


def check_seed(seed: int) -> None:
    """Refuse what is no seed with a DatasetError."""
    if type(seed) is not int or seed < 0:
        raise DatasetError(f"label_seed is {seed!r}; it must be a whole number, 0 or more.")


def counted(
    patients: Sequence[str], labels: ArrayLike | None, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.float64]]:
    """What :func:`~monai_mocoi.data.splits.count_by_patient` gives, of images and a seed that are checked."""
    check_seed(seed)
    if len(patients) == 0:
        raise DatasetError("there are no images to draw from.")
    return count_by_patient(patients, labels)


def label_order(counts: NDArray[np.float64], images: NDArray[np.float64], seed: int) -> Iterator[int]:
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
