"""Tested classifiers: their predictions, found by a folder, and the distances of their outputs."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.analysis import compare_outputs
from monai_mocoi.data import Datalist, Predictions, read_predictions
from monai_mocoi.errors import PredictionsError
from monai_mocoi.files.atomic_write import write_csv
from monai_mocoi.report.analysed_network import label_of
from monai_mocoi.report.analysis_pictures import AnalysisPictures, distance_rows
from monai_mocoi.report.analysis_request import AnalysisRequest
from monai_mocoi.runs.product_names import DISTANCE_TABLE, METRICS_NAME, PREDICTIONS_NAME, evaluation_name


@dataclass(frozen=True)
class TestedClassifier:
    """Predictions, the name of their folder, and ``tested`` of ``metrics.json`` beside them (empty: there is none)."""

    __test__ = False  # not one of pytest's

    name: str
    predictions: Predictions
    tested: dict[str, Any]

    def about(self) -> dict[str, Any]:
        """Plain values for ``analysis.json``."""
        kept = ("method", "label_fraction", "label_seed", "labelled_images", "stage", "seed", "pretrained_sha256")
        return {"name": self.name, **{name: self.tested[name] for name in kept if name in self.tested}}


def read_tested(place: str | os.PathLike[str], datalist: Datalist, split: str, setting: str) -> TestedClassifier:
    """Read a classifier's predictions of a split of a datalist.

    ``place``: a run folder that ``evaluate.json`` has tested, an evaluation's folder, or a ``predictions.csv``;
    ``setting``: that names the place, for the error. PredictionsError: there are none (code "tested"), they cannot be
    read, or the ``metrics.json`` beside them is of another datalist (code "tested").
    """
    place = Path(place)
    # The own evaluation last: where that alone is there, the error below can say that it is of other images.
    names = (".", evaluation_name(place, datalist.folder, split), f"evaluation-{split}")
    candidates = [place / name / PREDICTIONS_NAME for name in names]
    path = place if place.is_file() else next((path for path in candidates if path.is_file()), None)
    if path is None:
        what = "there is no such folder" if not place.exists() else f"it has no {PREDICTIONS_NAME} of the {split} split"
        raise PredictionsError(
            f"{setting} is {str(place)!r}, but {what}. Give a run folder that was tested on this split, the folder of "
            f"that evaluation, or its {PREDICTIONS_NAME}.",
            code="tested",
        )
    try:
        metrics = dict(json.loads((path.parent / METRICS_NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        metrics = {}
    tested = metrics.get("tested")
    if (of := metrics.get("dataset_sha256")) not in (None, datalist.sha256):
        raise PredictionsError(
            f"{setting}'s {path.parent.name} is of another data set than {datalist.name!r}, which is analysed: by "
            f"{METRICS_NAME} its datalist.json has the SHA-256 {str(of)[:8]}..., not {datalist.sha256[:8]}.... Test "
            "the classifier on this one, or give the other as dataset_dir.",
            code="tested",
        )
    folder = path.resolve().parent
    name = folder.parent.name if folder.name.startswith("evaluation-") else folder.name
    predictions = read_predictions(path, f"{setting}'s {PREDICTIONS_NAME}")
    return TestedClassifier(name, predictions, tested if isinstance(tested, dict) else {})


logger = logging.getLogger(__name__)


def output_distance(
    request: AnalysisRequest, tested: Mapping[str, TestedClassifier], folder: Path, pictures: AnalysisPictures
) -> dict[str, Any]:
    """Compare the outputs of ``few_labels`` and, if there is one, ``all_labels_again`` with those of ``all_labels``."""
    own, few, everything = request.interval_settings, tested["few_labels"], tested["all_labels"]
    settings: dict[str, Any] = {"resamples": own.resamples, "seed": own.seed, "level": own.level}
    found: dict[str, Any] = {name: one.about() for name, one in tested.items()}
    found["distance"] = compare_outputs(few.predictions, everything.predictions, **settings)
    found["reference"] = None
    if again := tested.get("all_labels_again"):
        found["reference"] = compare_outputs(again.predictions, everything.predictions, **settings)
    pairs = {"few_labels": found["distance"], "all_labels_again": found["reference"]}
    made = {name: distance for name, distance in pairs.items() if distance}
    write_csv(folder / DISTANCE_TABLE, distance_rows(made))
    labels = label_of(few.tested, few.name), label_of(everything.tested, everything.name)
    pictures.distance(few.predictions, everything.predictions, found["distance"], labels)
    for name, distance in made.items():
        number = distance["overall"]
        by_chance = f"by chance {number['null']['mean']:.3f}, p {number['p_value']:.2g}"
        logger.info("Kolmogorov-Smirnov distance of %s from all_labels: %.3f (%s)", name, number["value"], by_chance)
    return found
