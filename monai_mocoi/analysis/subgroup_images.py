"""Images of subgroups: which classes are measured in which group, and resamples in which all of them are defined."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.interval_settings import FEW_PATIENTS, IntervalSettings, choose_classes
from monai_mocoi.data import Levels, Predictions
from monai_mocoi.metrics import PatientResamples, patient_bootstrap, patient_index, ranked_columns

LEAST_PATIENTS = 5  # a group of fewer patients is named, but its counts are kept back: they could point to a person
_SURELY_DRAWN = 50
"""Of so many patients one is in every resample (without any: e^-50), so that it need not be looked for."""


def counts_of(held: NDArray[np.bool_], patients: NDArray[np.int64]) -> dict[str, int | None]:
    """Images and patients of a group; None for both where they are so few that they could point to a person."""
    count = len(np.unique(patients[held]))
    if 0 < count < LEAST_PATIENTS:
        return {"images": None, "patients": None}
    return {"images": int(held.sum()), "patients": count}


class SubgroupImages:
    """The images, classes, decisions and patients that all columns share."""

    def __init__(self, predictions: Predictions, decided: NDArray[np.bool_] | None, settings: IntervalSettings) -> None:
        self.settings = settings
        ranked = ranked_columns(predictions.kind, len(predictions.classes))
        columns = np.intersect1d(choose_classes(predictions, settings).evaluable, ranked)
        self.names = [predictions.classes[column] for column in columns]
        self.truth = predictions.truth()[:, columns]
        self.sides = self.truth == 1, self.truth == 0
        self.scores = predictions.probabilities[:, columns]
        self.decided = None if decided is None else decided[:, columns]
        self.patients, _ = patient_index(np.array(predictions.patients, dtype=str))

    def classes_of(self, levels: Levels) -> list[NDArray[np.intp]]:
        """The classes that are measured in each group; none of groups whose counts are kept back."""
        least = (self.settings.min_positives, self.settings.min_negatives)
        found = []
        for group in range(len(levels.names)):
            held = levels.index == group
            enough = np.full(self.truth.shape[1], len(np.unique(self.patients[held])) >= LEAST_PATIENTS)
            for side, fewest in zip(self.sides, least, strict=True):
                own = side & held[:, None]
                enough &= (own.sum(axis=0) >= fewest) & (self._patients_with(own) >= FEW_PATIENTS)
            found.append(np.flatnonzero(enough))
        return found

    def _patients_with(self, own: NDArray[np.bool_]) -> NDArray[np.intp]:
        return np.array([len(np.unique(self.patients[column])) for column in own.T], dtype=np.intp)

    def draw(
        self, grouped: Mapping[str, Levels], plan: Mapping[str, Sequence[NDArray[np.intp]]]
    ) -> PatientResamples | None:
        """Resamples in which every class has a positive and a negative image in every group where it is measured."""
        present = []
        for name, levels in grouped.items():
            for group, classes in enumerate(plan[name]):
                held = (levels.index == group)[:, None]
                for side in self.sides:
                    own = side[:, classes] & held
                    present.append(own[:, self._patients_with(own) < _SURELY_DRAWN])
        if not any(len(classes) for own in plan.values() for classes in own):
            return None
        labels = np.concatenate(present, axis=1)
        return patient_bootstrap(
            self.patients, labels if labels.shape[1] else None, self.settings.resamples, self.settings.seed
        )
