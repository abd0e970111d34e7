"""``mocoi compare``: files of predictions, or two probings, and their paired differences, in tables and as JSON."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_mocoi import analysis
from monai_mocoi.analysis.comparison import check_metric
from monai_mocoi.cli.compare_tables import show
from monai_mocoi.data import Predictions, read_predictions
from monai_mocoi.errors import ComparisonError, UsageError
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.metrics import holm

_OF_DECISIONS = ("macro_f1", "macro_sensitivity", "macro_specificity")


def compare_and_show(
    first: str, others: Sequence[str], metric: str, json_file: str | None, overwrite: bool, **settings: Any
) -> None:
    """Compare files of predictions with the first, print the differences, and what is known of the classifiers.

    Or two probings (files or their folders): the differences at every stage and label fraction that both have. The
    p-values of several comparisons are corrected by Holm's method. ``settings`` are those of
    :func:`~monai_mocoi.analysis.compare_predictions`.
    """
    check_metric(metric)
    files = [Path(first), *map(Path, others)]
    if overwrite and json_file is None:
        raise UsageError("--overwrite is given, but nothing is written: name the file by --json, or leave it out.")
    if json_file is not None:
        _check_target(Path(json_file), files, overwrite)
    probings = [path for path in map(analysis.find_probing, files) if path is not None]
    if len(probings) == len(files) == 2:
        from monai_mocoi.analysis import compare_probings, read_probing  # they import torch

        compared = compare_probings(read_probing(probings[0]), read_probing(probings[1]), metric, **settings)
        compared = {"format": 1, "first": first, "second": others[0], **compared}
        show(compared)
        if json_file is not None:
            write_json(json_file, compared)
        return
    if probings:
        raise UsageError("give two probings, or two or more predictions.csv: one of these is a probing.")
    # With their folders, because all files have one name mostly.
    arms = [read_predictions(path, name=str(path)) for path in files]
    thresholds: list[dict[str, float] | None] = [None] * len(files)
    if metric in _OF_DECISIONS and arms[0].kind == "multilabel":
        thresholds = [_thresholds_beside(path, metric) for path in files]
    known = [_metrics_of(path, own) for path, own in zip(files, arms, strict=True)]
    results = []
    for second, arm, own_thresholds, metrics in zip(others, arms[1:], thresholds[1:], known[1:], strict=True):
        try:
            result = analysis.compare_predictions(arms[0], arm, metric, thresholds[0], own_thresholds, **settings)
        except ComparisonError as error:
            raise ComparisonError(f"{error} (A: {first}; B: {second})") from error
        notes = analysis.notes_for_the_reader(result, known[0], metrics)
        results.append({"format": 1, "first": first, "second": second, **result, "notes": notes})
    if len(results) > 1:
        adjusted = holm([result["overall"]["p_value"] for result in results])
        for result, p_value in zip(results, adjusted, strict=True):
            result["overall"]["p_value_holm"] = float(p_value)
    for result in results:
        show(result, len(results))
    if json_file is not None:
        content = results[0] if len(results) == 1 else {"format": 1, "first": first, "comparisons": results}
        write_json(json_file, content)


def _check_target(target: Path, files: list[Path], overwrite: bool) -> None:
    if target.is_dir() or any(target.resolve() == path.resolve() for path in files):
        raise UsageError(f"--json {target} is a folder or one of the files compared: name another file.")
    if target.exists() and not overwrite:
        raise UsageError(f"{str(target)!r} exists already: name another file, or add --overwrite.")


def _thresholds_beside(path: Path, metric: str) -> dict[str, float]:
    """Thresholds of the evaluation that wrote the file."""
    beside = path.with_name("metrics.json")
    try:
        thresholds = json.loads(beside.read_text(encoding="utf-8"))["thresholds"]
        return {name: float(value) for name, value in thresholds.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{metric} of findings needs the thresholds that were chosen on validation, and {beside} has none "
            f"({type(error).__name__}). Give the predictions.csv in the folder that evaluate.json wrote, or choose "
            "macro_auc or macro_average_precision, which need none."
        ) from error


def _metrics_of(path: Path, predictions: Predictions) -> dict[str, Any] | None:
    """The ``metrics.json`` beside a file of predictions, if it is of as many images."""
    try:
        metrics = json.loads(path.with_name("metrics.json").read_text(encoding="utf-8"))
        return dict(metrics) if metrics["images"] == len(predictions.images) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
