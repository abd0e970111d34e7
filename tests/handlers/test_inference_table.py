from __future__ import annotations

import csv
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from monai.engines import Workflow

from monai_mocoi.analysis import TypicalFeatures
from monai_mocoi.engines import RunEvents
from monai_mocoi.errors import RunFolderError, SettingsError
from monai_mocoi.exit_codes import DATA
from monai_mocoi.handlers import InferenceTable
from monai_mocoi.metrics import fit_shrunk_gaussian
from monai_mocoi.runs.inference_words import done_in_words
from tests.handlers.engine import counting

ITEMS = [{"name": name} for name in ("a.png", 'b "x",\n.png', "c\udcff.png", "d.png")]
PROBABILITIES = np.array([[0.1, 1 / 3], [np.nextafter(0.5, 0), 0.5], [1, 1e-300], [0.25, 0.75]])
OUTPUTS: list[dict[str, Any]] = [
    {"index": np.array([0, 2]), "probabilities": PROBABILITIES[[0, 2]], "unreadable": {1: "it is empty"}},
    {"index": np.array([3]), "probabilities": PROBABILITIES[[3]], "unreadable": {}},
]


def engine_of(table: InferenceTable, outputs: list[dict[str, Any]]) -> Workflow:
    def step(engine: Any, batch: int) -> dict[str, Any]:
        output = outputs[batch]
        return {"decisions": output["probabilities"] >= 0.5, **output}

    return counting(max_epochs=1, iterations=len(outputs), step=step, handlers=[table])


def rows(folder: Path) -> list[list[str]]:
    with open(folder / "classified.csv", newline="", encoding="utf-8", errors="surrogateescape") as file:
        return list(csv.reader(file))


def test_findings(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = InferenceTable(tmp_path / "new" / "out", ITEMS, ["x", "y z"], "multilabel")
    with caplog.at_level(logging.INFO):
        engine_of(table, OUTPUTS).run()
    assert rows(tmp_path / "new" / "out") == [
        [
            *("row", "image", "status", "reason", "probability_x", "probability_y z", "decision_x", "decision_y z"),
            *("unusual_percentile", "note"),
        ],
        ["1", "a.png", "ok", "", "0.1", repr(1 / 3), "0", "0", "", ""],
        ["2", 'b "x",\n.png', "unreadable", "it is empty", "", "", "", "", "", ""],
        ["3", "c\udcff.png", "ok", "", "1.0", "1e-300", "1", "0", "", ""],
        ["4", "d.png", "ok", "", "0.25", "0.75", "0", "1", "", ""],
    ]
    assert b"c\xff.png" in (tmp_path / "new" / "out" / "classified.csv").read_bytes()
    assert "row 2 cannot be read: it is empty" in caplog.messages
    assert (
        "Done: 3 of 4. 1 unreadable (row 2): it is empty. The column 'reason' says why; the command therefore ends "
        "with exit code 3."
    ) in caplog.messages
    assert ".png" not in caplog.text
    with pytest.raises(SystemExit) as ended:
        table.exit_if_unreadable()
    assert ended.value.code == DATA


def test_multiclass_labels(tmp_path: Path) -> None:
    table = InferenceTable(tmp_path, ITEMS, ["x", "y"], "multiclass")
    decisions = np.array([[False, True], [True, False]])
    engine_of(table, [{**OUTPUTS[0], "decisions": decisions, "unreadable": {}}]).run()
    header, first, second = rows(tmp_path)
    assert header[-3] == "decision"
    assert (first[-3], second[-3]) == ("y", "x")
    table.exit_if_unreadable()  # which it does not


def test_the_log_names_the_first_unreadable_ones_and_the_table_all(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    items = [{"name": f"{number}.png"} for number in range(30)]
    output = {"index": np.zeros(0, int), "probabilities": np.zeros((0, 1)), "unreadable": dict.fromkeys(range(30), "r")}
    engine_of(InferenceTable(tmp_path, items, ["x"], "multilabel"), [output]).run()
    assert sum("cannot be read: r" in text for text in caplog.messages) == 20
    assert "Done: 0 of 30. 30 unreadable (rows 1, 2, 3, 4, 5 and others): r" in caplog.text
    assert [row[2] for row in rows(tmp_path)[1:]] == ["unreadable"] * 30


@pytest.mark.parametrize(
    ("done", "unreadable", "said"),
    [
        (8, {}, "Done: 8 of 8."),
        (7, {5: "it is empty."}, "Done: 7 of 8. 1 unreadable (row 6): it is empty"),
        (0, {1: "a", 0: "a"}, "Done: 0 of 2. 2 unreadable (rows 1, 2): a"),
        (5, {9: "a", 1: "b", 3: "a."}, "Done: 5 of 8. 3 unreadable (rows 2, 4, 10): 2 a; 1 b"),
        (
            *(0, dict(enumerate("aabbcde"))),
            "Done: 0 of 7. 7 unreadable (rows 1, 2, 3, 4, 5 and others): 2 a; 2 b; 1 c; 2 for other reasons",
        ),
    ],
)
def test_the_last_line_counts_images_and_reasons(done: int, unreadable: dict[int, str], said: str) -> None:
    assert done_in_words(done, unreadable) == said


def test_the_last_line_stands_behind_what_other_handlers_say(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Talker:
        def attach(self, engine: Any) -> None:
            engine.add_event_handler(RunEvents.FINISH_RUN, lambda: logging.getLogger(__name__).warning("overlays"))

    caplog.set_level(logging.INFO)
    table = InferenceTable(tmp_path, ITEMS, ["x", "y"], "multilabel", overwrite=True)
    engine = engine_of(table, OUTPUTS[1:])
    Talker().attach(engine)
    for _ in range(2):
        caplog.clear()
        engine.state.epoch = engine.state.iteration = 0
        engine.run()
        own = [text for text in caplog.messages if "Engine run" not in text and "Epoch[" not in text]
        assert own[-2:] == ["overlays", "Done: 1 of 1."], "once"
        assert own.count("Done: 1 of 1.") == 1


def test_an_earlier_table_stays_unless_told_otherwise(tmp_path: Path) -> None:
    (tmp_path / "grad_cam").mkdir()
    for name in ("classified.csv", "grad_cam/row000009_x.png"):
        (tmp_path / name).write_text("old")
    table = InferenceTable(tmp_path, ITEMS, ["x", "y"], "multilabel")
    for refused in (table.check, engine_of(table, OUTPUTS).run):
        with pytest.raises(RunFolderError):
            refused()
    assert (tmp_path / "classified.csv").read_text() == "old"
    replacing = InferenceTable(tmp_path, ITEMS, ["x", "y"], "multilabel", overwrite="true")
    engine = engine_of(replacing, OUTPUTS)
    engine.run()
    assert not (tmp_path / "grad_cam" / "row000009_x.png").exists()
    assert len(rows(tmp_path)) == 5
    with pytest.raises(SettingsError, match="overwrite"):
        InferenceTable(tmp_path, ITEMS, ["x"], "multilabel", overwrite="maybe")


def test_a_second_run_begins_anew(tmp_path: Path) -> None:
    table = InferenceTable(tmp_path, ITEMS, ["x", "y"], "multilabel", overwrite=True)
    engine_of(table, OUTPUTS).run()
    engine_of(table, OUTPUTS[1:]).run()
    assert [row[0] for row in rows(tmp_path)] == ["row", "4"]
    table.exit_if_unreadable()


def test_windows_that_were_ignored_are_counted_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = InferenceTable(tmp_path, ITEMS, ["x", "y"], "multilabel", overwrite=True)
    engine_of(table, OUTPUTS).run()
    assert "window" not in caplog.text
    for _ in range(2):  # a second run counts anew
        caplog.clear()
        engine_of(table, [{**OUTPUTS[0], "windows_ignored": 1}, {**OUTPUTS[1], "windows_ignored": 1}]).run()
        assert any(text.startswith("2 of 3 pictures have a DICOM window") for text in caplog.messages)


def typical(validation_images: int) -> TypicalFeatures:
    gaussian = fit_shrunk_gaussian(np.random.default_rng(0).random((9, 2)))
    return TypicalFeatures(gaussian, np.arange(validation_images, dtype=float), 9)


def test_images_of_another_kind_are_noted_and_counted_and_classified_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    table = InferenceTable(tmp_path, ITEMS, ["x", "y"], "multilabel", unusual_limit=95, typical=typical(30))
    hip = "the DICOM header says Body Part Examined HIP, but the classifier is for chest X-rays"
    outputs = [
        {**OUTPUTS[0], "unusual_percentiles": np.array([94.99, 95.0]), "contradictions": {2: hip}},
        {**OUTPUTS[1], "unusual_percentiles": np.array([0.0]), "contradictions": {3: hip}},
    ]
    engine_of(table, outputs).run()
    unusual = "unlike the images that the classifier was made with"
    assert [row[-2:] for row in rows(tmp_path)[1:]] == [
        *(["94.99", ""], ["", ""], ["95.00", f"{unusual}; {hip}"], ["0.00", hip])
    ]
    assert [row[2] for row in rows(tmp_path)[1:]] == ["ok", "unreadable", "ok", "ok"]
    assert any("2 of 3 images are of another kind by their DICOM header (rows 3, 4;" in m for m in caplog.messages)
    said = "1 of 3 images are unlike the classifier's own (unusual_percentile 95 or more; about 0.15 would be so"
    assert any(said in message and "row 3." in message for message in caplog.messages)


def test_too_few_validation_images_to_warn_are_said_to_be_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    outputs = [{**OUTPUTS[0], "unusual_percentiles": np.array([96.77, 96.77])}]
    engine_of(InferenceTable(tmp_path, ITEMS, ["x", "y"], "multilabel", typical=typical(30)), outputs).run()
    said = "validation images, so that it is 96.8 at most, below unusual_limit 99 (which needs 99 validation images)"
    assert any(said in message for message in caplog.messages)
    assert [row[-1] for row in rows(tmp_path)[1:]] == ["", "", ""]
    caplog.clear()
    options: dict[str, Any] = {"overwrite": True, "unusual_limit": 100, "typical": typical(300)}
    engine_of(InferenceTable(tmp_path, ITEMS, ["x", "y"], "multilabel", **options), outputs).run()
    assert "unusual" not in caplog.text


def test_of_many_rows_the_first_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    items = [{"name": f"{number}.png"} for number in range(30)]
    output = {
        **{"index": np.arange(30), "probabilities": np.full((30, 1), 0.5), "unreadable": {}},
        "unusual_percentiles": np.full(30, 99.5),
    }
    engine_of(InferenceTable(tmp_path, items, ["x"], "multilabel", typical=typical(300)), [output]).run()
    assert any("rows 1, 2, 3" in m and "20 and 10 more" in m for m in caplog.messages)
