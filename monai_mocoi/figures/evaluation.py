"""The figures of an evaluation, as files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from monai_mocoi.figures.canvas import save_figure
from monai_mocoi.figures.decision_curve import decision_curve_figures
from monai_mocoi.figures.reliability import reliability_figures


def save_evaluation_figures(folder: Path, report: Mapping[str, Any]) -> list[Path]:
    """Write ``reliability`` and ``decision_curve``, each as PNG and SVG; more than 16 classes have several, numbered.

    Earlier ones of these names are removed.

    Args:
        folder: where to.
        report: of :func:`~monai_mocoi.analysis.evaluate_fully`, or the content of a ``metrics.json``.

    Returns:
        the files; none where no class is scored.

    Raises:
        OSError: they cannot be written.
    """
    files = []
    drawn = {
        "reliability": reliability_figures(report["calibration"]),
        "decision_curve": decision_curve_figures(report["decision_curve"]),
    }
    for name, figures in drawn.items():
        for old in folder.glob(f"{name}*"):
            if re.fullmatch(rf"{name}(_\d+)?\.(png|svg)", old.name):
                old.unlink()  # of an earlier evaluation, perhaps of more classes
        for number, figure in enumerate(figures, start=1):
            files += save_figure(figure, folder, name if len(figures) == 1 else f"{name}_{number}")
    return files
