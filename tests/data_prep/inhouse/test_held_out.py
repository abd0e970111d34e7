from __future__ import annotations

from datetime import date, timedelta

import pytest

from data_prep.inhouse.held_out import (
    EARLIER,
    OTHER_SITE,
    hold_out_latest,
    hold_out_sites,
    latest_share,
    parse_test_from,
)
from monai_mocoi.errors import DatasetError

DAY = date(2020, 1, 1)


def _day(number):
    return DAY + timedelta(days=number)


# name -> (patient, site, day)
IMAGES = {
    "a": ("p1", "s1", 0),
    "b": ("p1", "s2", 5),
    "c": ("p2", "s1", 3),
    "d": ("p3", "s2", 6),
    "e": ("p4", None, None),
    "f": ("p3", None, None),
}
PATIENTS = {name: patient for name, (patient, _, _) in IMAGES.items()}
SITES = {name: site for name, (_, site, _) in IMAGES.items()}
DAYS = {name: None if day is None else _day(day) for name, (_, _, day) in IMAGES.items()}


def test_a_site_is_tested_on_and_its_patients_nowhere_else():
    held = hold_out_sites(SITES, PATIENTS, ["s2"])
    assert held.test == {"b", "d"}
    assert held.left_out == {OTHER_SITE: ["a", "f"]}
    assert held.lines == (
        "Test split: 2 images of 2 patients of 1 site",
        "2 other images of these patients are left out",
        "the site of 2 images is not known: they are trained on",
    )


def test_the_latest_are_tested_on_and_their_patients_earlier_images_are_left_out():
    held = hold_out_latest(DAYS, PATIENTS, _day(5))
    assert held.test == {"b", "d"}
    assert held.left_out == {EARLIER: ["a", "f"]}
    assert hold_out_latest(DAYS, PATIENTS, _day(6)).test == {"d"}
    assert "2020" not in " ".join(held.lines)


def test_no_patient_is_on_both_sides():
    for held in (hold_out_sites(SITES, PATIENTS, ["s1"]), hold_out_latest(DAYS, PATIENTS, _day(3))):
        used = set(IMAGES) - {name for names in held.left_out.values() for name in names}
        tested = {PATIENTS[name] for name in held.test}
        assert tested.isdisjoint(PATIENTS[name] for name in used - held.test)


def test_without_a_patient_on_both_sides_nothing_is_left_out():
    held = hold_out_sites({"a": "s1", "b": "s2"}, {"a": "p1", "b": "p2"}, ["s2"])
    assert held.left_out == {}
    assert held.lines == ("Test split: 1 images of 1 patients of 1 site",)


def test_what_holds_nothing_or_everything_is_refused():
    with pytest.raises(DatasetError, match=r"1 of the 2 sites to test on have no image. The sites .* are s1, s2;"):
        hold_out_sites(SITES, PATIENTS, ["s1", "Corvinus"])
    with pytest.raises(DatasetError, match=r"no image is as late .* of 2 of 6") as refused:
        hold_out_latest(DAYS, PATIENTS, _day(7))
    assert refused.value.exit_code == 2
    with pytest.raises(DatasetError, match="no image is left to train on"):
        hold_out_sites({"a": "s1", "b": "s1"}, {"a": "p1", "b": "p2"}, ["s1"])
    with pytest.raises(DatasetError, match="not known"):
        hold_out_sites({"a": None}, {"a": "p1"}, ["s1"])


@pytest.mark.parametrize(
    ("days", "share", "first"),
    [
        (range(10), 0.2, 8),
        (range(10), 0.01, 9),  # at least one
        (range(10), 0.99, 1),  # never all
        ([0, 1, 1, 1, 1, 2], 0.2, 2),  # 1 of 6 wanted: the last day has it
        ([0, 1, 1, 2], 0.5, 1),  # 1 or 3 are as near to 2: the more the better for a test
        ([0, 1, 1, 1, 1, 1, 1, 2, 2], 0.34, 2),  # 3.06 wanted: 2 are nearer than 8
        ([0, 1, 1, 1, 2], 0.7, 1),
        ([0, 0, 0, 1], 0.9, 1),
    ],
)
def test_the_day_from_which_on_a_share_of_the_images_is(days, share, first):
    dates = {str(k): _day(day) for k, day in enumerate(days)} | {"unknown": None}
    assert latest_share(dates, share) == _day(first)
    off = {day: abs(sum(other >= day for other in days) - share * len(days)) for day in set(days) if day > min(days)}
    assert off[first] == min(off.values())  # against all days there are


@pytest.mark.parametrize("days", [[], [None], [_day(1), _day(1)]])
def test_no_share_is_the_latest_without_different_dates(days):
    with pytest.raises(DatasetError, match="--date-column"):
        latest_share({str(k): day for k, day in enumerate(days)}, 0.2)


@pytest.mark.parametrize(
    ("text", "value"), [("2020-01-01", DAY), (" 2020-01-01 ", DAY), ("0.2", 0.2), (".5", 0.5), ("20200101", DAY)]
)
def test_a_day_or_a_share(text, value):
    assert parse_test_from(text) == value


@pytest.mark.parametrize("text", ["", "0", "1", "1.5", "nan", "01.02.2020", "2020-13-01", "latest"])
def test_neither_a_day_nor_a_share(text):
    with pytest.raises(DatasetError, match="neither a day") as refused:
        parse_test_from(text)
    assert not text or text not in str(refused.value).replace("0 and 1", "")
