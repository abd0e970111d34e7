"""Settings of intervals over patients, and the classes that are evaluable by them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from monai_mocoi.data import Predictions
from monai_mocoi.errors import EvaluationError
from monai_mocoi.metrics import (
    EvaluableClasses,
    PatientResamples,
    evaluable_classes,
    percentile_interval,
    ranked_columns,
)

INTERVALS = ("bca", "percentile")


@dataclass(frozen=True)
class IntervalSettings:
    """How intervals are made, and which classes get one; a value out of range is an EvaluationError.

    Attributes:
        resamples, seed: of the patients, at least 39 for level 0.95; 0 or more.
        interval, level: "bca" or "percentile"; above 0 and below 1.
        min_positives, min_negatives: fewest positive and negative images of an evaluable class, 1 or more.
    """

    resamples: int = 2000
    seed: int = 0
    interval: str = "bca"
    level: float = 0.95
    min_positives: int = 25
    min_negatives: int = 25

    def __post_init__(self) -> None:
        if self.interval not in INTERVALS:
            raise EvaluationError(f"interval is {self.interval!r}; choose one of {', '.join(INTERVALS)}.")
        for name, least in (("resamples", 1), ("seed", 0), ("min_positives", 1), ("min_negatives", 1)):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or isinstance(value, bool):
                raise EvaluationError(f"{name} is {value!r}; it must be a whole number, {least} or more.")
            if value < least:
                raise EvaluationError(f"{name} is {value}; it must be {least} or more.")
        if not isinstance(self.level, float | int | np.floating) or isinstance(self.level, bool):
            raise EvaluationError(f"level is {self.level!r}; it must be a number above 0 and below 1, such as 0.95.")
        try:
            percentile_interval(np.zeros(self.resamples), self.level)
        except ValueError as error:
            raise EvaluationError(f"{error}.") from error


def describe_intervals(
    settings: IntervalSettings, predictions: Predictions, draw: PatientResamples | None
) -> dict[str, Any]:
    """How intervals were made, as plain values."""
    return {
        "method": settings.interval,
        "level": settings.level,
        "over": "patients",
        "resamples": settings.resamples,
        "redrawn": None if draw is None else draw.redrawn,
        "seed": settings.seed,
        "images": len(predictions.images),
        "patients": len(set(predictions.patients)),
    }


FEW_PATIENTS = 10  # with fewer patients behind a class's positives or negatives, its interval comes with a warning


def choose_classes(predictions: Predictions, settings: IntervalSettings) -> EvaluableClasses:
    """Which classes are evaluable, by counts alone."""
    patients = np.array(predictions.patients, dtype=str)
    return evaluable_classes(predictions.truth(), settings.min_positives, settings.min_negatives, patients)


def class_counts(chosen: EvaluableClasses, column: int) -> dict[str, int]:
    """Positive and negative images of a class; where some are not known, how many."""
    counts = {"positives": int(chosen.positives[column]), "negatives": int(chosen.negatives[column])}
    unknown = int(chosen.unknown[column])
    return counts | ({"unknown": unknown} if unknown else {})


def describe_choice(predictions: Predictions, chosen: EvaluableClasses, settings: IntervalSettings) -> dict[str, Any]:
    """The evaluable classes, those of few patients, and the others with their counts and the reason."""
    names, patients, sides = predictions.classes, np.array(predictions.patients), predictions.sides()
    few_patients = []
    for i in np.intersect1d(chosen.evaluable, ranked_columns(predictions.kind, len(names))):
        positive, negative = (len(set(patients[side[:, i]])) for side in sides)
        if min(positive, negative) < FEW_PATIENTS:
            few_patients.append({"class": names[i], "positive_patients": positive, "negative_patients": negative})
    left_out = []
    for i in chosen.left_out:
        counts = class_counts(chosen, i)
        few = [
            f"fewer than {least} {what}"
            for what, least in (("positives", settings.min_positives), ("negatives", settings.min_negatives))
            if counts[what] < least
        ]
        reason = " and ".join(few) or "all positives, or all negatives, are of one patient"
        left_out.append({"class": names[i], **counts, "reason": reason})
    return {
        "min_positives": settings.min_positives,
        "min_negatives": settings.min_negatives,
        "scored_classes": [names[i] for i in chosen.evaluable],
        "few_patients": few_patients,
        "left_out_classes": left_out,
    }
