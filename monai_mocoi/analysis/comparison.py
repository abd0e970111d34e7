"""Two classifiers on the same images: the paired difference, its interval over patients, and the p-value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.evaluation import (
    OVERALL,
    IntervalSettings,
    choose_classes,
    class_counts,
    decisions,
    describe_choice,
    draw_patients,
    numbers,
    patient_numbers,
    prepare,
    why_not,
)
from monai_mocoi.data import Predictions
from monai_mocoi.errors import ComparisonError, EvaluationError
from monai_mocoi.metrics import Bootstrapped, holm

SAME_EVERYWHERE = "The resamples give one difference: an interval of no width, which is no certainty."


def compare_predictions(
    first: Predictions,
    second: Predictions,
    metric: str = "macro_auc",
    first_thresholds: Mapping[str, float] | None = None,
    second_thresholds: Mapping[str, float] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Difference of a metric, second - first, on the same images: overall and of each scored class.

    Both are evaluated on the same resamples of the patients, so that what is hard or easy about a patient cancels. The
    p-value is the smallest alpha whose interval of level 1 - alpha excludes 0
    (:func:`~monai_mocoi.metrics.bootstrap_p_value`); those of several classes come with
    Holm's correction for their number (:func:`~monai_mocoi.metrics.holm`).

    Args:
        first, second: predictions of the same images, in any order.
        metric: a name of ``OVERALL``.
        first_thresholds, second_thresholds: of each finding, each classifier's own; for F1, sensitivity and specificity
            of findings only.
        settings: of :class:`~monai_mocoi.analysis.IntervalSettings`, by name.

    Returns:
        plain values, without NaN::

            {"metric", "kind", "images", "patients", "intervals", "min_positives", "min_negatives",
             "scored_classes", "few_patients", "left_out_classes",
             "overall": DIFFERENCE, "classes": {name: DIFFERENCE and "positives", "negatives"}}

        A DIFFERENCE is ``{"first", "second", "value", "interval", "p_value"}`` and ``"note"`` where the interval has no
        width; of a class also ``"p_value_holm"``. ``classes`` is empty for the calibration error of softmax classes,
        which is of the top label.

    Raises:
        ComparisonError: images, patients, labels or classes differ, no class can be scored, or too many resamples lack
            a class.
        EvaluationError: an unknown metric, missing thresholds, or a setting out of range.
    """
    if metric not in OVERALL:
        raise EvaluationError(f"metric is {metric!r}; choose one of {', '.join(OVERALL)}.")
    made = IntervalSettings(**settings)
    second = matched(first, second)
    decided = decisions(first, first_thresholds), decisions(second, second_thresholds)
    chosen = choose_classes(first, made)
    if not len(chosen.scored):
        raise ComparisonError(none_scored(describe_choice(first, chosen, made)))
    for own in decided:
        if reason := why_not(OVERALL[metric], chosen, own):
            raise EvaluationError(reason)
    draw, trouble = draw_patients(first, chosen, made)
    if draw is None:
        raise ComparisonError(str(trouble))
    patients = patient_numbers(first)
    pair: list[Bootstrapped] = []
    for predictions, own in zip((first, second), decided, strict=True):
        columns, statistic = prepare(OVERALL[metric], predictions, chosen.scored, own, patients)
        pair.append(draw.apply(statistic))
    whole = pair if columns is None else [own.mean() for own in pair]
    of_columns = [] if columns is None else differences(pair[0], pair[1], made)
    for difference, adjusted in zip(of_columns, holm([own["p_value"] for own in of_columns]), strict=True):
        difference["p_value_holm"] = float(adjusted)
    return {
        "metric": metric,
        "kind": first.kind,
        "images": len(first.images),
        "patients": len(set(first.patients)),
        "intervals": made.describe(first, draw),
        **describe_choice(first, chosen, made),
        "overall": differences(whole[0], whole[1], made)[0],
        "classes": {
            first.classes[i]: {
                **difference,
                **class_counts(chosen, i),
            }
            for i, difference in zip([] if columns is None else columns, of_columns, strict=True)
        },
    }


def differences(first: Bootstrapped, second: Bootstrapped, settings: IntervalSettings) -> list[dict[str, Any]]:
    """Each column's DIFFERENCE (see :func:`compare_predictions`), second - first, as plain values."""
    difference = second - first
    p_values = np.atleast_1d(difference.p_value(settings.interval))
    described = []
    for i, number in enumerate(numbers(difference, settings)):
        if "note" in number:
            number["note"] = SAME_EVERYWHERE
        ends = {name: float(np.atleast_1d(own.estimate)[i]) for name, own in (("first", first), ("second", second))}
        described.append({**ends, **number, "p_value": float(p_values[i])})
    return described


def none_scored(choice: Mapping[str, Any]) -> str:
    """That no class has enough images, with the counts; of what :func:`describe_choice` returns."""
    counts = "; ".join(
        f"{own['class']}: {own['positives']} positive and {own['negatives']} negative images ({own['reason']})"
        for own in choice["left_out_classes"]
    )
    return (
        f"None of the {len(choice['left_out_classes'])} classes has enough images to be compared, by the labels that "
        f"both files have. {counts}. Lower --min_positives ({choice['min_positives']}) and --min_negatives "
        f"({choice['min_negatives']}), or test on more images."
    )


def matched(first: Predictions, second: Predictions) -> Predictions:
    """The second predictions in the order of the first one's images.

    Raises:
        ComparisonError: the kind, classes, images, patients or labels differ; says how many, and the row of the first.
    """
    if first.kind != second.kind:
        raise ComparisonError(
            f"one file has {first.kind} labels, the other {second.kind} labels: they are no predictions of one task."
        )
    if first.classes != second.classes:
        place = next(
            (i for i, (a, b) in enumerate(zip(first.classes, second.classes, strict=False)) if a != b),
            min(len(first.classes), len(second.classes)),
        )
        names = [repr(own.classes[place]) if place < len(own.classes) else "nothing" for own in (first, second)]
        raise ComparisonError(
            f"the classes differ ({len(first.classes)} and {len(second.classes)}): class {place + 1} is {names[0]} in "
            f"the first file and {names[1]} in the second."
        )
    row_of = {image: row for row, image in enumerate(second.images)}
    only_first = [image for image in first.images if image not in row_of]
    known = set(first.images)
    only_second = [image for image in second.images if image not in known]
    if only_first or only_second:
        where, own = ("first", first) if only_first else ("second", second)
        raise ComparisonError(
            f"the images differ: {len(only_first)} of {len(first.images)} are in the first file only and "
            f"{len(only_second)} of {len(second.images)} in the second only, such as "
            f"that in {_row(own.images.index((only_first or only_second)[0]))} of the {where}. A paired difference "
            "needs the same images."
        )
    order = np.array([row_of[image] for image in first.images], dtype=np.int64)
    patients = tuple(second.patients[row] for row in order)
    second = Predictions(
        first.images, patients, second.classes, second.kind, second.labels[order], second.probabilities[order]
    )
    _refuse_differing(np.array([a != b for a, b in zip(first.patients, patients, strict=True)]), "patient")
    differ = first.labels != second.labels
    _refuse_differing(differ.any(axis=1) if differ.ndim == 2 else differ, "labels")
    return second


def _refuse_differing(differ: NDArray[np.bool_], what: str) -> None:
    if differ.any():
        raise ComparisonError(
            f"the {what} of {int(differ.sum())} of {len(differ)} images differ between the files, first in "
            f"{_row(int(differ.argmax()))} of the first file: they are not of the same test set."
        )


def _row(image: int) -> str:
    """Where an image stands in its file, for its name could be a patient's."""
    return f"row {image + 2} (the header is row 1)"
