"""Bootstrap over patients: resamples of patients, with all images of a patient together."""

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from monai_mocoi.metrics.inputs import check_known_labels, patient_index, sum_by_patient
from monai_mocoi.metrics.patient_resamples import PatientResamples

DRAWS_AT_ONCE = 2**16  # patients drawn in one call; the resamples do not depend on it


class RedrawnTooOftenError(ValueError):
    """Over half of the resamples lack a class; ``column``: of the labels, the one that is lacking most often."""

    def __init__(self, redrawn: int, drawn: int, column: int) -> None:
        self.redrawn, self.drawn, self.column = redrawn, drawn, column
        super().__init__(self.naming(f"column {column} of the labels"))

    def naming(self, lacking: str) -> str:
        """The message, with a name for that class."""
        return (
            f"{self.redrawn} of {self.drawn} resamples of the patients have a class without positives or without "
            f"negatives, most often {lacking}: too few patients carry it for an interval; evaluate fewer classes"
        )


@threadpool_limits.wrap(limits=1, user_api="blas")  # type: ignore[untyped-decorator]
def patient_bootstrap(patients: Any, labels: Any = None, resamples: int = 2000, seed: int = 0) -> PatientResamples:
    """Draw as many patients as there are, with replacement, many times; a patient's images stay together.

    Resamples come from one stream, ``numpy.random.default_rng(seed)``, without those in which a class has no positive
    or no negative image. So the first 500 of 2,000 are the 500 of the same seed.

    ``patients``: ``(n,)`` ids, text or integers, one an image. ``labels``: ``(n,)`` or ``(n, classes)``, 0, 1 or
    ``UNKNOWN``, of the evaluable classes; None: nothing is redrawn. ValueError: fewer than two patients, a class
    without positives or negatives; RedrawnTooOftenError: over half of the resamples were.

    Examples:
        >>> import numpy as np
        >>> from monai_mocoi.metrics import patient_bootstrap, roc_auc_by_patient
        >>> patients = np.arange(40).repeat(2)
        >>> labels = patients % 2
        >>> scores = labels + np.linspace(0, 1.5, 80)
        >>> draw = patient_bootstrap(patients, labels, resamples=200, seed=0)
        >>> low, high = draw.apply(roc_auc_by_patient(labels, scores, patients)).interval("percentile")
        >>> bool(0.5 < low < high <= 1)
        True
    """
    index, count = patient_index(patients)
    if count < 2:
        raise ValueError(f"{count} patient(s): an interval over patients needs at least 2")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}; expected at least 1")
    present = np.zeros((count, 0)) if labels is None else _present(labels, index, count)

    generator = np.random.default_rng(seed)
    counts = np.empty((resamples, count), dtype=np.uint8)
    kept, redrawn = 0, 0
    lacking = np.zeros(present.shape[1], dtype=int)
    while kept < resamples:
        rows = min(resamples - kept, max(1, DRAWS_AT_ONCE // count))
        drawn = generator.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        # A uint8 is enough: no count exceeds the number of patients, and among more than 255 of them the chance that
        # any is drawn 256 times is below 1e-480.
        fresh = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.uint8)
        held = fresh.astype(np.float32) @ present > 0
        lacking += (~held).sum(axis=0)
        good = fresh[held.all(axis=1)]
        counts[kept : kept + len(good)] = good
        kept += len(good)
        redrawn += rows - len(good)
        if redrawn > resamples:
            raise RedrawnTooOftenError(redrawn, redrawn + kept, int(lacking.argmax()) % (len(lacking) // 2))
    return PatientResamples(counts, index, redrawn)


def _present(labels: Any, index: np.ndarray, count: int) -> np.ndarray:
    """``(patients, 2 classes)`` float32: images of each patient that are positive, then those that are negative."""
    labels = np.asarray(labels)
    sides = check_known_labels(labels, (len(index), *labels.shape[1:]))
    columns = [side.reshape(len(index), -1) for side in sides]
    has = sum_by_patient(np.concatenate(columns, axis=1), index, count).astype(np.float32)
    missing = np.flatnonzero(~has.any(axis=0))
    if len(missing):
        kind, column = divmod(int(missing[0]), columns[0].shape[1])
        raise ValueError(
            f"column {column} of the labels has no {('positive', 'negative')[kind]} image: choose the classes with "
            "evaluable_classes first"
        )
    return has
