from __future__ import annotations

from datetime import date

import pytest

from data_prep.inhouse.decided_splits import for_pretraining, held_out, own_part
from data_prep.inhouse.part import Part
from monai_mocoi.errors import DatasetError
from tests.support.some_drafts import some_draft

DRAFTS = [
    some_draft("a", "p1", 1, "North", date(2020, 1, 1)),
    some_draft("b", "p1", 0, "South", date(2021, 1, 1)),
    some_draft("c", "p2", None, "South", date(2019, 1, 1)),
    some_draft("d", "p3", None, None, date(2018, 1, 1)),
    some_draft("e", "p3", None, "South", None),
]


def test_a_site_is_held_out_with_its_patients() -> None:
    found = held_out(DRAFTS, ["NORTH"], None, str.upper)
    assert found.splits == {"a": "test"}
    assert [own.name for own in found.drafts] == ["a", "c", "d", "e"]  # b is of a patient who is tested on
    assert list(found.left_out.values()) == [["b"]]
    assert [step.name for step in found.steps] == ["Held out for the test"]


def test_the_latest_are_held_out() -> None:
    found = held_out(DRAFTS, [], "2020-06-01", str.upper)
    assert found.splits == {"b": "test"}
    assert [own.name for own in found.drafts] == ["b", "c", "d", "e"]


def test_nothing_is_held_out_unless_asked_for() -> None:
    found = held_out(DRAFTS, [], None, str.upper)
    assert (found.drafts, found.splits, found.left_out, found.steps) == (DRAFTS, {}, {}, [])


def test_patients_without_any_label_are_for_pretraining() -> None:
    found = for_pretraining(DRAFTS)
    assert found.splits == dict.fromkeys("cde", "pretraining")
    assert found.lines == ["3 images of patients without any label are for pretraining alone"]
    assert for_pretraining(DRAFTS[:2]).lines == []
    with pytest.raises(DatasetError, match="no image has a label"):
        for_pretraining(DRAFTS[2:])


def test_each_image_is_in_one_part() -> None:
    drafts = [some_draft(f"i{k}", f"p{k:x}") for k in range(20)]
    parts = [own_part(drafts, Part(number, 3)) for number in (1, 2, 3)]
    assert sorted(own.name for part in parts for own in part.drafts) == sorted(own.name for own in drafts)
    for part in parts:
        (others,) = part.left_out.values()
        assert {own.name for own in part.drafts} | set(others) == {own.name for own in drafts}
    assert own_part(drafts, Part(1, 1)).left_out == {}
