"""From predictions to the numbers of a report, each with an interval over patients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.data import Predictions
from monai_mocoi.errors import EvaluationError
from monai_mocoi.metrics import (
    Bootstrapped,
    PatientResamples,
    ScoredClasses,
    Statistic,
    average_precision_by_patient,
    calibration_error_by_patient,
    confusion_by_patient,
    decide,
    decide_by_highest,
    is_known,
    known_by_patient,
    logit_interval,
    normal_interval,
    obuchowski_auc,
    patient_bootstrap,
    percentile_interval,
    ranked_columns,
    roc_auc_by_patient,
    scored_classes,
    top_label,
)

METRICS = ("auc", "average_precision", "f1", "sensitivity", "specificity", "calibration_error")
"""What is measured of each class; higher is better but for the last."""
OVERALL = {
    **{f"macro_{name}": name for name in METRICS[:-1]},
    "calibration_error": "calibration_error",
}
"""The numbers for all classes together, and which number of a class each is the mean of."""
INTERVALS = ("bca", "percentile")
FEW_PATIENTS = 10
"""With fewer patients behind a class's positives or negatives, its interval comes with a warning."""
NO_CERTAINTY = (
    "The interval has no width: the resamples give one value, as where a score separates the classes completely. "
    "That is no certainty; the test set is too small or too easy to tell an interval."
)
BIASED = (
    "Resampling raises this error by itself, so that its interval would not hold the value. Read the calibration's "
    "intercept, slope and Brier score instead."
)
_OF_AUC = {"obuchowski_normal": normal_interval, "obuchowski_logit": logit_interval}


@dataclass(frozen=True)
class IntervalSettings:
    """How intervals are made, and which classes get one.

    Attributes:
        resamples: of the patients; at least 39 for level 0.95.
        seed: of the resamples, 0 or more.
        interval: "bca" or "percentile".
        level: above 0 and below 1.
        min_positives, min_negatives: fewest positive and negative images of a scored class, 1 or more.

    Raises:
        EvaluationError: a setting out of range.
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
            if getattr(self, name) < least:
                raise EvaluationError(f"{name} is {getattr(self, name)}; it must be {least} or more.")
        try:
            percentile_interval(np.zeros(self.resamples), self.level)
        except ValueError as error:
            raise EvaluationError(f"{error}.") from error

    def describe(self, predictions: Predictions, draw: PatientResamples | None) -> dict[str, Any]:
        """What a reader of the intervals must know, as plain values."""
        return {
            "method": self.interval,
            "level": self.level,
            "over": "patients",
            "resamples": self.resamples,
            "redrawn": None if draw is None else draw.redrawn,
            "seed": self.seed,
            "images": len(predictions.images),
            "patients": len(set(predictions.patients)),
        }


def evaluate_predictions(
    predictions: Predictions,
    thresholds: Mapping[str, float] | None = None,
    decided: NDArray[np.bool_] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Measure a classifier: every number with its confidence interval over patients.

    Which classes are scored is decided by their counts alone, before any image is resampled; the others are named with
    their counts, and nothing is told of them. AUC and average precision: of each finding; of two softmax classes the
    second's alone (fault A21: by its probability); of more, each against the rest. F1, sensitivity and specificity are
    of decisions: the highest probability of softmax classes, and ``probability >= threshold`` of findings. The
    thresholds are taken as fixed: the intervals do not hold the chance in choosing them. The expected calibration error
    (15 bins) is that of each finding, or of the top label of softmax classes.

    Each finding is measured over the images in which it is known, and drawn with all patients: who has no such image
    changes nothing.

    Args:
        predictions: of a split, each image once.
        thresholds: of each finding, chosen on validation; None: no decisions, and what needs them is left None. Softmax
            classes need none.
        decided: ``(n, classes)`` decisions that were made already, as on probabilities before recalibration; None: they
            are made here, by the thresholds.
        settings: of :class:`IntervalSettings`, by name. A scored class also needs positives, and negatives, of at least
            two patients.

    Returns:
        plain values, without NaN, as JSON takes them::

            {"kind", "images", "patients",
             "intervals": {"method", "level", "over", "resamples", "redrawn", "seed", "images", "patients"},
             "scored_classes": [...], "left_out_classes": [{"class", "positives", "negatives", "reason"}],
             "few_patients": [{"class", "positive_patients", "negative_patients"}],  # scored, but of too few
             "min_positives", "min_negatives", "thresholds",
             "overall": {"macro_auc": NUMBER, ...},     # names: OVERALL
             "classes": {name: {"positives", "negatives", "auc": NUMBER, ...}}}

        A class that is not known of some images has their number as ``"unknown"``, beside its positives and negatives.

        A NUMBER is ``{"value", "interval": [low, high]}``; ``"note"`` where the interval has no width; ``"value"`` or
        ``"interval"`` None with a ``"reason"`` where there is none. A class's AUC has ``"obuchowski_normal"`` and
        ``"obuchowski_logit"`` too, its intervals without resampling.

    Raises:
        EvaluationError: a setting out of range, or a threshold missing.
    """
    made = IntervalSettings(**settings)
    decided = decisions(predictions, thresholds) if decided is None else decided
    chosen = choose_classes(predictions, made)
    return measure_on(draw_patients(predictions, chosen, made), predictions, thresholds, decided, chosen, made)


def measure_on(
    drawn: tuple[PatientResamples | None, str | None],
    predictions: Predictions,
    thresholds: Mapping[str, float] | None,
    decided: NDArray[np.bool_] | None,
    chosen: ScoredClasses,
    made: IntervalSettings,
) -> dict[str, Any]:
    """The report of :func:`evaluate_predictions` on resamples that are drawn already, which takes a while.

    Args:
        drawn: by :func:`draw_patients`.
        predictions: of a split, each image once.
        thresholds: of each finding; None: none.
        decided: by :func:`decisions`.
        chosen: by :func:`choose_classes`.
        made: of the intervals.
    """
    draw, trouble = drawn
    patients = patient_numbers(predictions)
    report: dict[str, Any] = {
        "kind": predictions.kind,
        "images": len(predictions.images),
        "patients": len(set(predictions.patients)),
        "intervals": made.describe(predictions, draw),
        **describe_choice(predictions, chosen, made),
        "thresholds": _plain_thresholds(predictions, thresholds),
        "overall": {},
        "classes": {predictions.classes[i]: dict[str, Any](class_counts(chosen, i)) for i in chosen.scored},
    }
    for overall, metric in OVERALL.items():
        if reason := why_not(metric, chosen, decided):
            report["overall"][overall] = {"value": None, "interval": None, "reason": reason}
            continue
        columns, statistic = prepare(metric, predictions, chosen.scored, decided, patients)
        if draw is None:
            values = np.asarray(statistic(np.ones((patients.max() + 1, 1))))[0]
            of_all, of_columns = _without_interval(values.mean(), trouble)[0], _without_interval(values, trouble)
        else:
            bootstrapped = draw.apply(statistic)
            of_columns = numbers(bootstrapped, made)
            of_all = of_columns[0] if columns is None else numbers(bootstrapped.mean(), made)[0]
            if metric == "calibration_error":
                of_all, *of_columns = map(_with_a_true_interval, [of_all, *of_columns])
        report["overall"][overall] = of_all
        if columns is not None:
            for column, number in zip(columns, of_columns, strict=True):
                if metric == "auc":
                    number.update(_obuchowski(predictions, int(column), patients, made.level))
                report["classes"][predictions.classes[column]][metric] = number
    return report


def decisions(predictions: Predictions, thresholds: Mapping[str, float] | None) -> NDArray[np.bool_] | None:
    """``(n, classes)`` decisions: by the highest probability of softmax classes, by the thresholds of findings.

    Args:
        predictions: of ``n`` images.
        thresholds: of each finding; None: there are no decisions. Not looked at for softmax classes.

    Raises:
        EvaluationError: a finding has no threshold, or one that is not finite.
    """
    if predictions.kind == "softmax":
        return decide_by_highest(predictions.probabilities)
    if thresholds is None:
        return None
    missing = [name for name in predictions.classes if not np.isfinite(thresholds.get(name, np.nan))]
    if missing:
        raise EvaluationError(f"there is no threshold for {', '.join(missing)}: each finding needs one, a number.")
    return decide(predictions.probabilities, [thresholds[name] for name in predictions.classes])


def patient_numbers(predictions: Predictions) -> NDArray[np.int64]:
    """``(n,)`` number of each image's patient, in the order of the ids: quicker to sort than text."""
    return np.unique(np.array(predictions.patients, dtype=str), return_inverse=True)[1]


def choose_classes(predictions: Predictions, settings: IntervalSettings) -> ScoredClasses:
    """Which classes are scored, by counts alone."""
    return scored_classes(
        predictions.truth(), settings.min_positives, settings.min_negatives, patient_numbers(predictions)
    )


def describe_choice(predictions: Predictions, chosen: ScoredClasses, settings: IntervalSettings) -> dict[str, Any]:
    """The scored classes, those of few patients, and the others with their counts and the reason, as plain values."""
    sides, patients = predictions.sides(), np.array(predictions.patients)
    few_patients = []
    for i in np.intersect1d(chosen.scored, ranked_columns(predictions.kind, len(predictions.classes))):
        positive, negative = (len(set(patients[side[:, i]])) for side in sides)
        if min(positive, negative) < FEW_PATIENTS:
            few_patients.append(
                {"class": predictions.classes[i], "positive_patients": positive, "negative_patients": negative}
            )
    left_out = []
    for i in chosen.left_out:
        positives, negatives = int(chosen.positives[i]), int(chosen.negatives[i])
        few = [
            f"fewer than {least} {what}"
            for count, least, what in (
                (positives, settings.min_positives, "positives"),
                (negatives, settings.min_negatives, "negatives"),
            )
            if count < least
        ]
        reason = " and ".join(few) or "all positives, or all negatives, are of one patient"
        left_out.append({"class": predictions.classes[i], **class_counts(chosen, int(i)), "reason": reason})
    return {
        "min_positives": settings.min_positives,
        "min_negatives": settings.min_negatives,
        "scored_classes": [predictions.classes[i] for i in chosen.scored],
        "few_patients": few_patients,
        "left_out_classes": left_out,
    }


def class_counts(chosen: ScoredClasses, column: int) -> dict[str, int]:
    """Positive and negative images of a class; where some are not known, how many."""
    counts = {"positives": int(chosen.positives[column]), "negatives": int(chosen.negatives[column])}
    unknown = int(chosen.unknown[column])
    return counts | ({"unknown": unknown} if unknown else {})


def few_patients_in_words(report: Mapping[str, Any]) -> list[str]:
    """One sentence that warns of intervals over too few patients, or none.

    Args:
        report: of :func:`evaluate_predictions` or :func:`~monai_mocoi.analysis.compare_predictions`.
    """
    if not (few := report.get("few_patients")):
        return []
    counts = "; ".join(
        f"{own['class']}: positives of {own['positive_patients']}, negatives of {own['negative_patients']}"
        for own in few
    )
    return [
        f"Few patients ({counts}): below {FEW_PATIENTS} the intervals are too narrow, those of all classes together "
        "too. Read them as no certainty; test on more patients."
    ]


def unknown_in_report(report: Mapping[str, Any]) -> list[str]:
    """One sentence on classes that are not known of all images, or none.

    Args:
        report: of :func:`evaluate_predictions` or :func:`~monai_mocoi.analysis.compare_predictions`.
    """
    named = {own["class"]: own for own in report["left_out_classes"]} | dict(report.get("classes", {}))
    counts = ", ".join(f"{name} {own['unknown']}" for name, own in named.items() if own.get("unknown"))
    return [f"Not known of some images, and measured over the others: {counts}."] if counts else []


def draw_patients(
    predictions: Predictions, chosen: ScoredClasses, settings: IntervalSettings
) -> tuple[PatientResamples | None, str | None]:
    """Resamples in which every scored class is defined; or None, and why there are none."""
    if not len(chosen.scored):
        return None, _no_class(chosen)
    labels = predictions.truth()[:, chosen.scored]
    try:
        return patient_bootstrap(patient_numbers(predictions), labels, settings.resamples, settings.seed), None
    except ValueError as error:  # over half of the resamples lack a class
        return None, f"{error}: raise min_positives or min_negatives."


def why_not(metric: str, chosen: ScoredClasses, decided: NDArray[np.bool_] | None) -> str | None:
    """Why a metric has no value; None: it has one."""
    if not len(chosen.scored):
        return _no_class(chosen)
    if decided is None and metric in ("f1", "sensitivity", "specificity"):
        return "No thresholds were given: without decisions there is no such number."
    return None


def _no_class(chosen: ScoredClasses) -> str:
    return (
        f"None of the {len(chosen.left_out)} classes has enough positive and negative images of at least two patients "
        "to be scored (25 of each, or what --min_positives and --min_negatives say); left_out_classes has the counts."
    )


def prepare(
    metric: str,
    predictions: Predictions,
    scored: NDArray[np.int64],
    decided: NDArray[np.bool_] | None,
    patients: NDArray[np.int64],
) -> tuple[NDArray[np.int64] | None, Statistic]:
    """A metric as a function of how often each patient was drawn.

    Args:
        metric: one of ``METRICS``.
        predictions: of ``n`` images.
        scored: columns of the scored classes, one or more.
        decided: ``(n, classes)``; for F1, sensitivity and specificity only.
        patients: ``(n,)`` from :func:`patient_numbers`.

    Returns:
        the columns that the metric has a value for, and the statistic. None for the columns: one value for all, of the
        top label.
    """
    truth, probabilities = predictions.truth(), predictions.probabilities
    if metric in ("auc", "average_precision"):
        columns = scored[np.isin(scored, ranked_columns(predictions.kind, len(predictions.classes)))]
        by_patient = roc_auc_by_patient if metric == "auc" else average_precision_by_patient
        return columns, known_by_patient(by_patient, truth[:, columns], probabilities[:, columns], patients)
    if metric == "calibration_error":
        if predictions.kind == "softmax":
            return None, calibration_error_by_patient(*top_label(predictions.labels, probabilities), patients)
        return scored, known_by_patient(
            calibration_error_by_patient, truth[:, scored], probabilities[:, scored], patients
        )
    assert decided is not None, "why_not says so"
    measured = partial(confusion_by_patient, measure=metric)
    return scored, known_by_patient(measured, truth[:, scored], decided[:, scored], patients)


def numbers(bootstrapped: Bootstrapped, settings: IntervalSettings) -> list[dict[str, Any]]:
    """Value and interval of each column, as plain values."""
    limits = bootstrapped.interval(settings.interval, settings.level).reshape(2, -1)
    described = []
    for value, low, high in zip(np.atleast_1d(bootstrapped.estimate), *limits, strict=True):
        number: dict[str, Any] = {"value": float(value), "interval": [float(low), float(high)]}
        if low == high:
            number["note"] = NO_CERTAINTY
        described.append(number)
    return described


def _with_a_true_interval(number: dict[str, Any]) -> dict[str, Any]:
    """Without an interval that does not hold its own value: resampling alone raises a calibration error."""
    low, high = number["interval"]
    if low <= number["value"] <= high:
        return number
    return {"value": number["value"], "interval": None, "reason": BIASED}


def _without_interval(values: NDArray[np.float64], reason: str | None) -> list[dict[str, Any]]:
    return [{"value": float(value), "interval": None, "reason": reason} for value in np.atleast_1d(values)]


def _obuchowski(
    predictions: Predictions, column: int, patients: NDArray[np.int64], level: float
) -> dict[str, list[float]]:
    truth = predictions.truth()[:, column]
    known = is_known(truth)
    found = obuchowski_auc(truth[known], predictions.probabilities[known, column], patients[known])
    variance = np.maximum(found.variance, 0)  # rounding of a sum that is 0 can be below it
    return {name: make(found.auc, variance, level)[:, 0].tolist() for name, make in _OF_AUC.items()}


def _plain_thresholds(predictions: Predictions, thresholds: Mapping[str, float] | None) -> dict[str, float] | None:
    if predictions.kind == "softmax" or thresholds is None:
        return None
    return {name: float(thresholds[name]) for name in predictions.classes}
