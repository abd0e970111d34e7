"""Measures of a classifier in the groups of a column: AUC, sensitivity, specificity, and gaps to a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.evaluable import FEW_PATIENTS, choose_classes
from monai_mocoi.analysis.interval_settings import IntervalSettings, numbers
from monai_mocoi.data import Levels, Predictions
from monai_mocoi.metrics import (
    Bootstrapped,
    PatientResamples,
    confusion_by_patient,
    is_known,
    known_by_patient,
    patient_bootstrap,
    patient_index,
    ranked_columns,
    roc_auc_by_patient,
)

LEAST_PATIENTS = 5
"""A group of fewer patients is named, but its counts are kept back: they could point to a person."""
SUBGROUP_MEASURES = ("auc", "sensitivity", "specificity")
_SURELY_DRAWN = 50
"""Of so many patients one is in every resample (without any: e^-50), so that it need not be looked for."""


def counts_of(held: NDArray[np.bool_], patients: NDArray[np.int64]) -> dict[str, int | None]:
    """Images and patients of a group; None for both where they are so few that they could point to a person."""
    count = len(np.unique(patients[held]))
    if 0 < count < LEAST_PATIENTS:
        return {"images": None, "patients": None}
    return {"images": int(held.sum()), "patients": count}


class SubgroupMeasures:
    """The images, classes, decisions and patients that all columns share, and what is measured of a column."""

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

    def column(self, levels: Levels, plan: Sequence[NDArray[np.intp]], draw: PatientResamples | None) -> dict[str, Any]:
        """The groups of a column, and which of them is the reference."""
        sizes = np.bincount(levels.index[levels.index >= 0], minlength=len(levels.names))
        measurable = [group for group in range(len(levels.names)) if len(plan[group])]
        reference = max(measurable, key=lambda group: sizes[group]) if measurable else None
        values = {group: self._values(levels.index == group, plan[group], draw) for group in measurable}
        groups: dict[str, Any] = {}
        for group, name in enumerate(levels.names):
            own = counts_of(levels.index == group, self.patients)
            if group not in values:
                groups[name] = {**own, "reason": self._too_small(own)}
                continue
            groups[name] = {**own, **self._described(levels.index == group, plan[group], values[group])}
            if group != reference:
                assert reference is not None
                both = np.intersect1d(plan[group], plan[reference])
                if not len(both):
                    groups[name]["gap_reason"] = "no class is measured both in it and in the reference"
                    continue
                names = [self.names[column] for column in both]
                groups[name]["gaps"] = {
                    measure: {
                        **self._gap(
                            *(values[own][measure].take(np.searchsorted(plan[own], both)) for own in (reference, group))
                        ),
                        "classes": names,
                    }
                    for measure in values[group]
                }
        return {"reference": None if reference is None else levels.names[reference], "groups": groups}

    def _too_small(self, counts: Mapping[str, int | None]) -> str:
        if counts["patients"] is None:
            return f"fewer than {LEAST_PATIENTS} patients"
        return (
            f"no class has {self.settings.min_positives} positive and {self.settings.min_negatives} negative images of "
            f"{FEW_PATIENTS} patients each in it"
        )

    def _values(
        self, held: NDArray[np.bool_], classes: NDArray[np.intp], draw: PatientResamples | None
    ) -> dict[str, Bootstrapped]:
        """Each measure of the group's classes on all resamples."""
        assert draw is not None, "a group is measurable"
        rows = np.flatnonzero(held)
        truth, patients = self.truth[np.ix_(rows, classes)], self.patients[rows]
        scores = self.scores[np.ix_(rows, classes)]
        auc = known_by_patient(roc_auc_by_patient, truth, scores, patients)
        found = {"auc": draw.apply(auc, of=rows)}
        if self.decided is not None:
            measures, called = SUBGROUP_MEASURES[1:], self.decided[np.ix_(rows, classes)]
            if not is_known(truth).all():  # then each class has images of its own
                for measure in measures:
                    rate = known_by_patient(partial(confusion_by_patient, measure=measure), truth, called, patients)
                    found[measure] = draw.apply(rate, of=rows)
                return found
            rates = confusion_by_patient(truth, called, patients, measures)
            both = draw.apply(rates, of=rows)
            for place, measure in enumerate(measures):
                found[measure] = both.take(np.arange(place * len(classes), (place + 1) * len(classes)))
        return found

    def _described(
        self, held: NDArray[np.bool_], classes: NDArray[np.intp], values: Mapping[str, Bootstrapped]
    ) -> dict[str, Any]:
        positives, negatives = (side[held][:, classes].sum(axis=0) for side in self.sides)
        unknown = held.sum() - positives - negatives
        of_class = {measure: numbers(own, self.settings) for measure, own in values.items()}
        return {
            "scored_classes": [self.names[column] for column in classes],
            **{measure: numbers(own.mean(), self.settings)[0] for measure, own in values.items()},
            "classes": {
                self.names[column]: {
                    "positives": int(positives[place]),
                    "negatives": int(negatives[place]),
                    **({"unknown": int(unknown[place])} if unknown[place] else {}),
                    **{measure: own[place] for measure, own in of_class.items()},
                }
                for place, column in enumerate(classes)
            },
        }

    def _gap(self, reference: Bootstrapped, group: Bootstrapped) -> dict[str, Any]:
        means = reference.mean(), group.mean()
        gap = means[1] - means[0]
        return {
            "reference": float(means[0].estimate),
            "group": float(means[1].estimate),
            **numbers(gap, self.settings)[0],
            "p_value": float(gap.p_value(self.settings.interval)),
        }
