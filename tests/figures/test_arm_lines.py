from __future__ import annotations

from monai_mocoi.figures.arm_lines import ArmPanel, ArmPoint, arm_lines_figure, one_a_place
from monai_mocoi.figures.canvas import COLOURS

ARMS = {
    "MoCo": [ArmPoint(0.01, 60, (58, 62), [59, 61]), ArmPoint(1, 80, (78, 82), [80])],
    "MSE": [ArmPoint(0.01, 65, None, [65])],
}


def test_a_line_an_arm_with_intervals_and_runs() -> None:
    figure = arm_lines_figure(
        [ArmPanel("title", ARMS)], ["other", "MoCo", "MSE"], "AUC", "share", {0.01: "1 %", 1: "100 %"}, True
    )
    axes = figure.axes[0]
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1 %", "100 %"]
    lines = {line.get_label(): line for line in axes.lines}
    assert list(lines["MoCo"].get_ydata()) == [60, 80]
    assert lines["MoCo"].get_color() == COLOURS[1]  # its place among all arms
    assert lines["MSE"].get_color() == COLOURS[2]
    intervals = [list(line.get_ydata()) for line in axes.lines if len(line.get_ydata()) == 2]
    assert [58, 62] in intervals
    assert [59, 61] in intervals  # the two runs; one run alone is the point itself
    assert len(axes.lines) == 2 + 2 + 1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["MoCo", "MSE"]


def test_arms_stand_beside_each_other() -> None:
    figure = arm_lines_figure(
        [ArmPanel("t", {"a": [ArmPoint(1, 5)], "b": [ArmPoint(1, 5)]})], ["a", "b"], "y", "stage", {1: "1"}, False
    )
    first, second = (line.get_xdata()[0] for line in figure.axes[0].lines)
    assert first < 1 < second


def test_a_long_title_stays_within_the_figure() -> None:
    title = "linear evaluation, tissue: Histology phantoms, seed 0 (generated, not medical)"
    figure = arm_lines_figure([ArmPanel(title, ARMS)], ["MoCo", "MSE"], "AUC", "share", {0.01: "1 %", 1: "100 %"}, True)
    figure.draw_without_rendering()
    own = figure.axes[0].title if figure.axes[0].title.get_text() else figure.axes[0]._left_title
    assert own.get_text().replace("\n", " ") == title
    assert own.get_window_extent().x1 <= figure.bbox.x1


def test_several_encoders_are_one_point_a_place() -> None:
    points = [ArmPoint(1, 60, (58, 62)), ArmPoint(2, 70, (68, 72)), ArmPoint(1, 64, (61, 66))]
    assert one_a_place(points) == [ArmPoint(1, 62, None, [60, 64]), ArmPoint(2, 70, (68, 72))]
