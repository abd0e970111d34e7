"""Files of an evaluation: its figures and its metrics."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.figures.canvas import save_figure
from monai_mocoi.figures.reliability import decision_curve_figures, reliability_figures
from monai_mocoi.figures.subgroups import SUBGROUPS_NAME, subgroup_figure
from monai_mocoi.files.atomic_write import write_json

METRICS_NAME = "metrics.json"
RELIABILITY_NAME = "reliability"
DECISION_CURVE_NAME = "decision_curve"


def remove_evaluation(folder: Path) -> None:
    """Remove the metrics and figures of an earlier evaluation from its folder; other files stay."""
    (folder / METRICS_NAME).unlink(missing_ok=True)
    names = "|".join((RELIABILITY_NAME, DECISION_CURVE_NAME, SUBGROUPS_NAME))
    for old in folder.glob("*"):
        if re.fullmatch(rf"({names})(_\d+)?\.(png|svg)", old.name):
            old.unlink()


def write_evaluation(folder: Path, content: Mapping[str, Any]) -> None:
    """Write the figures and, last, ``metrics.json``: where it exists, the evaluation is whole."""
    remove_evaluation(folder)
    save_evaluation_figures(folder, content)
    write_json(folder / METRICS_NAME, content)


def save_evaluation_figures(folder: Path, report: Mapping[str, Any]) -> list[Path]:
    """Write ``reliability``, ``decision_curve`` and ``subgroups``, each as PNG and SVG; numbered if there are many."""
    groups = subgroup_figure(report["subgroups"]) if "subgroups" in report else None
    drawn = {
        RELIABILITY_NAME: reliability_figures(report["calibration"]),
        DECISION_CURVE_NAME: decision_curve_figures(report["decision_curve"]),
        SUBGROUPS_NAME: [] if groups is None else [groups],
    }
    files = []
    for name, figures in drawn.items():
        for number, figure in enumerate(figures, start=1):
            files += save_figure(figure, folder, name if len(figures) == 1 else f"{name}_{number}")
    return files
