"""Floors of a study: what colour alone, and raw pixels, tell of the labels at each share of them, and who is above.

A floor is a linear evaluation of features that no network made (docs/baselines.md), with the labelled images of the
study's draws, chosen and tested as an encoder is: by the metric and the validation images of the study's own linear
evaluations. Principal components of the pixels are fitted on all training images: they need no labels, as no
pretraining does. The differences are as in the report, but outside of its correction by Holm's method: each says
whether one arm is above one floor.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi.analysis import LinearEvaluation
from monai_mocoi.analysis.baselines import CHOSEN_BY, COLOUR, PIXELS
from monai_mocoi.analysis.shortcut_features import Features, picture_features, pixel_components
from monai_mocoi.data import Datalist, LabelSubset, Predictions, label_array, label_kind, load_datalist
from monai_mocoi.data.label_fraction import label_subset
from monai_mocoi.data.labels import labelled_part
from monai_mocoi.errors import MocoiError
from monai_mocoi.metrics import selection_metric
from monai_mocoi.study_report import Cell, Comparison, Finding, StudyResults, finding
from monai_mocoi.study_report.compared_cells import compare_cells
from monai_mocoi.study_report.study_results import within
from monai_mocoi.study_report.tested_run import TestedRun

COLUMNS: tuple[str, ...] = ("dataset", "label_fraction", "floor", "arm", "value", "low", "high", "p_value")
COLUMNS += ("runs", "runs_asked", "finding")
"""``arm`` is empty in the row of the floor itself; else the value is that of the arm less the floor."""
ALIKE = {"metric": CHOSEN_BY, "validation_labels": "same", "class_weighting": False}
"""Settings of a linear evaluation that decide how its classifier is chosen, with their usual values."""
STAGE = "4"


def write_floors(results: StudyResults, tables: Path) -> None:
    """Write ``floors.csv``; of a data set that is not on this machine, or was changed, nothing, which is said."""
    rows: list[list[Any]] = []
    for planned in results.found.plan.datasets if results.found.plan else ():
        if planned.id not in results.sets:
            continue
        try:
            datalist = load_datalist(planned.dataset_dir)
        except MocoiError:
            print(f"no floors of {planned.id}: its folder is not here", file=sys.stderr)
            continue
        if datalist.sha256 != results.sha_of(planned.id):
            print(f"no floors of {planned.id}: its folder is not the one that was tested", file=sys.stderr)
            continue
        chosen = chosen_as(results, planned.id)
        if isinstance(chosen, str):
            print(f"no floors of {planned.id}: {chosen}", file=sys.stderr)
            continue
        rows += floors_of(results, planned.id, labelled_part(datalist), chosen)
    if rows:
        with (tables / "floors.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


def chosen_as(results: StudyResults, dataset: str) -> Mapping[str, Any] | str:
    """How the study's linear evaluations are chosen (``ALIKE``), as they recorded it; or why no floor is like them."""
    found, of = results.found, []
    for node in found.plan.nodes if found.plan else ():
        path = found.root / node.run_dir / "linear.json"
        if node.kind == "linear" and node.dataset == dataset and path.is_file():
            settings = json.loads(path.read_text(encoding="utf-8"))["settings"]
            of.append({name: settings.get(name, usual) for name, usual in ALIKE.items()})
    if any(own != of[0] for own in of):
        return f"its arms were not chosen in one way ({', '.join(ALIKE)})"
    if of and of[0]["class_weighting"]:
        return "its arms have class_weighting, which a floor does not have"
    return of[0] if of else ALIKE


def floors_of(
    results: StudyResults, dataset: str, datalist: Datalist, chosen: Mapping[str, Any] = ALIKE
) -> Iterator[list[Any]]:
    """The rows of one data set: each floor at each share of the labels, and each arm less the floor."""
    plan, test = results.found.plan, results.sets[dataset]
    assert plan is not None
    colours, pixels = picture_features(datalist, None)
    for floor, features in ((COLOUR, colours), (PIXELS, pixel_components(pixels))):
        for fraction in sorted(plan.fractions):
            cell = Cell((dataset, "linear", fraction, STAGE, floor))
            for draw in plan.label_seeds[: 1 if fraction == 1 else None]:
                subset = label_subset(datalist, fraction, draw, chosen["validation_labels"])
                run = run_of(dataset, floor, fraction, draw, subset)
                cell.runs.append(test.measure(run, tested(datalist, subset, features, chosen["metric"])))
                cell.asked.append((draw, ""))
            mean = cell.number()
            assert mean is not None
            trouble = Finding.TOO_FEW.value if test.few_patients else "" if mean.varies else Finding.NO_VARIATION.value
            counts = len(cell.runs), len(cell.expected)
            yield [dataset, fraction, floor, "", *map(repr, within(mean)), "", *counts, trouble]
            for arm in results.arms:
                if own := results.cells.get((dataset, "linear", fraction, STAGE, arm)):
                    yield [dataset, fraction, floor, arm, *_less(compare_cells(own, cell, test, results.metric))]


def _less(made: Comparison) -> tuple[Any, ...]:
    """An arm less a floor, how many runs that is made of, and what it shows."""
    own = made.difference
    numbers = map(repr, (own.value, own.low, own.high, own.p_value)) if own else [""] * 4
    return *numbers, len(made.runs), made.asked, finding(made).value


def run_of(dataset: str, floor: str, fraction: float, draw: int, subset: LabelSubset) -> TestedRun:
    """A floor in the form of a tested run."""
    own = ("floors", Path(), "test", dataset, floor, "linear", fraction, draw, "", STAGE, {"tested": {}})
    return TestedRun(*own, labelled=subset.sha256)


def tested(datalist: Datalist, subset: LabelSubset, features: Features, metric: str) -> Predictions:
    """Fit on the labelled images of a draw, choose the penalty on its validation images, and predict the test."""
    kind, names, parts = label_kind(datalist), datalist.labels, {}
    for split in ("training", "validation"):
        row_of = {item["name"]: row for row, item in enumerate(datalist.splits()[split])}
        items = subset.datalist.splits()[split]
        rows = np.array([row_of[item["name"]] for item in items], dtype=int)
        labels = label_array(items) if items else label_array(datalist.training)[:0]
        parts[split] = features[split][rows], labels
    evaluation = LinearEvaluation(kind, len(names), partial(selection_metric, metric, kind), subset.selection)
    fit = evaluation.fit(*parts["training"], *parts["validation"])
    items = datalist.test
    images, patients = (tuple(item[name] for item in items) for name in ("name", "patient"))
    return Predictions(images, patients, names, kind, label_array(items), fit.probabilities(features["test"], kind))
