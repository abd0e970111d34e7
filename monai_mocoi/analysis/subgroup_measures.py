"""Measures of a classifier in the groups of a column: AUC, sensitivity, specificity, and gaps to a reference."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi import metrics
from monai_mocoi.analysis.interval_numbers import numbers
from monai_mocoi.analysis.interval_settings import FEW_PATIENTS
from monai_mocoi.analysis.subgroup_images import LEAST_PATIENTS, SubgroupImages, counts_of
from monai_mocoi.data import Levels

SUBGROUP_MEASURES = ("auc", "sensitivity", "specificity")


class SubgroupMeasures(SubgroupImages):
    """What is measured of each column."""

    def column(
        self, levels: Levels, plan: Sequence[NDArray[np.intp]], draw: metrics.PatientResamples | None
    ) -> dict[str, Any]:
        """The groups of a column, and which of them is the reference."""
        sizes = np.bincount(levels.index[levels.index >= 0], minlength=len(levels.names))
        measurable = [group for group in range(len(levels.names)) if len(plan[group])]
        reference = max(measurable, key=lambda group: sizes[group]) if measurable else None
        values = {group: self._values(levels.index == group, plan[group], draw) for group in measurable}
        groups: dict[str, Any] = {}
        for group, name in enumerate(levels.names):
            own = counts_of(levels.index == group, self.patients)
            if group not in values:
                few = f"fewer than {LEAST_PATIENTS} patients" if own["patients"] is None else self._too_small
                groups[name] = {**own, "reason": few}
                continue
            groups[name] = {**own, **self._described(levels.index == group, plan[group], values[group])}
            if group != reference:
                assert reference is not None
                both = np.intersect1d(plan[group], plan[reference])
                if not len(both):
                    groups[name]["gap_reason"] = "no class is measured both in it and in the reference"
                    continue
                places = [(values[side], np.searchsorted(plan[side], both)) for side in (reference, group)]
                groups[name]["gaps"] = {
                    measure: self._gap(*(own[measure].take(place) for own, place in places))
                    | {"classes": [self.names[column] for column in both]}
                    for measure in values[group]
                }
        return {"reference": None if reference is None else levels.names[reference], "groups": groups}

    @property
    def _too_small(self) -> str:
        return (
            f"no class has {self.settings.min_positives} positive and {self.settings.min_negatives} negative images of "
            f"{FEW_PATIENTS} patients each in it"
        )

    def _values(
        self, held: NDArray[np.bool_], classes: NDArray[np.intp], draw: metrics.PatientResamples | None
    ) -> dict[str, metrics.Bootstrapped]:
        """Each measure of the group's classes on all resamples."""
        assert draw is not None, "a group is measurable"
        rows = np.flatnonzero(held)
        truth, patients = self.truth[np.ix_(rows, classes)], self.patients[rows]
        scores = self.scores[np.ix_(rows, classes)]
        auc = metrics.known_by_patient(metrics.roc_auc_by_patient, truth, scores, patients)
        found = {"auc": draw.apply(auc, of=rows)}
        if self.decided is not None:
            measures, called = SUBGROUP_MEASURES[1:], self.decided[np.ix_(rows, classes)]
            if not metrics.is_known(truth).all():  # each class has its own images
                for measure in measures:
                    rate = metrics.known_by_patient(
                        partial(metrics.confusion_by_patient, measure=measure), truth, called, patients
                    )
                    found[measure] = draw.apply(rate, of=rows)
                return found
            rates = metrics.confusion_by_patient(truth, called, patients, measures)
            both = draw.apply(rates, of=rows)
            for place, measure in enumerate(measures):
                found[measure] = both.take(np.arange(place * len(classes), (place + 1) * len(classes)))
        return found

    def _described(
        self, held: NDArray[np.bool_], classes: NDArray[np.intp], values: Mapping[str, metrics.Bootstrapped]
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

    def _gap(self, reference: metrics.Bootstrapped, group: metrics.Bootstrapped) -> dict[str, Any]:
        means = reference.mean(), group.mean()
        gap = means[1] - means[0]
        return {
            "reference": float(means[0].estimate),
            "group": float(means[1].estimate),
            **numbers(gap, self.settings)[0],
            "p_value": float(gap.p_value(self.settings.interval)),
        }
