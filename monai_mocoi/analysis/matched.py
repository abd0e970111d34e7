"""Images of two models: predictions matched by the images' ids, and images chosen evenly from the patients."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data import Predictions
from monai_mocoi.errors import ComparisonError, FeatureReuseError
from monai_mocoi.metrics import patient_index


def matched(first: Predictions, second: Predictions) -> Predictions:
    """The second predictions in the order of the first one's images.

    ComparisonError: the kind, classes, images, patients or labels differ; says how many, and the row of the first.
    """
    if first.kind != second.kind:
        raise ComparisonError(
            f"one file has {first.kind} labels, the other {second.kind} labels: they are not predictions of one task."
        )
    if first.classes != second.classes:
        place = next(
            (i for i, (a, b) in enumerate(zip(first.classes, second.classes, strict=False)) if a != b),
            min(len(first.classes), len(second.classes)),
        )
        names = [repr(own.classes[place]) if place < len(own.classes) else "nothing" for own in (first, second)]
        raise ComparisonError(
            f"the classes differ ({len(first.classes)} and {len(second.classes)}): class {place + 1} is {names[0]} in "
            f"the first file and {names[1]} in the second."
        )
    row_of, known = {image: row for row, image in enumerate(second.images)}, set(first.images)
    only_first, only_second = ([i for i in a.images if i not in b] for a, b in ((first, row_of), (second, known)))
    if only_first or only_second:
        where, own = ("first", first) if only_first else ("second", second)
        raise ComparisonError(
            f"the images differ: {len(only_first)} of {len(first.images)} are in the first file only and "
            f"{len(only_second)} of {len(second.images)} in the second only, such as that in "
            f"{_row(own.images.index((only_first or only_second)[0]))} of the {where}. A paired difference needs the "
            "same images."
        )
    order = np.array([row_of[image] for image in first.images], dtype=np.int64)
    patients = tuple(second.patients[row] for row in order)
    second = Predictions(
        first.images, patients, second.classes, second.kind, second.labels[order], second.probabilities[order]
    )
    _refuse_differing(np.array([a != b for a, b in zip(first.patients, patients, strict=True)]), "patient")
    differ = first.labels != second.labels
    _refuse_differing(differ.any(axis=1) if differ.ndim == 2 else differ, "labels")
    return second


def _refuse_differing(differ: NDArray[np.bool_], what: str) -> None:
    if differ.any():
        raise ComparisonError(
            f"the {what} of {int(differ.sum())} of {len(differ)} images differ between the files, first in "
            f"{_row(int(differ.argmax()))} of the first file: they are not of the same test set."
        )


def _row(image: int) -> str:
    """The image by its row in the file, because its name could be a patient's."""
    return f"row {image + 2} (the header is row 1)"


def choose_by_patient(patients: Sequence[str], most: int, seed: int = 0) -> NDArray[np.int64]:
    """Draw images as evenly from the patients as possible, so that as many patients as possible are kept.

    ``patients``: of each image. ``most``: images, 1 or more, else FeatureReuseError; each patient gives the same number
    at most, or ``most`` of them one image each. Returns rows of the images drawn, ascending; all of them where there
    are no more than ``most``.
    """
    if most < 1:
        raise FeatureReuseError(f"the most images to compare is {most}; it must be 1 or more.")
    index, count = patient_index(np.asarray(patients, dtype=str))
    if len(index) <= most:
        return np.arange(len(index))
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(index))
    rows = rows[np.argsort(index[rows], kind="stable")]
    sizes = np.bincount(index, minlength=count)
    rank = np.arange(len(rows)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    if count > most:
        return np.sort(generator.choice(rows[rank == 0], most, replace=False))
    lent = max(k for k in range(1, most + 1) if np.minimum(sizes, k).sum() <= most)
    return np.sort(rows[rank < lent])
