"""Full evaluation: all that a reviewer asks of a classifier, from predictions alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monai_mocoi.analysis.calibration import describe_calibration
from monai_mocoi.analysis.decision_curve import check_decision_thresholds, describe_decision_curve
from monai_mocoi.analysis.decision_thresholds import decisions
from monai_mocoi.analysis.evaluation import measure_on
from monai_mocoi.analysis.interval_settings import IntervalSettings
from monai_mocoi.analysis.operating_points import describe_operating_points
from monai_mocoi.analysis.recalibration import recalibrated, why_not_fitted
from monai_mocoi.analysis.resampled_images import ResampledImages
from monai_mocoi.analysis.subgroups import evaluate_subgroups
from monai_mocoi.analysis.where_defined import WhereDefined
from monai_mocoi.data import AGE_BANDS, Columns, Predictions
from monai_mocoi.errors import EvaluationError
from monai_mocoi.metrics import apply_recalibration


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
    """:func:`~monai_mocoi.analysis.evaluate_predictions`, and calibration, operating points, decision curve, subgroups.

    Args:
        predictions: of a split, each image once; probabilities as the classifier gives them.
        thresholds: of each finding, chosen on validation, for those probabilities.
        recalibration: of :func:`~monai_mocoi.analysis.fit_recalibration`, fitted on validation; None: unknown.
        recalibrate: measure the recalibrated probabilities; decisions and subgroups stay those of the given ones.
        operating_points: of :func:`~monai_mocoi.analysis.choose_operating_points`, chosen on validation.
        decision_thresholds: of the decision curve, above 0 and below 1; None: chosen by the share of positives.
        columns: of the images, for subgroups; None, or without a column: there are none.
        age_bands: see :func:`~monai_mocoi.analysis.evaluate_subgroups`.
        settings: of :class:`~monai_mocoi.analysis.IntervalSettings`, by name.

    Returns:
        plain values: those of ``evaluate_predictions``, and ``"probabilities"`` ("as given" or "recalibrated"),
        ``"calibration"``, ``"operating_points"``, ``"decision_curve"``; with ``recalibrate`` also
        ``"thresholds_recalibrated"`` of the findings; with columns ``"subgroups"``.

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
