"""``mocoi baselines``: shortcut baselines of a data set, as predictions, figures and a table."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi import analysis
from monai_mocoi.cli.reporting import console
from monai_mocoi.data import chosen_columns, labelled_part, load_datalist, write_predictions
from monai_mocoi.data.labels import left_out_in_words
from monai_mocoi.demo import resolve_dataset_dir
from monai_mocoi.errors import UsageError
from monai_mocoi.files.atomic_write import write_csv, write_json
from monai_mocoi.own_command import command
from monai_mocoi.runs.product_folders import check_can_be_written
from monai_mocoi.runs.product_names import METRICS_NAME, PREDICTIONS_NAME
from monai_mocoi.runs.provenance import made_by

BASELINES_NAME, TABLE_NAME = "baselines.json", "baselines.csv"


def baselines_and_show(
    dataset: str,
    out: str | None,
    columns: str | None,
    overwrite: bool,
    workers: int | None,
    phantoms: str | None = None,
    **settings: Any,
) -> None:
    """Train and test the baselines of a data set, write them, and print their AUCs.

    "demo" is a data set of ``phantoms``: chest (None), histology or fundus.

    Each has its folder, with ``predictions.csv`` and ``metrics.json``; ``baselines.csv`` and, last, ``baselines.json``
    hold all figures. ``columns`` is a CSV table whose columns replace the datalist's. ``settings`` are of
    :class:`~monai_mocoi.analysis.IntervalSettings`; the seed shuffles the labels, too.
    """
    made = analysis.IntervalSettings(**settings)
    if phantoms is not None and dataset != "demo":
        raise UsageError(f"--phantoms is {phantoms}, but is of the data set demo: leave it out.")
    name = f"demo-{phantoms}" if phantoms not in (None, "chest") else os.path.basename(os.path.abspath(dataset))
    folder = Path(out or os.path.join("runs", f"baselines-{name}"))
    check_can_be_written(folder, "out")
    if (folder / BASELINES_NAME).exists() and not overwrite:
        raise UsageError(f"{folder} already holds baselines: name another folder by --out, or add --overwrite.")
    whole = load_datalist(resolve_dataset_dir(dataset, phantoms or ("chest" if dataset == "demo" else None)))
    datalist = labelled_part(whole)
    counts = {split: len(whole.splits()[split]) - len(items) for split, items in datalist.splits().items()}
    unlabelled = {split: without for split, without in counts.items() if without}
    held = chosen_columns(columns, [item for items in datalist.splits().values() for item in items])
    say = console().print
    (folder / BASELINES_NAME).unlink(missing_ok=True)
    found, left_out = dict[str, dict[str, Any]](), list[dict[str, str]]()
    intervals, warnings = None, []
    for baseline in analysis.shortcut_baselines(datalist, held.values, made.seed, workers):
        if not isinstance(baseline, analysis.Baseline):
            left_out.append({"column": baseline[0], "reason": baseline[1]})
            continue
        report = analysis.evaluate_predictions(baseline.predictions, None, **vars(made))
        intervals, warnings = report["intervals"], analysis.few_patients_in_words(report)
        name = _folder_name(baseline.name, found)
        tested = _tested(baseline, len(datalist.training), made.seed)
        content = {"format": 1, "split": "test", "dataset_sha256": datalist.sha256, "tested": tested, **report}
        own = folder / name
        (own / METRICS_NAME).unlink(missing_ok=True)
        write_predictions(own / PREDICTIONS_NAME, baseline.predictions)
        write_json(own / METRICS_NAME, {**content, **made_by()})
        overall = {metric: report["overall"][metric] for metric in ("macro_auc", "macro_average_precision")}
        found[name] = {**tested, "features": baseline.features, "overall": overall, "classes": report["classes"]}
        if of_all := baseline.shuffles:
            summary = {"mean": float(np.mean(of_all)), "standard_deviation": float(np.std(of_all, ddof=1))}
            found[name]["shuffles"] = {"macro_auc": list(of_all), **summary}
    write_csv(folder / TABLE_NAME, _rows(found))
    known = {"format": 1, "dataset": datalist.name, "dataset_sha256": datalist.sha256, "split": "test"}
    document = {
        **known,
        "columns_of": held.source,
        **({"unlabelled_images": unlabelled} if unlabelled else {}),
        "intervals": intervals,
        "left_out_columns": left_out,
        "baselines": found,
        **made_by(),
    }
    write_json(folder / BASELINES_NAME, document)
    _show(say, document, warnings)
    say(f"Baselines: {folder}")
    say("To set a tested classifier (A) against all of them, give its predictions.csv first:")
    files = [str(folder / name / PREDICTIONS_NAME) for name in found]
    say(f"  {command('compare', 'RUN/evaluation-test/predictions.csv', *files)}")


def _folder_name(name: str, taken: dict[str, Any]) -> str:
    plain = re.sub(r"[^\w-]+", "_", name) or "column"
    while plain in taken:
        plain += "_"
    return plain


def _tested(baseline: analysis.Baseline, images: int, seed: int) -> dict[str, Any]:
    """What is known of the classifier, under the names of a sidecar of finetune.json."""
    fit, by_metric = baseline.fit, baseline.fit.selection == "metric"
    named = {"metric": f"validation {analysis.CHOSEN_BY}"} if by_metric else {}
    return {
        "baseline": baseline.name,
        "sees": baseline.sees,
        "selected": {"rule": fit.selection, "penalty": fit.penalty, "value": fit.score, **named},
        "labelled_images": images,
        "seed": seed,
        **({"validation": {f"validation/{analysis.CHOSEN_BY}": fit.score}} if by_metric else {}),
    }


def _rows(found: dict[str, dict[str, Any]]) -> Iterator[Sequence[Any]]:
    """One row a baseline and class, and one for their mean."""
    yield ["baseline", "sees", "class", "auc", "low", "high"]
    for name, own in found.items():
        aucs = {of_class: numbers["auc"] for of_class, numbers in own["classes"].items() if "auc" in numbers}
        for of_class, number in ({"(mean)": own["overall"]["macro_auc"]} | aucs).items():
            low, high = number["interval"] or ("", "")
            yield [name, own["sees"], of_class, "" if number["value"] is None else number["value"], low, high]


def _show(say: Callable[[str], None], document: dict[str, Any], warnings: list[str]) -> None:
    made, found = document["intervals"], document["baselines"]
    for split, without in document.get("unlabelled_images", {}).items():
        say(left_out_in_words(split, without))
    say(f"{made['images']} test images of {made['patients']} patients; macro AUC, {100 * made['level']:g}% interval")
    width, none = max(map(len, found)), None
    for name, own in found.items():
        number, sees = own["overall"]["macro_auc"], own["sees"]
        if of_all := own.get("shuffles"):
            shown = f"{of_all['mean']:.3f} +- {of_all['standard_deviation']:.3f}"
            sees += f": mean and deviation of {len(of_all['macro_auc'])} shuffles"
        elif number["value"] is None:
            shown, none = "none", number["reason"]
        else:
            shown = analysis.value_in_words(number) + ("" if number["interval"] else " (no interval)")
        say(f"  {name:<{width}}  {shown:<22}  {sees}")
    if none is not None:
        say(f"none: {none}")
    for own_column in document["left_out_columns"]:
        say(f"  no baseline of {own_column['column']}: {own_column['reason']}")
    for line in warnings:
        say(line)
