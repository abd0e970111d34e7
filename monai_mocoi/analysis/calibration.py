"""Calibration of a classifier, as a report has it: intercept, slope, Brier score, and the points of a diagram."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi import metrics
from monai_mocoi.analysis.recalibration import recalibrated, why_not_fitted
from monai_mocoi.analysis.where_defined import WhereDefined
from monai_mocoi.data import Predictions

MOST_BINS, LEAST_IN_BINS = 10, 5
"""Of a reliability diagram: bins, and positives (or negatives, if they are fewer) a bin on average."""
HISTOGRAM_BINS = 20
_ENDS, _WITHIN = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0), 99.5
_SUM_OFF = 1e-3


def describe_calibration(
    predictions: Predictions,
    defined: WhereDefined,
    recalibration: Mapping[str, Any] | None = None,
    is_recalibrated: bool = False,
) -> dict[str, Any]:
    """Measure the calibration of each evaluable class, and after a ``recalibration``; ``defined.fill`` adds intervals.

    Returns plain values::

        {"probabilities": "as given" or "recalibrated", "logits_clipped_at": 1e-6, "macro_brier": value or None,
         "classes": {name: {"intercept": NUMBER, "slope": NUMBER, "brier": NUMBER, "brier_skill": NUMBER,
                            "share_of_positives", "clipped_images",
                            "reliability": [{"images", "patients", "positives", "predicted", "observed": NUMBER}],
                            "histogram": {"edges", "positives", "negatives"}}},
         "sums": {"images_not_1", "lowest", "highest"},  # of multiclass probabilities that do not sum to 1
         "recalibrated": {"method", "classes": {name: the first four}} or {"reason"}}  # unless they are it already
    """
    classes = {predictions.classes[i]: _of_class(predictions, i, defined) for i in defined.test.ranked}
    made: dict[str, Any] = {
        "probabilities": "recalibrated" if is_recalibrated else "as given",
        "logits_clipped_at": metrics.PROBABILITY_FLOOR,
        "macro_brier": float(np.mean([own["brier"]["value"] for own in classes.values()])) if classes else None,
        "classes": classes,
    }
    sums = predictions.probabilities.sum(axis=1)
    if predictions.kind != "multilabel" and (off := np.abs(sums - 1) > _SUM_OFF).any():
        made["sums"] = {"images_not_1": int(off.sum()), "lowest": float(sums.min()), "highest": float(sums.max())}
    if not is_recalibrated:
        made["recalibrated"] = _after(predictions, defined, recalibration)
    return made


def _of_class(predictions: Predictions, column: int, defined: WhereDefined) -> dict[str, Any]:
    truth, of_all = predictions.truth()[:, column], predictions.probabilities[:, column]
    known = metrics.is_known(truth)
    labels, said = truth[known] == 1, of_all[known]
    clipped = (said < metrics.PROBABILITY_FLOOR) | (said > 1 - metrics.PROBABILITY_FLOOR)
    most = float(np.percentile(said, _WITHIN))  # probabilities of a rare finding lie near 0
    edges = np.linspace(0, next(end for end in _ENDS if end >= most), HISTOGRAM_BINS + 1)
    shown = np.minimum(said, edges[-1])  # what lies above is counted in the last bin
    return {
        **_numbers(truth, of_all, defined),
        "share_of_positives": float(labels.mean()),
        "clipped_images": int(clipped.sum()),
        "reliability": _reliability(truth, of_all, defined),
        "histogram": {
            "edges": edges.tolist(),
            "positives": np.histogram(shown[labels], edges)[0].tolist(),
            "negatives": np.histogram(shown[~labels], edges)[0].tolist(),
        },
    }


def _numbers(truth: NDArray[np.int64], said: NDArray[np.float64], defined: WhereDefined) -> dict[str, Any]:
    try:
        line = defined.numbers(metrics.calibration_line_by_patient, truth, said)
    except metrics.NoCalibrationLineError as error:
        line = [{"value": None, "interval": None, "reason": str(error)} for _ in range(2)]
    brier = defined.numbers(metrics.brier_by_patient, truth, said)
    return dict(zip(("intercept", "slope", "brier", "brier_skill"), [*line, *brier], strict=True))


def _reliability(truth: NDArray[np.int64], of_all: NDArray[np.float64], defined: WhereDefined) -> list[dict[str, Any]]:
    known = metrics.is_known(truth)
    labels, said, patients = truth[known] == 1, of_all[known], defined.test.patients[known]
    fewest = int(min(labels.sum(), (~labels).sum()))
    place = metrics.equal_count_bins(said, int(np.clip(fewest // LEAST_IN_BINS, 1, MOST_BINS)))
    shares = partial(metrics.observed_share_by_patient, place=place)
    observed = defined.numbers(shares, truth, of_all)
    return [
        {
            "images": int((place == i).sum()),
            "patients": len(np.unique(patients[place == i])),
            "positives": int(labels[place == i].sum()),
            "predicted": float(said[place == i].mean()),
            "observed": number,
        }
        for i, number in enumerate(observed)
    ]


def _after(predictions: Predictions, defined: WhereDefined, recalibration: Mapping[str, Any] | None) -> dict[str, Any]:
    if recalibration is None or why_not_fitted(recalibration) is not None:
        return {"reason": why_not_fitted(recalibration)}
    corrected, classes = recalibrated(predictions, recalibration), {}
    truth = predictions.truth()
    for i in defined.test.ranked:
        name = predictions.classes[i]
        if reason := recalibration.get("classes", {}).get(name, {}).get("reason"):
            classes[name] = {"reason": reason}
        else:
            classes[name] = _numbers(truth[:, i], corrected.probabilities[:, i], defined)
    return {"method": recalibration["method"], "fitted_on": "validation", "classes": classes}
