"""Parts of a probing: draws of labels, the images with features, means over the draws, and stages compared."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.comparison import add_holm, differences
from monai_mocoi.analysis.interval_numbers import numbers
from monai_mocoi.analysis.interval_settings import IntervalSettings
from monai_mocoi.analysis.resampled_images import OVERALL
from monai_mocoi.data import Datalist, Predictions, label_array
from monai_mocoi.data.label_fraction import LabelSubset, label_subset
from monai_mocoi.errors import DatasetError
from monai_mocoi.metrics import Bootstrapped


def probing_draws(
    datalist: Datalist, label_fractions: Sequence[float], label_seeds: Sequence[int], validation_labels: str = "same"
) -> list[LabelSubset]:
    """Draw the labelled images of every fraction and seed, by fraction from small to large, then by seed.

    A fraction of 1 is drawn once, with the first seed, and so is any other whose seeds give the same images. Fractions
    are in (0, 1], seeds 0 or more; ``validation_labels``, errors: :func:`~monai_mocoi.data.label_subset`.
    """
    if not label_fractions or not label_seeds:
        raise DatasetError("probing needs one or more label_fractions and label_seeds, such as [0.01, 0.1, 1] and [1].")
    draws: dict[tuple[float, str], LabelSubset] = {}
    for fraction in sorted(set(label_fractions)):
        for seed in label_seeds[:1] if fraction == 1 else label_seeds:
            subset = label_subset(datalist, fraction, seed, validation_labels)
            draws.setdefault((fraction, subset.sha256), subset)
    return list(draws.values())


class ProbedSplit:
    """The images of a split that have features."""

    def __init__(
        self,
        name: str,
        datalist: Datalist,
        features: Mapping[str, Mapping[int, NDArray[np.float32]]],
        rows: Mapping[str, Sequence[int]] | None,
    ) -> None:
        items = datalist.splits()[name]
        self.items = [items[row] for row in (rows[name] if rows is not None and name in rows else range(len(items)))]
        none = {} if self.items else {stage: values[:0] for stage, values in features["training"].items()}
        self.features = features.get(name, none)
        counts = {stage: len(values) for stage, values in self.features.items()}
        if not counts or set(counts.values()) != {len(self.items)}:
            raise DatasetError(
                f"the features of the {name} split are of {sorted(set(counts.values())) or 'no'} images, but the "
                f"datalist has {len(self.items)} of them: compute them of the same images."
            )
        self.place = {item["name"]: row for row, item in enumerate(self.items)}
        without = not self.items or (name == "validation" and "label" not in self.items[0])
        self.labels = np.zeros(0, np.int64) if without else label_array(self.items)

    def found(self, items: Sequence[Mapping[str, Any]]) -> NDArray[np.int64]:
        """The rows of those of the items that have features."""
        return np.array([self.place[item["name"]] for item in items if item["name"] in self.place], dtype=np.int64)

    def predictions(
        self,
        classes: Sequence[str],
        kind: str,
        kept: NDArray[np.int64] | None = None,
        probabilities: NDArray[np.float64] | None = None,
    ) -> Predictions:
        """Of some of the images, or of all; without probabilities they are all 0."""
        chosen = np.arange(len(self.items)) if kept is None else kept
        labels = self.labels[chosen].reshape((-1, len(classes)) if kind == "multilabel" else -1)
        return Predictions(
            tuple(self.items[row]["name"] for row in chosen),
            tuple(self.items[row]["patient"] for row in chosen),
            tuple(classes),
            kind,
            labels,
            np.zeros((len(chosen), len(classes))) if probabilities is None else probabilities,
        )


LAST_STAGE = 4  # each stage is compared with it: it is what fine-tuning, and most users of an encoder, take


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
                number = numbers(mean, settings, metric)[0]
            else:  # why, each cell says in the same words
                value = None if None in values else float(np.mean(values))
                number = {**own[0]["metrics"][metric], "value": value}
            several = len(own) > 1 and None not in values
            spread = {"lowest": min(values), "highest": max(values)} if several else {"lowest": None, "highest": None}
            metrics[metric] = {**number, **spread}
        images = [cell["labelled_images"] for cell in own]
        row = {"stage": stage, "label_fraction": fraction, "draws": len(own)}
        summary.append({**row, "labelled_images": [min(images), max(images)], "metrics": metrics})
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
