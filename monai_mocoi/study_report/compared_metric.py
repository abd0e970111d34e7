"""Metric of a comparison: which number of each run, and what it is called."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monai_mocoi.analysis.resampled_images import CALIBRATION_NOT_COMPARED, COMPARED
from monai_mocoi.errors import StudyError


@dataclass(frozen=True)
class Metric:
    """What is compared: a name of ``COMPARED``, of one class or, with ``label`` None, of the mean of the classes."""

    name: str = "auc"
    label: str | None = None

    @classmethod
    def of(cls, name: str, label: str | None = None) -> "Metric":
        """By its short name or that of ``metrics.json`` ("macro_auc"); StudyError: there is none of it."""
        short = name.removeprefix("macro_")
        if short == "calibration_error":
            raise StudyError(f"{CALIBRATION_NOT_COMPARED}{', '.join(COMPARED)}.")
        if short not in COMPARED:
            raise StudyError(f"there is no metric {name!r}: choose one of {', '.join(COMPARED)}.")
        return cls(short, label)

    @property
    def words(self) -> str:
        """``macro AUC``, or ``AUC of Mass``."""
        word = {"auc": "AUC", "f1": "F1"}.get(self.name, self.name.replace("_", " "))
        return f"{word} of {self.label}" if self.label else f"macro {word}"

    @property
    def points(self) -> str:
        """Hundredths of it, as in "2.1 AUC points"."""
        return {"auc": "AUC", "f1": "F1"}.get(self.name, self.name.replace("_", " ")) + " points"

    def why_not(self, classes: Sequence[str], measured: Sequence[str], left_out: Sequence[Mapping[str, Any]]) -> str:
        """Why its class has no value of its own.

        ``classes``: of the test images; ``measured``: that have one; ``left_out``: the ``left_out_classes`` of
        :func:`~monai_mocoi.analysis.evaluate_predictions`.
        """
        if self.label not in classes:
            return f"the test images have no class {self.label!r}: choose one of {', '.join(classes)}."
        for own in left_out:
            if own["class"] == self.label:
                counts = f"{own['positives']} positive and {own['negatives']} negative test images"
                return f"the class {self.label!r} of the metric was left out: {counts} ({own['reason']})."
        return f"{self.name} has no value for the class {self.label!r} alone: choose one of {', '.join(measured)}."
