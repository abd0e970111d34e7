"""Layer-wise probing: how well a linear classifier reads the labels off each of an encoder's four stages."""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.analysis.comparison import differences
from monai_mocoi.analysis.decision_thresholds import chosen_thresholds
from monai_mocoi.analysis.evaluation import (
    OVERALL,
    IntervalSettings,
    choose_classes,
    decisions,
    describe_choice,
    draw_patients,
    evaluate_predictions,
    numbers,
    patient_numbers,
    prepare,
    why_not,
)
from monai_mocoi.analysis.linear_evaluation import PENALTIES, LinearEvaluation, LinearFit
from monai_mocoi.analysis.probing_place import PROBING_NAME
from monai_mocoi.analysis.stage_features import features_of
from monai_mocoi.data import Datalist, Predictions, label_array, label_kind, write_predictions
from monai_mocoi.data.label_fraction import LabelSubset, label_subset
from monai_mocoi.data.parallel import progress_bar
from monai_mocoi.errors import DatasetError, EvaluationError
from monai_mocoi.files.atomic_write import write_bytes, write_json
from monai_mocoi.losses import class_probabilities
from monai_mocoi.metrics import SELECTION_METRICS, Bootstrapped, PatientResamples, ScoredClasses, holm, selection_metric
from monai_mocoi.networks.stage_choice import STAGES_AND_ALL, stages_of

TABLE_NAME = "probing.csv"
LAST_STAGE = 4
"""Each stage is set against it: it is what fine-tuning, and most users of an encoder, take."""
_SPLITS = ("training", "validation", "test")

logger = logging.getLogger(__name__)


def probing_draws(
    datalist: Datalist, label_fractions: Sequence[float], label_seeds: Sequence[int], validation_labels: str = "same"
) -> list[LabelSubset]:
    """Draw the labelled images of every fraction and seed: the same as ``finetune.json`` draws.

    A fraction of 1 is drawn once, with the first seed, and so is any other whose seeds give the same images.

    Args:
        datalist: the whole one, with labels.
        label_fractions: each above 0 and at most 1; a fraction given twice counts once.
        label_seeds: each 0 or more.
        validation_labels: see :func:`~monai_mocoi.data.label_subset`.

    Returns:
        the subsets, by fraction from small to large, then by seed in the order given.

    Raises:
        DatasetError: no fraction, no seed, or what :func:`~monai_mocoi.data.label_subset` refuses.
    """
    if not label_fractions or not label_seeds:
        raise DatasetError("probing needs one or more label_fractions and label_seeds, such as [0.01, 0.1, 1] and [1].")
    draws: dict[tuple[float, str], LabelSubset] = {}
    for fraction in sorted(set(label_fractions)):
        for seed in label_seeds[:1] if fraction == 1 else label_seeds:
            subset = label_subset(datalist, fraction, seed, validation_labels)
            draws.setdefault((fraction, subset.sha256), subset)
    return list(draws.values())


def probe_stages(
    features: Mapping[str, Mapping[int, NDArray[np.float32]]],
    datalist: Datalist,
    draws: Sequence[LabelSubset],
    metric: str = "macro_auc",
    stages: Sequence[int | str] = STAGES_AND_ALL,
    rows: Mapping[str, Sequence[int]] | None = None,
    folder: str | Path | None = None,
    about: Mapping[str, Any] | None = None,
    penalties: Sequence[float] = PENALTIES,
    progress: bool = True,
    **settings: Any,
) -> dict[str, Any]:
    """Fit a linear classifier on every stage with every draw of labels, and test it (fault A17).

    One forward pass serves all cells: the features are computed before, by
    :func:`~monai_mocoi.analysis.pooled_features`. A cell is what ``finetune.json --trainable head --stage s
    --label_fraction f --label_seed l`` and then ``evaluate.json`` give: the penalty and the thresholds are chosen on
    the validation images of the draw, by the metric or as few images allow
    (:class:`~monai_mocoi.data.selection_rule.SelectionRule`), and the metrics are of the test images, which choose
    nothing. All cells are measured on the same resamples of the test patients, so that they can be set against each
    other.

    Args:
        features: of the splits ``training``, ``validation`` and ``test``, by stage, ``(images, channels)``.
            ``validation`` may be missing where that split is empty.
        datalist: the whole one, with labels.
        draws: of :func:`probing_draws`.
        metric: what penalties are chosen by, and what ``differences`` are of: one of
            :data:`~monai_mocoi.metrics.SELECTION_METRICS`.
        stages: which to probe, of 1 to 4 and "all" (the features of the four side by side).
        rows: by split, the position in the datalist of each row of the features, where some images could not be read
            (``ImageDataset.rows``); None: all images are there.
        folder: where to write ``probing.json``, ``probing.csv`` (the summary) and for each cell
            ``s<stage>-f<fraction>-l<label seed>/predictions.csv``; None: nowhere.
        about: plain values on the encoder, kept as ``encoder``.
        penalties: the grid, see :class:`~monai_mocoi.analysis.LinearEvaluation`.
        progress: show a progress bar.
        settings: of :class:`~monai_mocoi.analysis.IntervalSettings`, by name.

    Returns:
        plain values, without NaN, as JSON takes them::

            {"format", "encoder", "dataset_sha256", "metric", "kind", "classes", "stages", "validation_labels",
             "images", "patients", "intervals", "min_positives", "min_negatives", "scored_classes", "few_patients",
             "left_out_classes",
             "cells": [{"name", "stage", "label_fraction", "label_seed", "labelled_images", "validation_images",
                        "labelled_sha256", "penalty", "edge", "selection", "validation_score", "constant_classes",
                        "thresholds", "metrics": {"macro_auc": NUMBER, ...}}],
             "summary": [{"stage", "label_fraction", "draws", "labelled_images": [fewest, most],
                          "metrics": {"macro_auc": {"value", "interval", "lowest", "highest"}, ...}}],
             "differences": [{"stage", "than", "label_fraction", "first", "second", "value", "interval", "p_value",
                              "p_value_holm"}]}

        A NUMBER is that of :func:`~monai_mocoi.analysis.evaluate_predictions`. In the summary ``value`` is the mean
        over the draws, and ``interval`` is over the test patients at these draws: it holds nothing of the chance in
        drawing labels, of which ``lowest`` and ``highest``, the least and the largest value of a draw, speak (None for
        one draw). A difference is of ``metric``, stage less stage 4 (``first``), of the means over the draws; their
        p-values are corrected together by Holm's method.

    Raises:
        DatasetError: no test images, or features that do not fit the datalist.
        EvaluationError: a setting out of range, or an unknown metric.
        ValueError: an unknown stage.
    """
    made = IntervalSettings(**settings)
    if metric not in SELECTION_METRICS:
        raise EvaluationError(f"metric is {metric!r}; choose one of {', '.join(SELECTION_METRICS)}.")
    if not draws or not stages:
        raise EvaluationError("probing needs one or more draws of labels and one or more stages.")
    stages = [stage for stage in STAGES_AND_ALL if stage in {own for own in stages if stages_of(own)}]
    sets = {split: _Split(split, datalist, features, rows) for split in _SPLITS}
    if not len(sets["test"].items):
        raise DatasetError("probing needs test images with labels, and this data set has none: prepare it with some.")
    kind, classes = label_kind(datalist), datalist.labels
    evaluation_of = {
        rule: LinearEvaluation(
            kind, len(classes), lambda truth, said: selection_metric(metric, kind, truth, said), rule, penalties
        )
        for rule in {draw.selection for draw in draws}
    }
    test = Measured(sets["test"].predictions(classes, kind), made)
    cells, measured = [], {}
    with progress_bar(len(stages) * len(draws), "probing", progress) as bar:
        for stage in stages:
            train, validation, tested = (features_of(sets[split].features, stage) for split in _SPLITS)
            for draw in draws:
                labelled, chosen_on = (sets[split].found(getattr(draw.datalist, split)) for split in _SPLITS[:2])
                held = sets["training"].labels[labelled], sets["validation"].labels[chosen_on]
                fit = evaluation_of[draw.selection].fit(
                    train[labelled], held[0], validation[chosen_on], held[1] if len(chosen_on) else None
                )
                said = probabilities_of_layer(fit, validation[chosen_on], kind)
                thresholds, _ = chosen_thresholds(sets["validation"].predictions(classes, kind, chosen_on, said))
                predictions = sets["test"].predictions(classes, kind, None, probabilities_of_layer(fit, tested, kind))
                name = cell_name(stage, draw.record["label_fraction"], draw.record["label_seed"])
                metrics, measured[name] = test.of(predictions, thresholds)
                cells.append(_describe_cell(name, stage, draw, fit, thresholds, metrics, len(labelled), len(chosen_on)))
                if folder is not None:
                    write_predictions(Path(folder) / name / "predictions.csv", predictions)
                bar.update(1)
    summary = _summary(cells, measured, made)
    result = {
        "format": 1,
        "encoder": dict(about or {}),
        "dataset_sha256": datalist.sha256,
        "metric": metric,
        "kind": kind,
        "classes": list(classes),
        "stages": list(stages),
        "validation_labels": draws[0].record["validation_labels"],
        "images": len(test.blank.images),
        "patients": len(set(test.blank.patients)),
        "intervals": made.describe(test.blank, test.draw),
        **describe_choice(test.blank, test.chosen, made),
        "cells": cells,
        "summary": summary,
        "differences": _against_last(cells, measured, metric, made),
    }
    if folder is not None:
        write_bytes(Path(folder) / TABLE_NAME, _table(summary).encode())
        write_json(Path(folder) / PROBING_NAME, result)
    return result


def cell_name(stage: int | str, label_fraction: float, label_seed: int) -> str:
    """``s1-f0.1-l1``: the folder of a cell, as in the name of a run of ``finetune.json``."""
    return f"s{stage}-f{label_fraction:g}-l{label_seed}"


def probabilities_of_layer(fit: LinearFit, features: NDArray[np.float32], kind: str) -> NDArray[np.float64]:
    """What the classifier says whose linear layer, in float32, is the fit: ``(images, classes)``."""
    weight, bias = (torch.from_numpy(own).float() for own in (fit.weight, fit.bias))
    logits = torch.nn.functional.linear(torch.from_numpy(np.ascontiguousarray(features)).float(), weight, bias)
    return class_probabilities(logits.double(), kind).numpy()


class _Split:
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


class Measured:
    """The test images, with one draw of resamples for all that is said of them.

    Args:
        blank: the images, patients and labels; its probabilities are not looked at.
        settings: of the intervals.
    """

    draw: PatientResamples | None

    def __init__(self, blank: Predictions, settings: IntervalSettings) -> None:
        self.blank, self.settings = blank, settings
        self.patients = patient_numbers(blank)
        self.chosen: ScoredClasses = choose_classes(blank, settings)
        self.draw, self.trouble = draw_patients(blank, self.chosen, settings)

    def bootstrapped(
        self, predictions: Predictions, thresholds: Mapping[str, float] | None, metric: str
    ) -> tuple[Bootstrapped | None, str | None]:
        """A number for all classes together, by its name in ``OVERALL``, on the resamples; or None, and why."""
        decided = decisions(predictions, thresholds)
        if reason := why_not(OVERALL[metric], self.chosen, decided) or self.trouble:
            return None, reason
        assert self.draw is not None, "else there is trouble"
        columns, statistic = prepare(OVERALL[metric], predictions, self.chosen.scored, decided, self.patients)
        found = self.draw.apply(statistic)
        return (found if columns is None else found.mean()).kept(self.settings.interval), None

    def of(
        self, predictions: Predictions, thresholds: Mapping[str, float] | None
    ) -> tuple[dict[str, Any], dict[str, Bootstrapped]]:
        """The ``overall`` of :func:`evaluate_predictions`, and what it is made from where there are resamples."""
        if self.draw is None:
            return evaluate_predictions(predictions, thresholds, **vars(self.settings))["overall"], {}
        metrics, measured = {}, {}
        for metric in OVERALL:
            found, reason = self.bootstrapped(predictions, thresholds, metric)
            if found is None:
                metrics[metric] = {"value": None, "interval": None, "reason": reason}
            else:
                measured[metric], metrics[metric] = found, numbers(found, self.settings)[0]
        return metrics, measured


def _describe_cell(
    name: str,
    stage: int | str,
    draw: LabelSubset,
    fit: LinearFit,
    thresholds: Mapping[str, float] | None,
    metrics: Mapping[str, Any],
    labelled: int,
    chosen_on: int,
) -> dict[str, Any]:
    return {
        "name": name,
        "stage": stage,
        "label_fraction": draw.record["label_fraction"],
        "label_seed": draw.record["label_seed"],
        "labelled_images": labelled,
        "validation_images": chosen_on,
        "labelled_sha256": draw.sha256,
        "penalty": fit.penalty,
        "edge": fit.edge,
        "selection": fit.selection,
        "validation_score": fit.score,
        "constant_classes": list(fit.constant),
        "thresholds": thresholds,
        "metrics": metrics,
    }


def by_fraction_and_stage(
    cells: Sequence[Mapping[str, Any]],
) -> dict[tuple[float, int | str], list[Mapping[str, Any]]]:
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


def _summary(
    cells: Sequence[Mapping[str, Any]],
    measured: Mapping[str, Mapping[str, Bootstrapped]],
    settings: IntervalSettings,
) -> list[dict[str, Any]]:
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


def _against_last(
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
    for compared, adjusted in zip(found, holm([own["p_value"] for own in found]), strict=True):
        compared["p_value_holm"] = float(adjusted)
    return found


def _table(summary: Sequence[Mapping[str, Any]]) -> str:
    """The summary as CSV, a row for each fraction, stage and metric."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = ("value", "low", "high", "lowest_draw", "highest_draw")
    table.writerow(["label_fraction", "stage", "draws", "metric", *names])
    for row in summary:
        for metric, number in row["metrics"].items():
            ends = number["interval"] or [None, None]
            values = [number["value"], *ends, number["lowest"], number["highest"]]
            shown = ["" if value is None else repr(value) for value in values]
            table.writerow([f"{row['label_fraction']:g}", row["stage"], row["draws"], metric, *shown])
    return text.getvalue()
