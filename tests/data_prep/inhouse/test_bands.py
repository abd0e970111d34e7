from __future__ import annotations

import pytest

from data_prep.inhouse.bands import OTHER, VENDORS, age_in_years, band_rare, banded, vendor


@pytest.mark.parametrize(
    ("text", "years"),
    [
        ("045Y", 45),
        ("018M", 1),
        ("011M", 0),
        ("100W", 1),
        ("700D", 1),
        ("003D", 0),
        ("089Y", 89),
        ("090Y", 90),
        ("091Y", 90),
        ("107Y", 90),
        ("45", 45),
        (" 45y ", 45),
        (45, 45),
        (89.99, 89),
        ("89.5", 89),
        ("90.0", 90),
        ("000Y", 0),
        *((text, 90) for text in ("90+", " 90 +", ">89", "> 89", ">=90", "\u226590", "90 and over", "90 or more")),
        (0, 0),
    ],
)
def test_ages(text, years):
    assert age_in_years(text) == years


@pytest.mark.parametrize(
    "text", ["", " ", None, "414Y", "126", "-3", "nan", "inf", "45Z", "Y", "1945-03-01", "19450301"]
)
def test_what_is_no_age(text):
    assert age_in_years(text) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("FUJI PHOTO FILM Co., ltd.", "Fujifilm"),
        ("FUJIFILM Corporation", "Fujifilm"),
        ('"GE Healthcare"', "GE"),
        ("GE MEDICAL SYSTEMS", "GE"),
        ("GEHealthCare", "GE"),
        ("SIEMENS", "Siemens"),
        ("Agfa-Gevaert", "Agfa"),
        ("Philips Medical Systems", "Philips"),
        ("TOSHIBA_MEC", "Canon"),
        ("KONICA MINOLTA", "Konica Minolta"),
        ("Carestream Health\0", "Carestream"),
        ("Nuremberge scanners", OTHER),
        ("St. Corvinus Klinikum", OTHER),
        ("", None),
        ("  \0", None),
        (None, None),
    ],
)
def test_vendors(text, name):
    assert vendor(text) == name
    assert name in (*VENDORS, OTHER, None)


def _of_patients(**counts):
    values, patient_of = {}, {}
    for value, n in counts.items():
        for k in range(n):
            for image in range(2):  # images do not count, patients do
                values[f"{value}{k}-{image}"] = value
                patient_of[f"{value}{k}-{image}"] = f"{value}{k}"
    return values, patient_of


def _sizes(values, patient_of):
    patients = {}
    for name, value in values.items():
        patients.setdefault(value, set()).add(patient_of[name])
    return {value: len(names) for value, names in patients.items()}


@pytest.mark.parametrize(
    ("before", "after", "rare"),
    [
        ({"a": 9, "b": 5}, {"a": 9, "b": 5}, []),
        ({"a": 9, "b": 4, "c": 2}, {"a": 9, OTHER: 6}, ["b", "c"]),
        ({"a": 9, "b": 6, "c": 4}, {"a": 9, "b": 6, None: 4}, ["c"]),  # four alone in "other" would stand out
        ({"a": 9, "c": 4, OTHER: 1}, {"a": 9, OTHER: 5}, ["c", OTHER]),
        ({"a": 9, "c": 1, OTHER: 6}, {"a": 9, OTHER: 7}, ["c"]),
        ({"a": 9, OTHER: 1}, {"a": 9, None: 1}, [OTHER]),
        ({"a": 2, "b": 1}, {None: 3}, ["a", "b"]),
        ({}, {}, []),
    ],
)
def test_rare_categories_are_put_together(before, after, rare):
    values, patient_of = _of_patients(**before)
    got, names = band_rare(values, patient_of, least=5)
    assert _sizes(got, patient_of) == after
    assert names == rare
    assert got.keys() == values.keys()


def test_least_of_one_keeps_all_and_unknown_stays_unknown():
    values, patient_of = _of_patients(a=1, b=1)
    assert band_rare(values, patient_of, least=1) == (values, [])
    assert band_rare({"x": None}, {"x": "p"}) == ({"x": None}, [])


def test_columns_of_numbers_stay():
    sex, patient_of = _of_patients(F=6, M=5, O=1)
    age = {name: k for k, name in enumerate(sex)}
    columns, counts = banded({"sex": sex, "age": age}, patient_of)
    assert columns["age"] == age
    assert _sizes(columns["sex"], patient_of) == {"F": 6, "M": 5, None: 1}
    assert counts == {"sex": 1}


def test_one_patient_of_a_rare_value_takes_no_large_one_away():
    sex, patient_of = _of_patients(F=21, M=24, O=1)
    columns, _ = banded({"sex": sex}, patient_of)
    assert _sizes(columns["sex"], patient_of) == {"F": 21, "M": 24, None: 1}
