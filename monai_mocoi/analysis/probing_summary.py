"""Summary of a probing: means over the draws of labels, and each stage beside the last one."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from monai_mocoi.analysis.comparison import add_holm, differences
from monai_mocoi.analysis.interval_settings import IntervalSettings, numbers
from monai_mocoi.analysis.resampled_images import OVERALL
from monai_mocoi.metrics import Bootstrapped

LAST_STAGE = 4
"""Each stage is compared with it: it is what fine-tuning, and most users of an encoder, take."""


def by_fraction_and_stage(cells: Sequence[Mapping[str, Any]]) -> dict[tuple[float, int | str], list[Mapping[str, Any]]]:
    """The cells of each fraction and stage, from the smallest fraction; the stages in their order."""
    groups: dict[tuple[float, int | str], list[Mapping[str, Any]]] = {}
    for cell in sorted(cells, key=lambda cell: cell["label_fraction"]):  # stable: the stages keep their order
        groups.setdefault((cell["label_fraction"], cell["stage"]), []).append(cell)
    return groups


def _mean(
    cells: Sequence[Mapping[str, Any]], measured: Mapping[str, Mapping[str, Bootstrapped]], metric: str
) -> Bootstrapped | None:
    found = [measured[cell["name"]].get(metric) for cell in cells]
    return None if None in found else Bootstrapped.mean_of([own for own in found if own is not None])


def summary_of(
    cells: Sequence[Mapping[str, Any]], measured: Mapping[str, Mapping[str, Bootstrapped]], settings: IntervalSettings
) -> list[dict[str, Any]]:
    """The ``summary`` of :func:`~monai_mocoi.analysis.probe_stages`, of its cells and their bootstrapped metrics."""
    summary = []
    for (fraction, stage), own in by_fraction_and_stage(cells).items():
        metrics = {}
        for metric in OVERALL:
            values = [cell["metrics"][metric]["value"] for cell in own]
            if (mean := _mean(own, measured, metric)) is not None:
                number = numbers(mean, settings)[0]
            else:  # why, each cell says in the same words
                value = None if None in values else float(np.mean(values))
                number = {**own[0]["metrics"][metric], "value": value}
            several = len(own) > 1 and None not in values
            spread = {"lowest": min(values), "highest": max(values)} if several else {"lowest": None, "highest": None}
            metrics[metric] = {**number, **spread}
        images = [cell["labelled_images"] for cell in own]
        summary.append(
            {
                "stage": stage,
                "label_fraction": fraction,
                "draws": len(own),
                "labelled_images": [min(images), max(images)],
                "metrics": metrics,
            }
        )
    return summary


def against_last(
    cells: Sequence[Mapping[str, Any]],
    measured: Mapping[str, Mapping[str, Bootstrapped]],
    metric: str,
    settings: IntervalSettings,
) -> list[dict[str, Any]]:
    """Each stage less the last one, fraction by fraction."""
    groups, found = by_fraction_and_stage(cells), []
    for (fraction, stage), own in groups.items():
        if stage == LAST_STAGE or (fraction, LAST_STAGE) not in groups:
            continue
        last, mean = (_mean(part, measured, metric) for part in (groups[fraction, LAST_STAGE], own))
        if last is not None and mean is not None:
            where = {"stage": stage, "than": LAST_STAGE, "label_fraction": fraction}
            found.append({**where, **differences(last, mean, settings)[0]})
    add_holm(found)
    return found


def table_rows(summary: Sequence[Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    """The summary as a table, a row for each fraction, stage and metric."""
    names = ("value", "low", "high", "lowest_draw", "highest_draw")
    yield ["label_fraction", "stage", "draws", "metric", *names]
    for row in summary:
        for metric, number in row["metrics"].items():
            values = [number["value"], *(number["interval"] or [None, None]), number["lowest"], number["highest"]]
            shown = ["" if value is None else repr(value) for value in values]
            yield [f"{row['label_fraction']:g}", row["stage"], row["draws"], metric, *shown]
