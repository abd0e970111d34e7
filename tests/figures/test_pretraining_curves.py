from __future__ import annotations

from monai_mocoi.figures.canvas import COLOURS
from monai_mocoi.figures.pretraining_curves import pretraining_curves_figure


def test_a_line_an_encoder_in_the_colour_of_its_arm() -> None:
    curves = {"one": [(0, 1.0), (1, 0.8)], "two": [(0, 1.0), (1, 0.7)], "three": [(1, 0.9)]}
    arms = {"one": "MoCo", "two": "MSE", "three": "MSE"}
    figure = pretraining_curves_figure({"loss": (curves, 1.0)}, arms, ["supervised", "MoCo", "MSE"])
    lines = figure.axes[0].lines
    assert [line.get_color() for line in lines[:3]] == [COLOURS[1], COLOURS[2], COLOURS[2]]
    assert lines[2].get_marker() == "."  # a single point would else not be seen
    assert list(lines[3].get_ydata()) == [1.0, 1.0]  # guessing
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["MoCo", "MSE"]
