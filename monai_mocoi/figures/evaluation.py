"""The figures of an evaluation, as files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.figures.canvas import save_figure
from monai_mocoi.figures.decision_curve import decision_curve_figures
from monai_mocoi.figures.reliability import reliability_figures
from monai_mocoi.figures.subgroups import SUBGROUPS_NAME, subgroup_figure

RELIABILITY_NAME = "reliability"
DECISION_CURVE_NAME = "decision_curve"


def remove_evaluation_figures(folder: Path) -> None:
    """Remove the figures of an earlier evaluation: perhaps of more classes, or of subgroups that are not asked for now.

    Args:
        folder: of the evaluation; other files in it stay.
    """
    names = "|".join((RELIABILITY_NAME, DECISION_CURVE_NAME, SUBGROUPS_NAME))
    for old in folder.glob("*"):
        if re.fullmatch(rf"({names})(_\d+)?\.(png|svg)", old.name):
            old.unlink()


def save_evaluation_figures(folder: Path, report: Mapping[str, Any]) -> list[Path]:
    """Write ``reliability``, ``decision_curve`` and ``subgroups``, each as PNG and SVG.

    More than 16 classes have several of the first two, numbered. Earlier figures are removed.

    Args:
        folder: where to.
        report: the content of a ``metrics.json``: what :func:`~monai_mocoi.analysis.evaluate_fully` gives, and under
            ``subgroups``, if they are wanted, what :func:`~monai_mocoi.analysis.evaluate_subgroups` gives.

    Returns:
        the files; none where no class is scored.

    Raises:
        OSError: they cannot be written.
    """
    remove_evaluation_figures(folder)
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
