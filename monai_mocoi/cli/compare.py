"""``mocoi compare``: files of predictions, or two probings, and their paired differences, in tables and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monai_mocoi.analysis import (
    OVERALL,
    compare_predictions,
    few_patients_in_words,
    find_probing,
    notes_for_the_reader,
    unknown_in_report,
)
from monai_mocoi.data import Predictions, read_predictions
from monai_mocoi.errors import ComparisonError, UsageError
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.metrics import holm

_OF_DECISIONS = ("macro_f1", "macro_sensitivity", "macro_specificity")


def compare_and_show(
    first: str, others: Sequence[str], metric: str, json_file: str | None, overwrite: bool, **settings: Any
) -> None:
    """Compare files of predictions with the first, print the differences, and what is known of the classifiers.

    Or two probings: the differences at every stage and label fraction that both have.

    Args:
        first: a ``predictions.csv`` file; or a ``probing.json``, or a folder that holds one, and so the other.
        others: one or more of the same images. Where there are several, the p-values of their overall differences are
            corrected together by Holm's method.
        metric: a name of :data:`~monai_mocoi.analysis.OVERALL`.
        json_file: where to write the result too; None: nowhere.
        overwrite: replace that file.
        settings: of :func:`~monai_mocoi.analysis.compare_predictions`.

    Raises:
        UsageError: an unknown metric, a JSON file that exists already or would replace a file compared, or thresholds
            that are needed and not there.
        PredictionsError, ComparisonError, EvaluationError: see the functions called.
    """
    if metric not in OVERALL:
        raise UsageError(f"there is no metric {metric!r}: choose one of {', '.join(OVERALL)}.")
    files = [Path(first), *map(Path, others)]
    if json_file is not None:
        _check_target(Path(json_file), files, overwrite)
    probings = [path for path in map(find_probing, files) if path is not None]
    if len(probings) == len(files) == 2:
        from monai_mocoi.analysis import compare_probings, read_probing  # they import torch

        compared = compare_probings(read_probing(probings[0]), read_probing(probings[1]), metric, **settings)
        compared = {"format": 1, "first": first, "second": others[0], **compared}
        _show_probings(compared)
        if json_file is not None:
            write_json(json_file, compared)
        return
    if probings:
        raise UsageError("give two probings, or two or more predictions.csv: one of these is a probing.")
    # With their folders, for all files have one name mostly.
    arms = [read_predictions(path, name=str(path)) for path in files]
    thresholds: list[dict[str, float] | None] = [None] * len(files)
    if metric in _OF_DECISIONS and arms[0].kind == "multilabel":
        thresholds = [_thresholds_beside(path, metric) for path in files]
    known = [_metrics_of(path, own) for path, own in zip(files, arms, strict=True)]
    results = []
    for second, arm, own_thresholds, metrics in zip(others, arms[1:], thresholds[1:], known[1:], strict=True):
        try:
            result = compare_predictions(arms[0], arm, metric, thresholds[0], own_thresholds, **settings)
        except ComparisonError as error:
            raise ComparisonError(f"{error} (A: {first}; B: {second})") from error
        notes = notes_for_the_reader(result, known[0], metrics)
        results.append({"format": 1, "first": first, "second": second, **result, "notes": notes})
    if len(results) > 1:
        adjusted = holm([result["overall"]["p_value"] for result in results])
        for result, p_value in zip(results, adjusted, strict=True):
            result["overall"]["p_value_holm"] = float(p_value)
    for result in results:
        _show(result, len(results))
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
        return {str(name): float(value) for name, value in thresholds.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{metric} of findings needs the thresholds that were chosen on validation, and {beside} has none "
            f"({type(error).__name__}). Give the predictions.csv in the folder that evaluate.json wrote, or choose "
            "macro_auc, macro_average_precision or calibration_error, which need none."
        ) from error


def _metrics_of(path: Path, predictions: Predictions) -> dict[str, Any] | None:
    """The ``metrics.json`` beside a file of predictions, if it is of as many images."""
    try:
        metrics = json.loads(path.with_name("metrics.json").read_text(encoding="utf-8"))
        return dict(metrics) if metrics["images"] == len(predictions.images) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _show(result: Mapping[str, Any], comparisons: int) -> None:
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    made = result["intervals"]
    _say_what(console, result)
    rows = [(result["metric"], result["overall"]), *result["classes"].items()]
    cells = [_cells(name, difference) for name, difference in rows]
    header: tuple[str, ...] = ("", "A", "B", "B - A", f"{made['level']:.0%} interval", "p")
    if len(result["classes"]) > 1 or comparisons > 1:
        header = (*header, "by Holm")
        cells = [(*own, _by_holm(difference)) for own, (_, difference) in zip(cells, rows, strict=True)]
    _table(console, header, cells)
    _say_how(console, made)
    if len(result["classes"]) > 1:
        console.print(f"By Holm: the classes' p-values, corrected for their number, {len(result['classes'])}.")
    if comparisons > 1:
        console.print(f"By Holm: the p-value of {result['metric']}, corrected for {comparisons} comparisons with A.")
    for name, difference in rows:
        if "note" in difference:
            console.print(f"{name}: {difference['note']}")
    _say_of_classes(console, result)
    console.print()
    for line in result["notes"]:
        console.print(line)
    if comparisons > 1:
        console.print()


def _show_probings(result: Mapping[str, Any]) -> None:
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    made = result["intervals"]
    _say_what(console, result)
    rows = [(f"stage {cell['stage']}, {cell['label_fraction']:g} of the labels", cell) for cell in result["cells"]]
    header: tuple[str, ...] = ("", "draws", "A", "B", "B - A", f"{made['level']:.0%} interval", "p")
    cells = [(name, str(cell["draws"]), *_cells(name, cell)[1:]) for name, cell in rows]
    if len(rows) > 1:
        header = (*header, "by Holm")
        cells = [(*own, _by_holm(cell)) for own, (_, cell) in zip(cells, rows, strict=True)]
    _table(console, header, cells)
    _say_how(console, made)
    if len(rows) > 1:
        console.print(f"By Holm: the p-values corrected for their number, {len(rows)}.")
    console.print(
        "A and B are means over the draws of labels, the same in both. Interval and p-value hold the chance in drawing "
        "test patients, not that in drawing labels, nor that of another pretraining."
    )
    for name, cell in rows:
        if "note" in cell:
            console.print(f"{name}: {cell['note']}")
    _say_of_classes(console, result)


def _say_what(console: Console, result: Mapping[str, Any]) -> None:
    console.print(f"A: {result['first']}\nB: {result['second']}")
    console.print(f"{result['images']} images of {result['patients']} patients, the same in both; {result['metric']}")


def _table(console: Console, header: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    if console.is_terminal:
        table = Table(box=None)
        for i, name in enumerate(header):
            table.add_column(name, justify="left" if i == 0 else "right")
        for row in cells:
            table.add_row(*map(Text, row))
        console.print(table)
    else:
        widths = [max(len(row[i]) for row in (header, *cells)) for i in range(len(header))]
        for row in (header, *cells):
            line = "  ".join(c.rjust(w) if i else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
            console.print(line.rstrip())


def _say_how(console: Console, made: Mapping[str, Any]) -> None:
    redrawn = f", {made['redrawn']} redrawn" if made["redrawn"] else ""
    console.print(
        f"Paired, over patients: {made['method']}, {made['resamples']} resamples{redrawn}, seed {made['seed']}."
    )


def _say_of_classes(console: Console, result: Mapping[str, Any]) -> None:
    for line in (*unknown_in_report(result), *few_patients_in_words(result)):
        console.print(line)
    for left_out in result["left_out_classes"]:
        console.print(
            f"Not scored: {left_out['class']} ({left_out['positives']} positive, {left_out['negatives']} negative "
            f"images: {left_out['reason']})"
        )


def _by_holm(difference: Mapping[str, Any]) -> str:
    return f"{difference['p_value_holm']:.3g}" if "p_value_holm" in difference else ""


def _cells(name: str, difference: Mapping[str, Any]) -> tuple[str, ...]:
    low, high = difference["interval"]
    return (
        name,
        f"{difference['first']:.3f}",
        f"{difference['second']:.3f}",
        f"{difference['value']:+.3f}",
        f"{low:+.3f} to {high:+.3f}",
        f"{difference['p_value']:.3g}",
    )
