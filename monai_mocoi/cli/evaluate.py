"""``mocoi evaluate``: the full evaluation of a file of predictions."""

import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from monai_mocoi import analysis
from monai_mocoi.cli.reporting import console
from monai_mocoi.data import AGE_BANDS, Predictions, read_columns, read_predictions
from monai_mocoi.errors import UsageError
from monai_mocoi.figures.evaluation import write_evaluation
from monai_mocoi.runs import check_evaluation_folder
from monai_mocoi.runs.product_names import METRICS_NAME, PREDICTIONS_NAME
from monai_mocoi.runs.setting_ranges import check_ranges


def evaluate_and_show(
    predictions: str,
    validation: str | None = None,
    out: str | None = None,
    overwrite: bool = False,
    recalibrate: bool = False,
    target_sensitivity: Sequence[float] = (0.9,),
    target_specificity: Sequence[float] = (0.9,),
    decision_thresholds: Sequence[float] | None = None,
    subgroups: str | None = None,
    age_bands: str | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Evaluate a file of predictions, print the numbers, and write them with their figures; return ``metrics.json``.

    Thresholds, operating points and recalibration are fitted on ``validation``, predictions of the same classifier;
    without it, what needs them has a reason instead. Without ``out`` nothing is written. ``subgroups`` is a CSV table
    of columns; ``age_bands`` a text, "[18, 65]"; ``settings`` are of :class:`~monai_mocoi.analysis.IntervalSettings`.
    """
    targets = {"target_sensitivity": list(target_sensitivity), "target_specificity": list(target_specificity)}
    cuts = None if decision_thresholds is None else list(decision_thresholds)
    bands: Any = list(AGE_BANDS) if age_bands is None else age_bands
    with suppress(ValueError):  # what is no JSON stays a text, which is refused
        bands = json.loads(bands) if age_bands is not None else bands
    check_ranges({**targets, "decision_thresholds": cuts, "age_bands": bands})
    if recalibrate and validation is None:
        raise UsageError("--recalibrate needs predictions on validation images to fit on: give them by --validation.")
    if age_bands is not None and subgroups is None:
        raise UsageError("--age_bands needs ages: give a table that has a column age by --subgroups.")
    if overwrite and out is None:
        raise UsageError("--overwrite is given, but nothing is written: name the folder by --out, or leave it out.")
    if out is not None:
        _check_out(Path(out), Path(predictions), overwrite)
    tested = read_predictions(predictions, name=predictions)
    columns = None if subgroups is None else read_columns(subgroups, tested.images, tested.patients)
    fitted: dict[str, Any] = {}
    thresholds = None
    if validation is not None:
        known = read_predictions(validation, name=validation)
        _check_pair(tested, known)
        thresholds, _ = analysis.chosen_thresholds(known)
        fitted = {
            "recalibration": analysis.fit_recalibration(known),
            "operating_points": analysis.choose_operating_points(known, *targets.values()),
        }
    asked: dict[str, Any] = {"recalibrate": recalibrate, "decision_thresholds": cuts}
    asked |= {"columns": columns, "age_bands": bands, **fitted, **settings}
    report = analysis.evaluate_fully(tested, thresholds, **asked)
    content = {"format": 1, **({"unlabelled_images": tested.unlabelled} if tested.unlabelled else {}), **report}
    if "recalibration" in fitted:
        content["recalibration"] = fitted["recalibration"]
    if out is not None:
        write_evaluation(Path(out), content)
    say = console().print
    warnings = analysis.report_warnings(predictions, content)
    for line in (*analysis.report_lines(predictions, content), *(f"WARNING: {warning}" for warning in warnings)):
        say(line)
    if out is not None:
        say(f"Metrics and figures: {out}")
    return content


def _check_out(folder: Path, predictions: Path, overwrite: bool) -> None:
    if folder.resolve() == predictions.resolve().parent:
        raise UsageError(
            f"--out {folder} is the folder of the predictions, whose metrics.json is of evaluate.json: name another."
        )
    if (folder / PREDICTIONS_NAME).exists():
        raise UsageError(
            f"--out {folder} holds the {PREDICTIONS_NAME} of another evaluation, with which {METRICS_NAME} would be "
            "read. Nothing was changed. Name another folder."
        )
    check_evaluation_folder(folder, overwrite, "--out")


def _check_pair(tested: Predictions, validation: Predictions) -> None:
    if (tested.kind, tested.classes) != (validation.kind, validation.classes):
        raise UsageError(
            f"the two files are not of one classifier: {tested.kind} of {', '.join(tested.classes)}, and "
            f"{validation.kind} of {', '.join(validation.classes)}: give the validation file of the same classifier."
        )
    for what in ("images", "patients"):
        own, others = set(getattr(tested, what)), set(getattr(validation, what))
        if same := len(own & others):
            raise UsageError(
                f"{same} of {len(own)} {what} are in --validation too: what is chosen on the {what} that are reported "
                f"makes them look better. Give predictions on other {what}."
            )
