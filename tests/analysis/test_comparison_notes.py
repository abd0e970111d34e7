from __future__ import annotations

from typing import Any

import pytest

from monai_mocoi.analysis import notes_for_the_reader

RESULT = {"metric": "macro_auc", "patients": 23, "overall": {"value": 0.265}}


def metrics(value: float | None, **more: Any) -> dict[str, Any]:
    validation = {} if value is None else {"validation": {"validation/macro_auc": value}}
    return {"split": "test", "tested": {"start": {"kind": "none"}, **validation}, **more}


@pytest.mark.parametrize(
    ("difference", "first", "second", "warned"),
    [
        (0.265, 0.601, 0.563, True),
        (-0.265, 0.563, 0.601, True),
        (0.265, 0.563, 0.601, False),
        (0.265, 0.6, 0.6, False),
        (0.0, 0.601, 0.563, False),
        (0.265, None, 0.563, False),
    ],
)
def test_validation_that_points_the_other_way(
    difference: float, first: float | None, second: float | None, warned: bool
) -> None:
    result = {**RESULT, "overall": {"value": difference}}
    notes = notes_for_the_reader(result, metrics(first), metrics(second))
    assert any("validation points the other way" in note for note in notes) is warned


def test_validation_on_too_few_images_to_choose_by_is_no_warning() -> None:
    few = {**metrics(0.490), "tested": {**metrics(0.490)["tested"], "selected": {"epoch": 3, "value": None}}}
    notes = notes_for_the_reader({**RESULT, "overall": {"value": 0.265}}, few, metrics(0.451))
    (note,) = [note for note in notes if "points the other way" in note]
    assert note.startswith("Validation points the other way")
    assert "too few images" in note


def test_another_metric_of_validation_is_not_taken() -> None:
    notes = notes_for_the_reader({**RESULT, "metric": "macro_f1"}, metrics(0.601), metrics(0.563))
    assert not any("validation" in note for note in notes)


def test_seen_test_images_are_told_of_each_side() -> None:
    counts = {"images": 72, "seen_images": 66, "patients": 23, "seen_patients": 0}
    unknown = {"checked": False, "reason": "of another key"}
    first = metrics(None, pretraining_overlap={"checked": True, "splits": {"test": counts}})
    notes = notes_for_the_reader(RESULT, first, metrics(None, pretraining_overlap=unknown))
    assert any(note.startswith("WARNING: A: 66 of 72 test images were seen") for note in notes)
    assert any(note.startswith("B: Whether test images were seen") for note in notes)


def test_one_seed_and_the_number_of_patients_are_always_told() -> None:
    notes = notes_for_the_reader(RESULT, None, None)
    assert [note.partition(":")[0] for note in notes[:2]] == ["A", "B"]
    assert all("nothing is known" in note for note in notes[:2])
    assert notes[2].startswith("One training run of each is compared, on 23 test patients")
    assert len(notes) == 3
