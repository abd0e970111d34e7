"""Output distances of an analysis: a classifier of few labels, and another seed, from one of all labels."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.analysis import compare_outputs
from monai_mocoi.files.atomic_write import write_csv
from monai_mocoi.report.analysed_network import label_of
from monai_mocoi.report.analysis_pictures import AnalysisPictures
from monai_mocoi.report.analysis_request import AnalysisRequest
from monai_mocoi.report.analysis_tables import distance_rows
from monai_mocoi.report.tested_classifier import TestedClassifier
from monai_mocoi.runs.product_names import DISTANCE_TABLE

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
