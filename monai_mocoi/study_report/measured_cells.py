"""Cells: the metric of one arm, label fraction and kind of evaluation, measured from its files of predictions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis import IntervalSettings, matched
from monai_mocoi.analysis.decision_thresholds import decisions
from monai_mocoi.analysis.resampled_images import ResampledImages
from monai_mocoi.data import Predictions
from monai_mocoi.data.predictions_reader import PredictionsReader
from monai_mocoi.errors import ComparisonError, EvaluationError, PredictionsError
from monai_mocoi.metrics import CrossedMean, crossed_mean
from monai_mocoi.metrics.patient_resamples import leave_each_out, of_all
from monai_mocoi.runs.product_names import PREDICTIONS_NAME
from monai_mocoi.study_report.compared_metric import Metric
from monai_mocoi.study_report.tested_run import TestedRun

_RESAMPLES = 199  # only to find out whether every class is defined when patients are drawn


@dataclass(frozen=True, eq=False)
class Measured:
    """The metric of one run, and without each patient in turn, in the sorted order of their ids."""

    run: TestedRun
    value: float
    left_out: NDArray[np.float64]


@dataclass
class Cell:
    """All runs of one arm at one fraction: label draws x pretrainings. ``trouble``: why there is no number.

    ``asked``: label draw and repeat of each run that was planned, or found, whether it has a number or not;
    ``planned``: the cell is one of a plan.
    """

    key: tuple[str, str, float, str, str]  # data set, evaluation, fraction, stage, arm
    runs: list[Measured] = field(default_factory=list)
    trouble: str | None = None
    asked: list[tuple[int, str]] = field(default_factory=list)
    planned: bool = False

    @property
    def expected(self) -> set[tuple[int, str]]:
        """Label draw and repeat of all runs that there should be."""
        return {*self.asked, *((own.run.label_seed, own.run.repeat) for own in self.runs)}

    @property
    def draws(self) -> list[int]:
        """Seeds of the label draws."""
        return sorted({own.run.label_seed for own in self.runs})

    @property
    def encoders(self) -> list[str]:
        """Its pretrainings; an arm that is not pretrained has none."""
        return sorted({own.run.encoder for own in self.runs} - {""})

    def by(self, name: str) -> dict[Any, tuple[float, NDArray[np.float64]]]:
        """The mean of the runs of each ``label_seed`` or ``encoder``."""
        groups: dict[Any, list[Measured]] = defaultdict(list)
        for own in self.runs:
            groups[getattr(own.run, name)].append(own)
        return {
            key: (float(np.mean([one.value for one in own])), np.mean([one.left_out for one in own], axis=0))
            for key, own in sorted(groups.items())
        }

    def number(self) -> CrossedMean | None:
        """The mean over label draws, each the mean of its pretrainings: :func:`~monai_mocoi.metrics.crossed_mean`."""
        return None if self.trouble or not self.runs else mean_of(self.by("label_seed").values())


def mean_of(parts: Any) -> CrossedMean:
    """Of values and left-out values."""
    values, left_out = zip(*parts, strict=True)
    return crossed_mean(values, np.stack(left_out))


class TestSet:
    """The test images of a data set, as the first run has them, and each run measured on them."""

    __test__ = False

    def __init__(self, first: Predictions, known: Mapping[str, Any], metric: Metric) -> None:
        least = {name: known[name] for name in ("min_positives", "min_negatives") if name in known}
        self.images = ResampledImages(first, IntervalSettings(resamples=_RESAMPLES, **least))
        self.metric, about = metric, self.images.describe()
        # Of two classes that exclude each other, the second stands for both: its negatives are the first's positives.
        both = first.kind == "multiclass" and len(first.classes) == 2
        few = [own for own in about["few_patients"] if both or metric.label in (None, own["class"])]
        self.few_patients: list[dict[str, Any]] = few
        self.scored: list[str] = about["scored_classes"]
        self.left_out: list[dict[str, Any]] = about["left_out_classes"]
        self.count, self.patients = len(first.images), self.images.patient_count
        ids = np.array(first.patients)
        self.positive_patients = {
            name: len(np.unique(ids[column == 1])) for name, column in zip(first.classes, first.truth().T, strict=True)
        }

    def measure(self, run: TestedRun, predictions: Predictions) -> Measured:
        """Raises ComparisonError or EvaluationError: there is no such number, or the images are others."""
        own = predictions if _same(self.images.images, predictions) else matched(self.images.images, predictions)
        decided = decisions(own, run.known.get("thresholds"))
        if reason := self.images.why_not(self.metric.name, decided) or self.images.trouble:
            raise EvaluationError(reason)
        columns, statistic = self.images.prepare(self.metric.name, own, decided)
        value = np.atleast_1d(of_all(statistic, self.patients))
        quick = getattr(statistic, "left_out", None)
        left_out = (quick() if quick else leave_each_out(statistic, self.patients)).reshape(self.patients, -1)
        if self.metric.label is not None:
            names = [] if columns is None else [own.classes[i] for i in columns]
            if self.metric.label not in names:
                raise EvaluationError(self.metric.why_not(own.classes, names, self.left_out))
            kept = names.index(self.metric.label)
            return Measured(run, float(value[kept]), left_out[:, kept])
        return Measured(run, float(value.mean()), left_out.mean(axis=1))


def _same(first: Predictions, second: Predictions) -> bool:
    alike = first.images == second.images and first.patients == second.patients and first.classes == second.classes
    return alike and first.kind == second.kind and np.array_equal(first.labels, second.labels)


def measure_cells(
    runs: Sequence[TestedRun],
    metric: Metric,
    planned: Mapping[tuple[str, str, float, str, str], list[tuple[int, str]]] | None = None,
) -> tuple[dict[tuple[str, str, float, str, str], Cell], dict[str, TestSet], list[str]]:
    """The cells of tested runs, the test set of each data set, and sentences on the runs that are not used.

    ``planned``: label draw and repeat of the runs of each planned cell; those that are missing are cells too.
    """
    cells = {key: Cell(key, asked=list(own), planned=True) for key, own in (planned or {}).items()}
    sets: dict[str, TestSet] = {}
    readers: dict[str, PredictionsReader] = defaultdict(PredictionsReader)
    problems = []
    for run in runs:
        cell = cells.setdefault(run.key, Cell(run.key))
        cell.asked.append((run.label_seed, run.repeat))
        try:
            path, name = run.folder / PREDICTIONS_NAME, f"{run.place}/{PREDICTIONS_NAME}"
            predictions = readers[run.dataset].read(path, name)
            if run.dataset not in sets:
                sets[run.dataset] = TestSet(predictions, run.known, metric)
            cell.runs.append(sets[run.dataset].measure(run, predictions))
        except (ComparisonError, EvaluationError, PredictionsError, ValueError) as error:
            problems.append(f"{run.place}: not used: {error}")
            cell.trouble = cell.trouble or (str(error) if isinstance(error, EvaluationError) else None)
    for cell in cells.values():
        if cell.runs:
            cell.trouble = None
        elif cell.trouble is None:
            cell.trouble = "No run of it is there, or can be used; the section on limits says why."
    return cells, sets, problems
