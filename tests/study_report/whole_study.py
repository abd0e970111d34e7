"""A study with both evaluations, pretraining seeds, labels that are not known, baselines and an external test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.study_report import Metric, StudyResults, study_results
from monai_mocoi.study_report.blocks import Picture, Section, Table
from tests.study_report import synthetic_study as synthetic

PLACE = "runs/nih"


@dataclass(frozen=True)
class Made:
    """The folder of the runs, and sections that were made of them."""

    folder: Path
    results: StudyResults

    def table(self, section: Section, name: str) -> list[dict[str, Any]]:
        """The rows of a table's CSV file."""
        (own,) = [block for block in section.blocks if isinstance(block, Table) and block.name == name]
        header, *rows = own.csv_rows()
        return [dict(zip(header, row, strict=True)) for row in rows]

    def picture(self, section: Section, name: str) -> Any:
        """The figure of a name."""
        (own,) = [block for block in section.blocks if isinstance(block, Picture) and block.name == name]
        return own.figure


def make(folder: Path) -> Path:
    """Write the runs and their plan."""
    study = synthetic.SyntheticStudy(folder, arms=("random", "supervised", "moco", "mse"), seeds=(0, 1), unknown=0.1)
    study.evaluations = ("linear", "finetune")
    study.write(plan=False)
    synthetic.add_tested_baselines(study)
    synthetic.add_tested_external(study)
    study.write_plan(study.plan())
    return folder


def measured(folder: Path, metric: Metric | None = None) -> Made:
    """What a report is made of."""
    results = study_results(folder, folder / "report", metric)
    assert results.problems == []
    return Made(folder, results)
