"""What a classifier said of a split, found by the folder of its run or of its evaluation."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.data import Predictions, PredictionsError, read_predictions
from monai_mocoi.handlers.evaluation_folder import METRICS_NAME, PREDICTIONS_NAME


@dataclass(frozen=True)
class TestedClassifier:
    """Predictions and what is known of whose they are.

    Attributes:
        name: of its folder.
        predictions: as they are.
        tested: of ``metrics.json`` beside them: method, label fraction and more; empty where there is none.
    """

    __test__ = False  # not one of pytest's

    name: str
    predictions: Predictions
    tested: dict[str, Any]

    def about(self) -> dict[str, Any]:
        """Plain values for ``analysis.json``."""
        kept = ("method", "label_fraction", "label_seed", "labelled_images", "stage", "seed", "pretrained_sha256")
        return {"name": self.name, **{name: self.tested[name] for name in kept if name in self.tested}}


def read_tested(place: str | os.PathLike[str], split: str, setting: str) -> TestedClassifier:
    """Read a classifier's predictions.

    Args:
        place: a run folder that ``evaluate.json`` has tested, an evaluation's folder, or a ``predictions.csv``.
        split: of the evaluation, where a run folder is given.
        setting: that names the place, for the error.

    Raises:
        PredictionsError: there are none, or they cannot be read.
    """
    place = Path(place)
    candidates = [place / PREDICTIONS_NAME, place / f"evaluation-{split}" / PREDICTIONS_NAME]
    path = place if place.is_file() else next((path for path in candidates if path.is_file()), None)
    if path is None:
        what = "there is no such folder" if not place.exists() else f"it has no {PREDICTIONS_NAME} of the {split} split"
        raise PredictionsError(
            f"{setting} is {str(place)!r}, but {what}. Give a run folder that was tested by `mocoi run "
            f".../evaluate.json --split {split} --run_dir RUN`, the folder of that evaluation, or its "
            f"{PREDICTIONS_NAME}."
        )
    try:
        tested = json.loads((path.parent / METRICS_NAME).read_text(encoding="utf-8"))["tested"]
    except (OSError, ValueError, KeyError, TypeError):
        tested = {}
    folder = path.resolve().parent
    name = folder.parent.name if folder.name.startswith("evaluation-") else folder.name
    return TestedClassifier(name, read_predictions(path, f"{setting}'s {PREDICTIONS_NAME}"), tested)
