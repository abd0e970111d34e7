"""Results of a study: its cells, comparisons and what they are called; what every section is made of."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_mocoi.metrics import CrossedMean
from monai_mocoi.study_report.compared_arms import compare_arms
from monai_mocoi.study_report.compared_metric import Metric
from monai_mocoi.study_report.comparison import LEVEL, Comparison, Key
from monai_mocoi.study_report.found_runs import FoundRuns, find_runs
from monai_mocoi.study_report.measured_cells import Cell, TestSet, measure_cells
from monai_mocoi.study_report.planned_cells import planned_runs
from monai_mocoi.study_report.recorded_settings import SettingsOf
from monai_mocoi.study_report.sources import Sources
from monai_mocoi.study_report.study_arms import Arm, arms_of
from monai_mocoi.study_report.tested_run import TestedRun
from monai_mocoi.study_report.used_runs import keep_used


@dataclass
class StudyResults:
    """What was found and measured. ``problems``: sentences on what was not used.

    ``planned_metric``: that of the plan, if another one was asked for.
    """

    found: FoundRuns
    arms: Mapping[str, Arm]
    metric: Metric
    cells: Mapping[Key, Cell]
    sets: Mapping[str, TestSet]
    comparisons: list[Comparison]
    sources: Sources
    problems: list[str] = field(default_factory=list)
    planned_metric: Metric | None = None

    @property
    def datasets(self) -> list[str]:
        """As cells name them, in the order of the plan, or of the folders."""
        there = list(dict.fromkeys(key[0] for key in self.cells))
        planned = [own.id for own in self.found.plan.datasets] if self.found.plan else there
        return [name for name in planned if name in there] + [name for name in there if name not in planned]

    def sha_of(self, dataset: str) -> str:
        """The SHA-256 of its ``datalist.json``, by its first test."""
        runs = (run for run in self.found.tested if run.dataset == dataset and run.role == "test")
        return next((str(run.known.get("dataset_sha256") or "") for run in runs), "")

    def name_of(self, dataset: str) -> str:
        """The name in its ``datalist.json``; empty where no run tells it."""
        return self.found.datasets.get(self.sha_of(dataset), "")

    def words_of(self, dataset: str) -> str:
        """For headings: the plan's name, or the data set's own."""
        own = self.name_of(dataset)
        if self.found.plan is not None:
            return f"{dataset}: {own}" if own and own != dataset else dataset
        return own or f"Data set {dataset[:8]}"

    def short_of(self, dataset: str) -> str:
        """For sentences; empty where there is only one."""
        if len(self.datasets) < 2:
            return ""
        return dataset if self.found.plan is not None else self.words_of(dataset)

    def cells_of(self, dataset: str, evaluation: str) -> list[Cell]:
        """From all labels to the fewest, each with the arms in their order."""
        order = list(self.arms)
        there = [cell for cell in self.cells.values() if cell.key[:2] == (dataset, evaluation)]

        def place(cell: Cell) -> tuple[Any, ...]:
            arm = cell.key[4]
            return -cell.key[2], cell.key[3], order.index(arm) if arm in order else len(order), arm

        return sorted(there, key=place)

    def order(self, there: Iterable[str] = ()) -> list[str]:
        """What all arms are called, in their order, and others that are there: each has one colour everywhere."""
        return list(dict.fromkeys([*(own.words for own in self.arms.values()), *there]))

    def words(self, arm: str) -> str:
        """What to call an arm."""
        return self.arms[arm].words if arm in self.arms else arm


def within(mean: CrossedMean) -> tuple[float, float, float]:
    """Value and 95 % interval of a metric, which is 0 to 1."""
    low, high = mean.interval(LEVEL)
    return mean.value, max(0.0, low), min(1.0, high)


def study_results(
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    metric: Metric | None,
    settings_of: SettingsOf | None = None,
) -> StudyResults:
    """Find, measure and compare.

    ``metric``: None: that of the plan, or macro AUC; ``out``: for links from there; ``settings_of``: see ``keep_used``.
    """
    found = find_runs(folder)
    keep_used(found, settings_of)
    plan = found.plan
    planned = Metric.of(plan.metric.name, plan.metric.label) if plan else None
    metric = metric or planned or Metric()
    other = planned if planned != metric else None
    arms = arms_of(found)
    tests: list[TestedRun] = [run for run in found.tested if run.role == "test"]
    cells, sets, problems = measure_cells(tests, metric, planned_runs(plan))
    primary = None
    if plan is not None and other is None:
        own = plan.primary
        primary = (own.dataset, own.evaluation, own.fraction, own.arm, own.against)
    comparisons = compare_arms(cells, sets, metric, arms, primary)
    sources = Sources(found, Path(out))
    told = [*found.problems, *problems]
    return StudyResults(found, arms, metric, cells, sets, comparisons, sources, told, other)
