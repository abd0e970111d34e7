"""Evaluable classes of predictions: chosen by counts alone, and described with the reason of each that is left out."""

from typing import Any

import numpy as np

from monai_mocoi.analysis.interval_settings import IntervalSettings
from monai_mocoi.data import Predictions
from monai_mocoi.metrics import EvaluableClasses, evaluable_classes, ranked_columns

FEW_PATIENTS = 10
"""With fewer patients behind a class's positives or negatives, its interval comes with a warning."""


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
