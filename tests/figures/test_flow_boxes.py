from __future__ import annotations

from data_prep.account import Count, Step
from data_prep.flow_diagram import flow_diagram
from monai_mocoi.figures.flow_boxes import flow_figure


def test_every_box_and_text_of_the_diagram() -> None:
    splits = {"training": Count(60, 20), "test": Count(30, 10)}
    diagram = flow_diagram([Step("Images", 100, {"cannot be read": 10})], splits, "Images used")
    axes = flow_figure(diagram).axes[0]
    assert len(axes.patches) == len(diagram.boxes) == 5
    shown = [text.get_text() for text in axes.texts if text.get_text()]
    assert shown == [text.text for text in diagram.texts]
    assert {"Images used", "90", "60 images", "20 patients", "cannot be read"} <= set(shown)
