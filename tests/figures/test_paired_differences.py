from __future__ import annotations

from monai_mocoi.figures.paired_differences import DifferenceRow, differences_figure


def test_rows_from_above_filled_where_shown() -> None:
    rows = [DifferenceRow("linear"), DifferenceRow("MSE - MoCo", 2, 1, 3, True), DifferenceRow("MSE - other", 1, -1, 3)]
    axes = differences_figure(rows, "AUC points").axes[0]
    assert [text.get_text() for text in axes.texts] == [row.text for row in rows]
    points = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_ydata()[0] for line in points] == [1, 2]
    assert [line.get_markerfacecolor() == "white" for line in points] == [False, True]
    assert axes.yaxis_inverted()
