"""Does a classifier serve all groups of patients alike? Its measures in subgroups, and the gaps between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.evaluation import (
    FEW_PATIENTS,
    IntervalSettings,
    choose_classes,
    decisions,
    numbers,
    patient_numbers,
)
from monai_mocoi.data import AGE_BANDS, Columns, Levels, NoLevels, Predictions, check_age_bands, column_levels
from monai_mocoi.metrics import (
    Bootstrapped,
    PatientResamples,
    confusion_by_patient,
    holm,
    is_known,
    known_by_patient,
    patient_bootstrap,
    ranked_columns,
    roc_auc_by_patient,
)

LEAST_PATIENTS = 5
"""A group of fewer patients is named, but its counts are kept back: they could point to a person."""
SUBGROUP_MEASURES = ("auc", "sensitivity", "specificity")
_SURELY_DRAWN = 50
"""Of so many patients one is in every resample (without any: e^-50), so that it need not be looked for."""


def evaluate_subgroups(
    predictions: Predictions,
    columns: Columns,
    thresholds: Mapping[str, float] | None = None,
    age_bands: Sequence[float] = AGE_BANDS,
    **settings: Any,
) -> dict[str, Any]:
    """Measure a classifier in each group of images that a column tells apart, and the gaps to the column's largest one.

    A class is measured in a group that holds ``min_positives`` positive and ``min_negatives`` negative images of it, of
    at least 10 patients each; of the classes that are scored on all images. A group's measures are means over its
    classes, so that two groups can be compared only by their *gap*: the group less the largest group of the column,
    over the classes that are measured in both, on the same resamples of the patients. A patient whose images are in
    both (two views, say) is drawn into both. The resamples are those of the whole evaluation, less those in which a
    class of some group has no positive or no negative image, which are drawn again; with ten patients of each that is
    one in some ten thousand.

    The p-values of all gaps of one measure, of all columns, are corrected together by Holm's method.

    Args:
        predictions: of a split, each image once.
        columns: of the same images in the same order.
        thresholds: of each finding; None: no sensitivity and specificity of findings. Of softmax classes the highest
            probability decides; of two, the second is the positive one.
        age_bands: see :func:`~monai_mocoi.data.column_levels`.
        settings: of :class:`~monai_mocoi.analysis.IntervalSettings`, by name.

    Returns:
        plain values, without NaN::

            {"source", "images_without_row", "unused_rows", "intervals", "min_positives", "min_negatives",
             "min_patients", "min_patients_of_class", "corrected_for": {measure: number of gaps},
             "left_out_columns": [{"column", "reason"}],
             "columns": {name: {"kind", "age_bands" (of ages), "unknown": COUNTS, "reference": group or None,
                                "groups": {group: GROUP}}}}

        COUNTS are ``{"images", "patients"}``, both None where 1 to 4 patients could be pointed to. A GROUP has its
        COUNTS, ``"scored_classes"``, for each measure a NUMBER (see
        :func:`~monai_mocoi.analysis.evaluate_predictions`), and ``"classes"``: counts and NUMBERs of each; or a
        ``"reason"`` for having no number. Every measured group but the reference also has ``"gaps"``: for each measure
        a NUMBER with ``"reference"`` and ``"group"`` (the two values), ``"p_value"``, ``"p_value_holm"`` and
        ``"classes"``; or a reason in ``"gap_reason"``.

    Raises:
        EvaluationError: a setting out of range, or a threshold missing.
        RefusedError: bands of ages that do not rise.
        ValueError: a column of another number of images.
    """
    made = IntervalSettings(**settings)
    check_age_bands(age_bands)
    grouped, left_out = _grouped(predictions, columns, age_bands)
    report: dict[str, Any] = {
        "source": columns.source,
        "images_without_row": columns.without_row,
        "unused_rows": columns.unused_rows,
        "min_positives": made.min_positives,
        "min_negatives": made.min_negatives,
        "min_patients": LEAST_PATIENTS,
        "min_patients_of_class": FEW_PATIENTS,
        "left_out_columns": left_out,
    }
    measured = _Measured(predictions, decisions(predictions, thresholds), made)
    plan = {name: measured.classes_of(levels) for name, levels in grouped.items()}
    draw = measured.draw(grouped, plan)
    report["intervals"] = made.describe(predictions, draw)
    report["columns"] = {}
    for name, levels in grouped.items():
        bands = {"age_bands": [float(own) for own in age_bands]} if levels.kind == "ages" else {}
        unknown = _counts(levels.index == -1, measured.patients)
        column = {"kind": levels.kind, **bands, "unknown": unknown, **measured.column(levels, plan[name], draw)}
        report["columns"][name] = column
    report["corrected_for"] = _correct(report["columns"])
    return report


def gaps_of(report: Mapping[str, Any], measure: str = "auc") -> list[tuple[str, str, str, dict[str, Any]]]:
    """All gaps of a measure: column, group, reference, and the gap; the smallest p-value first, then the largest gap.

    Args:
        report: of :func:`evaluate_subgroups`.
        measure: of ``SUBGROUP_MEASURES``.
    """
    found = [
        (name, group, column["reference"], own["gaps"][measure])
        for name, column in report["columns"].items()
        for group, own in column["groups"].items()
        if measure in own.get("gaps", {})
    ]
    return sorted(found, key=lambda gap: (gap[3]["p_value"], -abs(gap[3]["value"])))


def _grouped(
    predictions: Predictions, columns: Columns, age_bands: Sequence[float]
) -> tuple[dict[str, Levels], list[dict[str, str]]]:
    """The groups of each column, and the columns that make none."""
    grouped: dict[str, Levels] = {}
    left_out = []
    for name, values in columns.values.items():
        if len(values) != len(predictions.images):
            raise ValueError(f"column {name} has {len(values)} values, but there are {len(predictions.images)} images")
        try:
            grouped[name] = column_levels(name, values, age_bands)
        except NoLevels as reason:
            left_out.append({"column": name, "reason": str(reason)})
    return grouped, left_out


def _counts(held: NDArray[np.bool_], patients: NDArray[np.int64]) -> dict[str, int | None]:
    count = len(np.unique(patients[held]))
    if 0 < count < LEAST_PATIENTS:
        return {"images": None, "patients": None}
    return {"images": int(held.sum()), "patients": count}


class _Measured:
    """What all columns have in common: the images, the classes, the decisions, the patients."""

    def __init__(self, predictions: Predictions, decided: NDArray[np.bool_] | None, settings: IntervalSettings) -> None:
        self.settings = settings
        scored = choose_classes(predictions, settings).scored
        columns = scored[np.isin(scored, ranked_columns(predictions.kind, len(predictions.classes)))]
        self.names = [predictions.classes[column] for column in columns]
        self.truth = predictions.truth()[:, columns]
        self.sides = self.truth == 1, self.truth == 0
        self.scores = predictions.probabilities[:, columns]
        self.decided = None if decided is None else decided[:, columns]
        self.patients = patient_numbers(predictions)

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
            own = _counts(levels.index == group, self.patients)
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
                        **self._gap(*(_of(values[own][measure], plan[own], both) for own in (reference, group))),
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
                own = np.arange(place * len(classes), (place + 1) * len(classes))
                found[measure] = _of(both, np.arange(len(measures) * len(classes)), own)
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


def _of(made: Bootstrapped, held: NDArray[np.intp], wanted: NDArray[np.intp]) -> Bootstrapped:
    """Of a statistic of the columns ``held``, in rising order, those that are wanted."""
    columns = np.searchsorted(held, wanted)
    return replace(
        made,
        estimate=made.estimate[columns],
        values=made.values[:, columns],
        evaluate_left_out=lambda: made.left_out[:, columns],
    )


def _correct(columns: Mapping[str, Any]) -> dict[str, int]:
    """Write Holm's p-values beside those of each measure; how many gaps each measure has."""
    count = {}
    for measure in SUBGROUP_MEASURES:
        gaps = [gap for _, _, _, gap in gaps_of({"columns": columns}, measure)]
        for gap, adjusted in zip(gaps, holm([gap["p_value"] for gap in gaps]), strict=True):
            gap["p_value_holm"] = float(adjusted)
        if gaps:
            count[measure] = len(gaps)
    return count
