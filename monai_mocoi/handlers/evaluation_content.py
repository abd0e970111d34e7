"""The content of ``metrics.json`` of an evaluation."""

from __future__ import annotations

import platform
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from monai_mocoi.analysis import evaluate_fully
from monai_mocoi.data import Predictions
from monai_mocoi.runs.provenance import package_versions

if TYPE_CHECKING:
    from monai_mocoi.handlers.evaluation_saver import EvaluationSaver


def evaluation_content(saver: EvaluationSaver, split: str, predictions: Predictions) -> dict[str, Any]:
    """The evaluation of ``predictions`` with a saver's settings, and which classifier it is of, as plain values."""
    classifier, classes = saver.known, predictions.classes
    # The columns of the images that were predicted, in their order.
    row_of = {item["name"]: row for row, item in enumerate(saver.images)} if saver.columns.values else {}
    values = {name: [own[row_of[i]] for i in predictions.images] for name, own in saver.columns.values.items()}
    columns = replace(saver.columns, values=values)
    report = evaluate_fully(
        predictions,
        classifier.thresholds(classes),
        classifier.record("recalibration", classes),
        saver.recalibrated,
        classifier.operating_points(classes, (saver.target_sensitivity, saver.target_specificity)),
        saver.decision_thresholds,
        columns,
        list(saver.age_bands),
        **vars(saver.settings),
    )
    if split == "validation":
        report["operating_points"]["note"] = "The thresholds were chosen on these very images."
    overlap = classifier.overlap(split, Path(saver.dataset_folder), saver.images)
    external = None
    if saver.elsewhere is not None:
        external = classifier.external(saver.elsewhere, predictions, report, saver.dataset_name, saver.dataset)
    unlabelled = 0 if saver.external is None else saver.external.unlabelled
    return {
        "format": 1,
        "split": split,
        "dataset_sha256": saver.dataset_sha256,
        "tested": classifier.tested,
        "skipped_images": [dict(image) for image in saver.skipped_images],
        **({"unlabelled_images": unlabelled} if unlabelled else {}),
        **({} if overlap is None else {"pretraining_overlap": overlap}),
        **report,
        **({} if external is None else {"external": external}),
        "seed": saver.seed,
        "python": platform.python_version(),
        "versions": package_versions(),
    }
