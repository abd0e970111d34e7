"""Resampled images: the images of a test, their evaluable classes, and one draw of resamples for all numbers."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi import metrics
from monai_mocoi.analysis.decision_thresholds import decisions
from monai_mocoi.analysis.interval_numbers import Number, numbers
from monai_mocoi.analysis.interval_settings import IntervalSettings, choose_classes, describe_choice, describe_intervals
from monai_mocoi.data import Predictions
from monai_mocoi.metrics import Bootstrapped, PatientResamples, Statistic, known_by_patient

METRICS = ("auc", "average_precision", "f1", "sensitivity", "specificity", "calibration_error")
"""What is measured of each class; higher is better, except for the last."""
OVERALL = {**{f"macro_{name}": name for name in METRICS[:-1]}, "calibration_error": "calibration_error"}
"""The numbers for all classes together, and which number of a class each is the mean of."""
COMPARED = METRICS[:-1]
"""What two classifiers are compared by."""
CALIBRATION_NOT_COMPARED = (
    "calibration_error is not compared: it is biased upwards, and the more so the more the probabilities are spread "
    "out, so that of two perfectly calibrated classifiers one seems worse. Look at intercept and slope of the "
    "calibration and at the Brier score in the metrics.json of each, or compare by one of "
)
"""Why; the names of the other metrics follow."""
_OF_AUC = {"obuchowski_normal": metrics.normal_interval, "obuchowski_logit": metrics.logit_interval}


class ResampledImages:
    """Images, patients and labels of a test (not its probabilities) with their resamples, drawn once.

    ``chosen``: the evaluable classes. ``draw``, ``trouble``: resamples in which every evaluable class is defined; None:
    there are none, and why. ``patients``: ``(n,)`` number of each image's patient: quicker to sort than text.
    """

    draw: PatientResamples | None

    def __init__(self, images: Predictions, settings: IntervalSettings) -> None:
        self.images, self.settings = images, settings
        self.patients, self.patient_count = metrics.patient_index(np.array(images.patients, dtype=str))
        self.chosen = choose_classes(images, settings)
        self.draw, self.trouble = None, None
        if not len(self.chosen.evaluable):
            self.trouble = self.why_not("auc", None)
            return
        labels = images.truth()[:, self.chosen.evaluable]
        try:
            self.draw = metrics.patient_bootstrap(self.patients, labels, settings.resamples, settings.seed)
        except metrics.RedrawnTooOftenError as error:
            name = images.classes[self.chosen.evaluable[error.column]]
            self.trouble = f"{error.naming(f'class {name!r}')}: raise min_positives or min_negatives."

    @property
    def ranked(self) -> NDArray[np.int64]:
        """Columns of the evaluable classes whose ranking is reported: of two classes of one softmax the second."""
        ranked = metrics.ranked_columns(self.images.kind, len(self.images.classes))
        return self.chosen.evaluable[np.isin(self.chosen.evaluable, ranked)]

    def why_not(self, metric: str, decided: NDArray[np.bool_] | None) -> str | None:
        """Why a metric of ``METRICS`` has no value; None: it has one."""
        if not len(self.chosen.evaluable):
            return (
                f"None of the {len(self.chosen.left_out)} classes has enough positive and negative images of at least "
                f"two patients to be evaluated ({self.settings.min_positives} and {self.settings.min_negatives}, by "
                "min_positives and min_negatives); left_out_classes has the counts."
            )
        if decided is None and metric in ("f1", "sensitivity", "specificity"):
            return "No thresholds were given: without decisions there is no such number."
        return None

    def prepare(
        self, metric: str, predictions: Predictions, decided: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.int64] | None, Statistic]:
        """The columns that a metric of ``METRICS`` has a value for, and it as a function of each patient's count.

        ``decided``: ``(n, classes)``. None for the columns: one value for all, of the top label.
        """
        truth, probabilities, columns = predictions.truth(), predictions.probabilities, self.chosen.evaluable
        make: Any = {
            "auc": metrics.roc_auc_by_patient,
            "average_precision": metrics.average_precision_by_patient,
            "calibration_error": metrics.calibration_error_by_patient,
        }.get(metric, partial(metrics.confusion_by_patient, measure=metric))
        if metric == "calibration_error" and predictions.kind != "multilabel":
            return None, make(*metrics.top_label(predictions.labels, probabilities), self.patients)
        if metric in ("auc", "average_precision"):
            columns = self.ranked
        values = decided if metric in ("f1", "sensitivity", "specificity") else probabilities
        assert values is not None, "why_not says so"
        return columns, known_by_patient(make, truth[:, columns], values[:, columns], self.patients)

    def measure(
        self, metric: str, predictions: Predictions, decided: NDArray[np.bool_] | None
    ) -> tuple[Number, dict[int, Number]]:
        """A metric of ``METRICS`` for all classes together, and for each column that has a value of its own."""
        if reason := self.why_not(metric, decided):
            return {"value": None, "interval": None, "reason": reason}, {}
        columns, statistic = self.prepare(metric, predictions, decided)
        if self.draw is None:
            values = np.asarray(statistic(np.ones((self.patient_count, 1))))[0]
            whole, *each = [
                Number(value=float(value), interval=None, reason=self.trouble)
                for value in (values.mean(), *np.atleast_1d(values))
            ]
        else:
            found = self.draw.apply(statistic)
            each = numbers(found, self.settings, metric)
            whole = each[0] if columns is None else numbers(found.mean(), self.settings, metric)[0]
        of_columns = {} if columns is None else dict(zip(columns.tolist(), each, strict=True))
        for column, number in of_columns.items() if metric == "auc" else ():
            known = metrics.is_known(truth := predictions.truth()[:, column])
            auc = metrics.obuchowski_auc(truth[known], predictions.probabilities[known, column], self.patients[known])
            variance = np.maximum(auc.variance, 0)  # rounding of a sum that is 0 can be below it
            for name, make in _OF_AUC.items():
                number[name] = make(auc.auc, variance, self.settings.level)[:, 0].tolist()
        return whole, of_columns

    def bootstrapped(
        self, predictions: Predictions, thresholds: Mapping[str, float] | None, metric: str
    ) -> tuple[Bootstrapped | None, str | None]:
        """A number for all classes together, by its name in ``OVERALL``, on the resamples; or None, and why."""
        decided = decisions(predictions, thresholds)
        if reason := self.why_not(OVERALL[metric], decided) or self.trouble:
            return None, reason
        assert self.draw is not None, "else there is trouble"
        columns, statistic = self.prepare(OVERALL[metric], predictions, decided)
        found = self.draw.apply(statistic)
        return (found if columns is None else found.mean()).kept(self.settings.interval), None

    def describe(self) -> dict[str, Any]:
        """What a reader of the intervals must know, as plain values: see the Returns of ``evaluate_predictions``."""
        return {
            "kind": self.images.kind,
            "images": len(self.images.images),
            "patients": self.patient_count,
            "intervals": describe_intervals(self.settings, self.images, self.draw),
            **describe_choice(self.images, self.chosen, self.settings),
        }
