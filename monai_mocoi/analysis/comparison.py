"""Paired comparison of two classifiers on the same images: difference, interval over patients, and p-value."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from monai_mocoi.analysis.decision_thresholds import decisions
from monai_mocoi.analysis.interval_numbers import NO_WIDTH, numbers
from monai_mocoi.analysis.interval_settings import IntervalSettings, class_counts
from monai_mocoi.analysis.matched import matched
from monai_mocoi.analysis.resampled_images import (
    CALIBRATION_NOT_COMPARED,
    COMPARED,
    OVERALL,
    ResampledImages,
)
from monai_mocoi.data import Predictions
from monai_mocoi.errors import ComparisonError, EvaluationError
from monai_mocoi.metrics import Bootstrapped, holm

SAME_EVERYWHERE = (
    "The interval has zero width because every resample gave the same difference. This does not mean that it is "
    "certain."
)


def compare_predictions(
    first: Predictions,
    second: Predictions,
    metric: str = "macro_auc",
    first_thresholds: Mapping[str, float] | None = None,
    second_thresholds: Mapping[str, float] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Difference of a metric, second - first, on the same images: overall and of each evaluable class.

    Both are evaluated on the same resamples of the patients. The p-value is the smallest alpha whose interval of level
    1 - alpha excludes 0 (:func:`~monai_mocoi.metrics.bootstrap_p_value`); those of several classes come with Holm's
    correction for their number.

    Args:
        first, second: predictions of the same images, in any order.
        metric: a name of ``OVERALL`` but ``calibration_error``, whose bias depends on the classifier.
        first_thresholds, second_thresholds: of each finding; for F1, sensitivity and specificity of findings only.
        settings: of :class:`~monai_mocoi.analysis.IntervalSettings`, by name.

    Returns:
        as :func:`~monai_mocoi.analysis.evaluate_predictions`, without ``"thresholds"``, with ``"metric"``, and
        ``"overall": DIFFERENCE``, ``"classes": {name: DIFFERENCE and "positives", "negatives"}``. A DIFFERENCE is
        ``{"first", "second", "value", "interval", "p_value"}`` and ``"note"`` where the interval has no width; of a
        class also ``"p_value_holm"``.

    Raises:
        ComparisonError: images, patients, labels or classes differ, no class is evaluable, or too many resamples lack
            one.
        EvaluationError: another metric, missing thresholds, or a setting out of range.
    """
    check_metric(metric)
    made = IntervalSettings(**settings)
    second = matched(first, second)
    decided = decisions(first, first_thresholds), decisions(second, second_thresholds)
    test = comparable(first, made)
    pair: list[Bootstrapped] = []
    for predictions, own in zip((first, second), decided, strict=True):
        if reason := test.why_not(OVERALL[metric], own):
            raise EvaluationError(reason)
        if test.draw is None:
            raise ComparisonError(str(test.trouble))
        columns, statistic = test.prepare(OVERALL[metric], predictions, own)
        pair.append(test.draw.apply(statistic))
    whole = pair if columns is None else [own.mean() for own in pair]
    of_columns = [] if columns is None else differences(pair[0], pair[1], made)
    add_holm(of_columns)
    return {
        "metric": metric,
        **test.describe(),
        "overall": differences(whole[0], whole[1], made)[0],
        "classes": {
            first.classes[i]: {**difference, **class_counts(test.chosen, i)}
            for i, difference in zip([] if columns is None else columns, of_columns, strict=True)
        },
    }


def check_metric(metric: str) -> None:
    """Refuse what two classifiers are not compared by with EvaluationError."""
    names = [name for name, of_class in OVERALL.items() if of_class in COMPARED]
    if metric == "calibration_error":
        raise EvaluationError(f"{CALIBRATION_NOT_COMPARED}{', '.join(names)}.")
    if metric not in names:
        raise EvaluationError(f"metric is {metric!r}; choose one of {', '.join(names)}.")


def comparable(images: Predictions, settings: IntervalSettings) -> ResampledImages:
    """The test that a comparison is made on; ComparisonError: no class has enough images."""
    test = ResampledImages(images, settings)
    if len(test.chosen.evaluable):
        return test
    left_out = test.describe()["left_out_classes"]
    counts = "; ".join(
        f"{own['class']}: {own['positives']} positive and {own['negatives']} negative images ({own['reason']})"
        for own in left_out
    )
    raise ComparisonError(
        f"None of the {len(left_out)} classes has enough images to be compared, by the labels that both files have. "
        f"{counts}. Lower min_positives ({settings.min_positives}) and min_negatives ({settings.min_negatives}), or "
        "test on more images."
    )


def differences(first: Bootstrapped, second: Bootstrapped, settings: IntervalSettings) -> list[dict[str, Any]]:
    """Each column's DIFFERENCE (see :func:`compare_predictions`), second - first, as plain values."""
    difference = second - first
    p_values = np.atleast_1d(difference.p_value(settings.interval))
    described = []
    for i, number in enumerate(numbers(difference, settings)):
        if number.get("note") == NO_WIDTH:
            number["note"] = SAME_EVERYWHERE
        ends = {name: float(np.atleast_1d(own.estimate)[i]) for name, own in (("first", first), ("second", second))}
        described.append({**ends, **number, "p_value": float(p_values[i])})
    return described


def add_holm(compared: Sequence[dict[str, Any]]) -> None:
    """Write to each difference ``"p_value_holm"``, corrected for their number."""
    for own, adjusted in zip(compared, holm([own["p_value"] for own in compared]), strict=True):
        own["p_value_holm"] = float(adjusted)
