"""Metric of a comparison: which number of each run, and what it is called."""

from dataclasses import dataclass

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
