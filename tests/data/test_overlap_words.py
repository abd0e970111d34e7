from __future__ import annotations

from typing import Any

import pytest

from monai_mocoi.data import overlap_in_words, overlap_warnings


def overlap(seen_images: int, seen_patients: int, **more: Any) -> dict[str, Any]:
    counts = {"images": 72, "seen_images": seen_images, "patients": 23, "seen_patients": seen_patients}
    return {"checked": True, "splits": {"test": counts}, **more}


@pytest.mark.parametrize(
    ("seen", "patients", "starts"),
    [
        (66, 21, ["66 of 72 test images were seen", "21 of 23 test patients have the id"]),
        (0, 3, ["3 of 23 test patients have the id"]),
        (5, 0, ["5 of 72 test images were seen"]),
        (0, 0, []),
    ],
)
def test_what_was_seen_is_warned_of(seen: int, patients: int, starts: list[str]) -> None:
    warnings = overlap_warnings(overlap(seen, patients))
    assert len(warnings) == len(starts)
    assert all(warning.startswith(start) for warning, start in zip(warnings, starts, strict=True))
    assert (overlap_in_words(overlap(seen, patients)) is None) is bool(starts)


def test_no_overlap_and_no_answer_are_told_apart() -> None:
    assert "None of the 72 test images" in str(overlap_in_words(overlap(0, 0)))
    unknown = {"checked": False, "reason": "of another key"}
    assert overlap_in_words(unknown) == "Whether test images were seen in pretraining cannot be told: of another key."
    assert overlap_warnings(unknown) == []


def test_where_they_were_seen_and_what_is_unknown_before_that_is_told() -> None:
    both = {"seen_in": ["pretraining", "training"]}
    assert "5 of 72 test images were seen in pretraining or training (" in overlap_warnings(overlap(5, 0, **both))[0]
    assert "of a patient in pretraining or training." in overlap_warnings(overlap(0, 3, **both))[0]
    unknown = {"seen_in": ["training"], "unknown": "of another key"}
    before = "Whether test images were seen before that cannot be told: of another key."
    none = "None of the 72 test images and 23 test patients was seen in training (identical pixels and ids)."
    assert overlap_in_words(overlap(0, 0, **unknown)) == f"{none} {before}"
    assert overlap_in_words(overlap(5, 0, **unknown)) == before
    unread = {"checked": False, "reason": "of another key", **both}
    assert "were seen in pretraining or training cannot" in str(overlap_in_words(unread))


def test_without_pretraining_and_of_another_split_nothing_is_said() -> None:
    for nothing in (None, {}):
        assert overlap_warnings(nothing) == []
        assert overlap_in_words(nothing) is None
    assert overlap_warnings(overlap(66, 21), "validation") == []
    assert overlap_in_words(overlap(66, 21), "validation") is None
