"""Evaluation of predictions: the numbers of a report, each with an interval over patients."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.decision_thresholds import decisions
from monai_mocoi.analysis.interval_settings import IntervalSettings, class_counts
from monai_mocoi.analysis.resampled_images import OVERALL, ResampledImages
from monai_mocoi.data import Predictions
from monai_mocoi.metrics import Bootstrapped, is_known, logit_interval, normal_interval, obuchowski_auc

BIASED = (
    "Resampling raises this error by itself, so that its interval would not hold the value. Read the calibration's "
    "intercept, slope and Brier score instead."
)
_OF_AUC = {"obuchowski_normal": normal_interval, "obuchowski_logit": logit_interval}


def evaluate_predictions(
    predictions: Predictions,
    thresholds: Mapping[str, float] | None = None,
    decided: NDArray[np.bool_] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Measure a classifier: every number with its confidence interval over patients.

    Evaluable classes are chosen by their counts alone; the others are named with their counts. AUC and average
    precision: of each finding; of two classes of one softmax the second's alone (fault A21: by its probability); of
    more, each against the rest. F1, sensitivity and specificity are of decisions: the highest probability (multiclass),
    or ``probability >= threshold`` (findings); thresholds are taken as fixed. The expected calibration error (15 bins)
    is that of each finding, or of the top label. Each finding is measured over the images in which it is known.

    Args:
        predictions: of a split, each image once.
        thresholds: of each finding, chosen on validation; None: no decisions, and what needs them is None.
        decided: ``(n, classes)`` decisions that were made already; None: they are made here, by the thresholds.
        settings: of :class:`IntervalSettings`, by name.

    Returns:
        plain values, without NaN, as JSON takes them::

            {"kind", "images", "patients",
             "intervals": {"method", "level", "over", "resamples", "redrawn", "seed", "images", "patients"},
             "scored_classes": [...], "left_out_classes": [{"class", "positives", "negatives", "reason"}],
             "few_patients": [{"class", "positive_patients", "negative_patients"}],  # evaluable, but of too few
             "min_positives", "min_negatives", "thresholds",
             "overall": {"macro_auc": NUMBER, ...},     # names: OVERALL
             "classes": {name: {"positives", "negatives", "unknown" (if any), "auc": NUMBER, ...}}}

        ``scored_classes`` are the evaluable ones. A NUMBER is ``{"value", "interval": [low, high]}``; ``"note"`` where
        the interval has no width; ``"value"`` or ``"interval"`` None with a ``"reason"`` where there is none. A class's
        AUC has ``"obuchowski_normal"`` and ``"obuchowski_logit"`` too, its intervals without resampling.

    Raises:
        EvaluationError: a setting out of range, or a threshold missing.
    """
    test = ResampledImages(predictions, IntervalSettings(**settings))
    return measure_on(test, predictions, thresholds, decisions(predictions, thresholds) if decided is None else decided)


def measure_on(
    test: ResampledImages,
    predictions: Predictions,
    thresholds: Mapping[str, float] | None,
    decided: NDArray[np.bool_] | None,
) -> dict[str, Any]:
    """The report of :func:`evaluate_predictions` on resamples that are drawn already."""
    names, chosen = predictions.classes, test.chosen
    plain = predictions.kind == "multilabel" and thresholds is not None
    report: dict[str, Any] = {
        **test.describe(),
        "thresholds": {name: float(thresholds[name]) for name in names} if plain and thresholds is not None else None,
        "overall": {},
        "classes": {names[i]: dict[str, Any](class_counts(chosen, i)) for i in chosen.evaluable},
    }
    for overall, metric in OVERALL.items():
        if reason := test.why_not(metric, decided):
            report["overall"][overall] = {"value": None, "interval": None, "reason": reason}
            continue
        columns, statistic = test.prepare(metric, predictions, decided)
        if test.draw is None:
            values = np.asarray(statistic(np.ones((test.patient_count, 1))))[0]
            of_all, *of_columns = [
                dict[str, Any](value=float(value), interval=None, reason=test.trouble)
                for value in (values.mean(), *np.atleast_1d(values))
            ]
        else:
            found = test.draw.apply(statistic)
            of_columns = test.numbers(found)
            of_all = of_columns[0] if columns is None else test.numbers(found.mean())[0]
            if metric == "calibration_error":
                of_all, *of_columns = map(_with_a_true_interval, [of_all, *of_columns])
        report["overall"][overall] = of_all
        for column, number in zip([] if columns is None else columns, of_columns, strict=columns is not None):
            if metric == "auc":
                number.update(_obuchowski(predictions, int(column), test.patients, test.settings.level))
            report["classes"][names[column]][metric] = number
    return report


def overall_on(
    test: ResampledImages, predictions: Predictions, thresholds: Mapping[str, float] | None
) -> tuple[dict[str, Any], dict[str, Bootstrapped]]:
    """The ``overall`` of :func:`evaluate_predictions`, with the bootstrapped statistics where there are resamples."""
    if test.draw is None:
        return measure_on(test, predictions, thresholds, decisions(predictions, thresholds))["overall"], {}
    metrics, measured = {}, {}
    for metric in OVERALL:
        found, reason = test.bootstrapped(predictions, thresholds, metric)
        if found is None:
            metrics[metric] = {"value": None, "interval": None, "reason": reason}
        else:
            measured[metric], metrics[metric] = found, test.numbers(found)[0]
    return metrics, measured


def _with_a_true_interval(number: dict[str, Any]) -> dict[str, Any]:
    """Without an interval that does not hold its own value: resampling alone raises a calibration error."""
    low, high = number["interval"]
    if low <= number["value"] <= high:
        return number
    return {"value": number["value"], "interval": None, "reason": BIASED}


def _obuchowski(
    predictions: Predictions, column: int, patients: NDArray[np.int64], level: float
) -> dict[str, list[float]]:
    truth = predictions.truth()[:, column]
    known = is_known(truth)
    found = obuchowski_auc(truth[known], predictions.probabilities[known, column], patients[known])
    variance = np.maximum(found.variance, 0)  # rounding of a sum that is 0 can be below it
    return {name: make(found.auc, variance, level)[:, 0].tolist() for name, make in _OF_AUC.items()}
