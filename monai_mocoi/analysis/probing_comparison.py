"""Two probings on the same images: at each stage and label fraction the paired difference of their means."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.analysis.comparison import add_holm, check_metric, comparable, differences
from monai_mocoi.analysis.interval_settings import IntervalSettings
from monai_mocoi.analysis.matched import matched
from monai_mocoi.analysis.probing_summary import by_fraction_and_stage
from monai_mocoi.data import Predictions, read_predictions
from monai_mocoi.errors import ComparisonError, PredictionsError
from monai_mocoi.metrics import Bootstrapped

PROBING_NAME = "probing.json"
"""The file that holds the result; it is written last: where it exists, the probing is whole."""
_NEEDED = ("name", "stage", "label_fraction", "labelled_sha256", "thresholds")


@dataclass(frozen=True)
class Probing:
    """What :func:`~monai_mocoi.analysis.probe_stages` wrote to a folder: the content of ``probing.json``."""

    folder: Path
    document: Mapping[str, Any]

    def predictions(self, cell: Mapping[str, Any]) -> Predictions:
        """Those of a cell; PredictionsError: they are not there, or cannot be read."""
        path = self.folder / str(cell["name"]) / "predictions.csv"
        return read_predictions(path, name=str(path))


def find_probing(place: str | os.PathLike[str]) -> Path | None:
    """The ``probing.json`` of a file, a probing's folder, or an analysis; None: there is none."""
    place = Path(place)
    if place.is_file():
        return place if place.suffix == ".json" else None
    candidates = (place / PROBING_NAME, place / "probing" / PROBING_NAME)
    return next((path for path in candidates if path.is_file()), None)


def read_probing(path: str | os.PathLike[str]) -> Probing:
    """Read a ``probing.json``. PredictionsError: it cannot be read, or is not a probing."""
    path = Path(path)
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if any(name not in cell for cell in document["cells"] for name in _NEEDED):
            raise KeyError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PredictionsError(
            f"{path} is not a probing ({type(error).__name__}); give the {PROBING_NAME} that analyze.json writes, or "
            "its folder."
        ) from error
    return Probing(path.parent, document)


def compare_probings(first: Probing, second: Probing, metric: str = "macro_auc", **settings: Any) -> dict[str, Any]:
    """Difference of a metric, second - first, at each stage and label fraction that both have.

    Each is the mean over the draws of labels, which must be the same in both; all are evaluated on the same resamples
    of the test patients. The intervals do not include the variation in drawing labels or in pretraining.

    ``metric``, ``settings``: see :func:`~monai_mocoi.analysis.compare_predictions`. Returns what that does, with
    ``"cells"`` instead of ``"overall"`` and ``"classes"``: ``[{"stage", "label_fraction", "draws", and a DIFFERENCE
    with "p_value_holm"}]``.

    Raises:
        ComparisonError: as there; or no stage and fraction in common, or other labelled images.
        PredictionsError: predictions of a cell cannot be read.
        EvaluationError: an unknown metric, or a setting out of range.
    """
    check_metric(metric)
    made = IntervalSettings(**settings)
    groups = [by_fraction_and_stage(own.document["cells"]) for own in (first, second)]
    common = [key for key in groups[0] if key in groups[1]]
    if not common:
        has = ["; ".join(f"stage {stage} at {fraction:g}" for fraction, stage in own) or "nothing" for own in groups]
        raise ComparisonError(
            f"the two probings have no stage and label fraction in common (A: {has[0]}. B: {has[1]}): probe both with "
            "the same stages and label_fractions."
        )
    for key in common:
        labelled = [{cell["labelled_sha256"] for cell in own[key]} for own in groups]
        if labelled[0] != labelled[1]:
            raise ComparisonError(
                f"at label fraction {key[0]:g} the two probings had other labelled images: {len(labelled[0])} draws in "
                f"A, {len(labelled[1])} in B, {len(labelled[0] & labelled[1])} of them the same. Probe both on the "
                "same data set with the same label_fractions, label_seeds and validation_labels."
            )
    blank = first.predictions(groups[0][common[0]][0])
    test = comparable(blank, made)
    cells = []
    for fraction, stage in common:
        means = []
        for own, cells_of in zip((first, second), groups, strict=True):
            drawn: list[Bootstrapped] = []
            for cell in cells_of[fraction, stage]:
                predictions = matched(blank, own.predictions(cell))
                found, reason = test.bootstrapped(predictions, cell["thresholds"], metric)
                if found is None:
                    raise ComparisonError(str(reason))
                drawn.append(found)
            means.append(Bootstrapped.mean_of(drawn))
        where = {"stage": stage, "label_fraction": fraction, "draws": len(groups[0][fraction, stage])}
        cells.append({**where, **differences(means[0], means[1], made)[0]})
    add_holm(cells)
    return {"metric": metric, **test.describe(), "cells": cells}
