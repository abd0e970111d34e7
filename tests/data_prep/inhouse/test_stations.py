from __future__ import annotations

from data_prep.account import Step
from data_prep.inhouse.stations import Stations


def test_every_file_is_left_or_has_a_reason() -> None:
    stations = Stations(5, {"link": 2})
    stations.leave("Looked at", {1: "empty", 4: "text"})
    stations.leave("Chosen", {0: "screen", 1: "never came here"})
    stations.add("Frames", 3)
    assert stations.left == [2, 3]
    assert stations.left_out == {"empty": [1], "text": [4], "screen": [0]}
    assert stations.steps == [
        Step("Looked at", 7, {"empty": 1, "link": 2, "text": 1}),
        Step("Chosen", 3, {"screen": 1}),
        Step("Frames", 2, {}, 3),
    ]
    assert [step.passed for step in stations.steps] == [3, 2, 5]
