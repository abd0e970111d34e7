"""Evaluation of predictions: the numbers of ``metrics.json``, each with an interval over patients."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.calibration import describe_calibration
from monai_mocoi.analysis.decision_curve import check_decision_thresholds, describe_decision_curve
from monai_mocoi.analysis.decision_thresholds import decisions
from monai_mocoi.analysis.interval_settings import IntervalSettings, class_counts
from monai_mocoi.analysis.operating_points import describe_operating_points
from monai_mocoi.analysis.recalibration import recalibrated, why_not_fitted
from monai_mocoi.analysis.resampled_images import OVERALL, ResampledImages
from monai_mocoi.analysis.subgroups import evaluate_subgroups
from monai_mocoi.analysis.where_defined import WhereDefined
from monai_mocoi.data import AGE_BANDS, Columns, Predictions
from monai_mocoi.errors import EvaluationError
from monai_mocoi.metrics import apply_recalibration


def evaluate_predictions(
    predictions: Predictions, thresholds: Mapping[str, float] | None = None, **settings: Any
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
    return measure_on(test, predictions, thresholds, decisions(predictions, thresholds))


def evaluate_fully(
    predictions: Predictions,
    thresholds: Mapping[str, float] | None = None,
    recalibration: Mapping[str, Any] | None = None,
    recalibrate: bool = False,
    operating_points: Mapping[str, Any] | None = None,
    decision_thresholds: Sequence[float] | None = None,
    columns: Columns | None = None,
    age_bands: Sequence[float] = AGE_BANDS,
    **settings: Any,
) -> dict[str, Any]:
    """:func:`evaluate_predictions`, and calibration, operating points, decision curve and subgroups.

    Args:
        predictions, thresholds, settings: see :func:`evaluate_predictions`; probabilities as the classifier gives them.
        recalibration: of :func:`~monai_mocoi.analysis.fit_recalibration`, fitted on validation; None: unknown.
        recalibrate: measure the recalibrated probabilities; decisions and subgroups stay those of the given ones.
        operating_points: of :func:`~monai_mocoi.analysis.choose_operating_points`, chosen on validation.
        decision_thresholds: of the decision curve, above 0 and below 1; None: chosen by the share of positives.
        columns: of the images, for subgroups; None, or without a column: there are none.
        age_bands: see :func:`~monai_mocoi.analysis.evaluate_subgroups`.

    Returns:
        the same, and ``"probabilities"`` ("as given" or "recalibrated"), ``"calibration"``, ``"operating_points"``,
        ``"decision_curve"``; with ``recalibrate`` also ``"thresholds_recalibrated"`` of the findings; with columns
        ``"subgroups"``, see :func:`~monai_mocoi.analysis.evaluate_subgroups`.

    Raises:
        EvaluationError: a setting out of range, a threshold missing, or nothing to recalibrate by.
    """
    made = IntervalSettings(**settings)
    check_decision_thresholds(decision_thresholds)
    shown = predictions
    if recalibrate:
        if (reason := why_not_fitted(recalibration)) is not None:
            raise EvaluationError(f"recalibrate is true, but nothing can be recalibrated. {reason}")
        assert recalibration is not None, "why_not_fitted says so"
        shown = recalibrated(predictions, recalibration)
    test = ResampledImages(predictions, made)
    report = measure_on(test, shown, thresholds, decisions(predictions, thresholds))
    report["probabilities"] = "recalibrated" if recalibrate else "as given"
    if recalibrate and (own := report["thresholds"]) is not None:
        row = np.array([[own[name] for name in predictions.classes]])
        mapped = apply_recalibration(np.clip(row, 0, 1), recalibration or {}, predictions.classes, predictions.kind)
        report["thresholds_recalibrated"] = dict(zip(predictions.classes, mapped[0].tolist(), strict=True))
    defined = WhereDefined(test)
    report["calibration"] = describe_calibration(shown, defined, recalibration, recalibrate)
    report["operating_points"] = describe_operating_points(predictions, operating_points, defined)
    report["decision_curve"] = describe_decision_curve(shown, defined, decision_thresholds)
    defined.fill()
    if columns is not None and columns.values:
        report["subgroups"] = evaluate_subgroups(predictions, columns, thresholds, age_bands, **settings)
    return report


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
        report["overall"][overall], of_columns = test.measure(metric, predictions, decided)
        for column, number in of_columns.items():
            report["classes"][names[column]][metric] = number
    return report
