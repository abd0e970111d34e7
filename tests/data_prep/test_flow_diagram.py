from __future__ import annotations

from data_prep.account import Count, Step
from data_prep.flow_diagram import WIDTH, Diagram, flow_diagram

FLOW = (
    Step("Files found", 1200, {"no picture": 100, "never": 0}),
    Step("Pictures read one after the other, which takes long", 1100, {"cut " * 30: 7, "empty": 3}, more=10),
    Step("Compared", 1100, {}),
)
SPLITS = {
    "training": Count(800, 300),
    "validation": Count(100, 50),
    "test": Count(150, 60),
    "pretraining": Count(50, 9),
}


def _numbers(diagram: Diagram, kind: str) -> list[int]:
    return [int(own.text.split()[0].replace(",", "")) for own in diagram.texts if own.kind == kind]


def test_every_number_of_the_flow_is_drawn_and_adds_up():
    diagram = flow_diagram(FLOW, SPLITS)
    assert _numbers(diagram, "number") == [1200, 1100, 1100, 1100, 800, 100, 150, 50]
    assert _numbers(diagram, "total") == [100, 10]
    assert _numbers(diagram, "out") == [100, 7, 3]
    assert [own.text for own in diagram.texts if own.kind == "more"] == ["+ 10 further frames of these files"]


def test_all_texts_lie_in_a_box_and_no_boxes_overlap():
    diagram = flow_diagram(FLOW, SPLITS)
    for own in diagram.texts:
        assert any(
            box.x < own.x < box.x + box.width and box.y + 10 < own.y < box.y + box.height for box in diagram.boxes
        )
    for place, one in enumerate(diagram.boxes):
        assert one.x >= 0
        assert one.x + one.width <= WIDTH
        assert one.y + one.height <= diagram.height
        for two in diagram.boxes[place + 1 :]:
            beside = one.x + one.width <= two.x or two.x + two.width <= one.x
            assert beside or one.y + one.height <= two.y or two.y + two.height <= one.y


def test_arrows_are_straight():
    for x, y, to_x, to_y in flow_diagram(FLOW, SPLITS).arrows:
        assert (x == to_x) != (y == to_y)
