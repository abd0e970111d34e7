"""Layer-wise probing: how well a linear classifier reads the labels off each of an encoder's four stages."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.decision_thresholds import chosen_thresholds, decisions
from monai_mocoi.analysis.interval_numbers import numbers
from monai_mocoi.analysis.interval_settings import IntervalSettings
from monai_mocoi.analysis.linear_evaluation import PENALTIES, LinearEvaluation
from monai_mocoi.analysis.probing_comparison import PROBING_NAME
from monai_mocoi.analysis.probing_summary import ProbedSplit, against_last, summary_of, table_rows
from monai_mocoi.analysis.resampled_images import OVERALL, ResampledImages
from monai_mocoi.analysis.stage_features import features_of
from monai_mocoi.data import Datalist, Predictions, label_kind, write_predictions
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.label_fraction import LabelSubset
from monai_mocoi.data.parallel import progress_bar
from monai_mocoi.errors import DatasetError, EvaluationError
from monai_mocoi.files.atomic_write import write_csv, write_json
from monai_mocoi.metrics import SELECTION_METRICS, Bootstrapped, selection_metric
from monai_mocoi.networks.resnet_shape import STAGES_AND_ALL, stages_of

TABLE_NAME = "probing.csv"


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

    One forward pass serves all cells. A cell is what a linear evaluation by ``finetune.json`` and then
    ``evaluate.json`` give: penalty and thresholds are chosen on the validation images of the draw. All cells are
    measured on the same resamples of the test patients, so that they can be compared.

    Args:
        features: of :func:`~monai_mocoi.analysis.pooled_features` by split and stage, ``(images, channels)``;
            "validation" may be missing where that split is empty.
        datalist, draws: the whole one, with labels; of :func:`probing_draws`.
        metric: of :data:`~monai_mocoi.metrics.SELECTION_METRICS`: penalties are chosen by it, and stages compared.
        stages: which to probe, of 1 to 4 and "all" (the features of the four side by side).
        rows: by split, the position in the datalist of each row of the features; None: all images are there.
        folder: for ``probing.json``, ``probing.csv`` and ``<cell>/predictions.csv``; None: nothing is written.
        about: plain values on the encoder, kept as ``encoder``.
        penalties: the grid, see :class:`~monai_mocoi.analysis.LinearEvaluation`.
        settings: of :class:`~monai_mocoi.analysis.IntervalSettings`, by name.

    Returns:
        plain values, without NaN, as JSON takes them::

            {..., "classes", "stages", "images", "patients", "intervals", "scored_classes", "left_out_classes",
             "cells": [{"name", "stage", "label_fraction", "label_seed", "labelled_images", "validation_images",
                        "penalty", "edge", "selection", "validation_score", "thresholds", "metrics": {name: NUMBER}}],
             "summary": [{"stage", "label_fraction", "draws", "labelled_images": [fewest, most],
                          "metrics": {name: {"value", "interval", "lowest", "highest"}}}],
             "differences": [{"stage", "than", "label_fraction", "first", "second", "value", "interval", ...}]}

        NUMBERs are those of :func:`~monai_mocoi.analysis.evaluate_predictions`. In the summary ``value`` is the mean
        over the draws, with an interval over the test patients; ``lowest`` and ``highest`` are extremes of the draws
        (None for one). A difference is of ``metric``, stage less stage 4, of the means; corrected by Holm.

    Raises:
        DatasetError: no test images, or features that do not fit the datalist.
        EvaluationError: a setting out of range, or an unknown metric.
    """
    made = IntervalSettings(**settings)
    if metric not in SELECTION_METRICS:
        raise EvaluationError(f"metric is {metric!r}; choose one of {', '.join(SELECTION_METRICS)}.")
    if not draws or not stages:
        raise EvaluationError("probing needs one or more draws of labels and one or more stages.")
    stages = [stage for stage in STAGES_AND_ALL if stage in {own for own in stages if stages_of(own)}]
    sets = {split: ProbedSplit(split, datalist, features, rows) for split in SPLITS}
    if not len(sets["test"].items):
        raise DatasetError("probing needs test images with labels, and this data set has none: prepare it with some.")
    kind, classes = label_kind(datalist), datalist.labels
    evaluation_of = {
        rule: LinearEvaluation(kind, len(classes), partial(selection_metric, metric, kind), rule, penalties)
        for rule in {draw.selection for draw in draws}
    }
    test = ResampledImages(sets["test"].predictions(classes, kind), made)
    cells, measured = [], {}
    with progress_bar(len(stages) * len(draws), "probing", progress) as bar:
        for stage in stages:
            train, validation, tested = (features_of(sets[split].features, stage) for split in SPLITS)
            for draw in draws:
                labelled, chosen_on = (sets[split].found(getattr(draw.datalist, split)) for split in SPLITS[:2])
                held = sets["training"].labels[labelled], sets["validation"].labels[chosen_on]
                fit = evaluation_of[draw.selection].fit(
                    train[labelled], held[0], validation[chosen_on], held[1] if len(chosen_on) else None
                )
                said = fit.layer_probabilities(validation[chosen_on], kind)
                thresholds, _ = chosen_thresholds(sets["validation"].predictions(classes, kind, chosen_on, said))
                predictions = sets["test"].predictions(classes, kind, None, fit.layer_probabilities(tested, kind))
                fraction, seed = draw.record["label_fraction"], draw.record["label_seed"]
                name = f"s{stage}-f{fraction:g}-l{seed}"  # as in the name of a run of finetune.json
                metrics, measured[name] = _overall(test, predictions, thresholds)
                cells.append(
                    {
                        "name": name,
                        "stage": stage,
                        "label_fraction": fraction,
                        "label_seed": seed,
                        "labelled_images": len(labelled),
                        "validation_images": len(chosen_on),
                        "labelled_sha256": draw.sha256,
                        **{own: getattr(fit, own) for own in ("penalty", "edge", "selection")},
                        **{"validation_score": fit.score, "constant_classes": list(fit.constant)},
                        **{"thresholds": thresholds, "metrics": metrics},
                    }
                )
                if folder is not None:
                    write_predictions(Path(folder) / name / "predictions.csv", predictions)
                bar.update(1)
    summary = summary_of(cells, measured, made)
    result = {
        **{"format": 1, "encoder": dict(about or {}), "dataset_sha256": datalist.sha256},
        **{"metric": metric, "kind": kind, "classes": list(classes), "stages": list(stages)},
        "validation_labels": draws[0].record["validation_labels"],
        **test.describe(),
        "cells": cells,
        "summary": summary,
        "differences": against_last(cells, measured, metric, made),
    }
    if folder is not None:
        write_csv(Path(folder) / TABLE_NAME, table_rows(summary))
        write_json(Path(folder) / PROBING_NAME, result)
    return result


def _overall(
    test: ResampledImages, predictions: Predictions, thresholds: Mapping[str, float] | None
) -> tuple[dict[str, Any], dict[str, Bootstrapped]]:
    """The numbers for all classes together, and the bootstrapped ones where there are resamples."""
    plain, measured = {}, {}
    for name, metric in OVERALL.items():
        found, _ = test.bootstrapped(predictions, thresholds, name)
        if found is None:
            plain[name], _ = test.measure(metric, predictions, decisions(predictions, thresholds))
        else:
            measured[name], plain[name] = found, numbers(found, test.settings, name)[0]
    return plain, measured
