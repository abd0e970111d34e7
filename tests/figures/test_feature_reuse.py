from __future__ import annotations

from typing import Any

import numpy as np

from monai_mocoi.figures.feature_reuse import reuse_figure, reuse_matrix_figure


def reuse(exchanged: float | None = 0.1, interval: bool = True) -> dict[str, Any]:
    def number(row: int, column: int) -> dict[str, Any]:
        value = 1 / (1 + abs(row - column) + column)
        ends = [value - 0.05, value + 0.02] if interval else None
        return {
            "value": value,
            "interval": ends,
            "null": {"mean": 0.0, "sd": 0.01, "permuted": 0.02, "exchanged": exchanged},
        }

    matrix = [[number(row, column) for column in range(4)] for row in range(4)]
    return {"stages": [1, 2, 3, 4], "matrix": matrix, "same_stage": {str(i + 1): matrix[i][i] for i in range(4)}}


def test_each_cell_has_its_number_the_stages_before_from_above() -> None:
    figure = reuse_matrix_figure([reuse(), reuse()], ["1 %", "all"])
    tables = figure.axes[:2]
    assert [axes.get_title() for axes in tables] == ["1 %", "all"]
    texts = {tuple(map(round, text.get_position())): text.get_text() for text in tables[0].texts}
    assert len(texts) == 16
    assert texts[(2, 0)] == f"{reuse()['matrix'][0][2]['value']:.2f}"  # column after, row before


def test_same_stages_with_their_intervals_and_the_null() -> None:
    (axes,) = reuse_figure([reuse(), reuse(None)], ["1 %", "all"]).axes
    lines = [line for line in axes.lines if len(line.get_xdata()) == 4]
    values = [reuse()["same_stage"][str(stage)]["value"] for stage in (1, 2, 3, 4)]
    assert sum(np.allclose(line.get_ydata(), values) for line in lines) == 2
    assert sum(np.allclose(line.get_ydata(), 0.1) for line in lines) == 1  # patients exchanged
    assert sum(np.allclose(line.get_ydata(), 0.02) for line in lines) == 1  # where each has one image
    assert len(axes.collections) == 2  # bars of intervals


def test_without_intervals() -> None:
    (axes,) = reuse_figure([reuse(interval=False)], ["all"]).axes
    (bars,) = axes.collections
    assert all(np.ptp(segment[:, 1]) == 0 for segment in bars.get_segments())  # type: ignore[attr-defined]
