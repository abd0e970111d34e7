from __future__ import annotations

import pytest

from data_prep.inhouse.identifying_text import has_title, name_words, names_people

NAMES = name_words(["Qvistgaard^Thaddeus", "Müllerström^Zoë", "White^Ada", "Black^Bo", "Long^Cleo"])


def test_words_of_names() -> None:
    assert {"qvistgaard", "müllerström", "zoë", "white"} <= NAMES
    assert "bo" not in NAMES  # too short to mean anything


def test_a_column_of_names() -> None:
    assert names_people(["QVISTGAARD", "Dr Müllerström", "white", "somebody"], NAMES)


def test_a_few_words_that_are_names_too() -> None:
    assert not names_people(["White", "Black", "Asian", "other"], NAMES)
    assert not names_people(["long", "white", "black", "a", "b", "c"], NAMES)
    assert not names_people([], NAMES)


def test_two_of_two_values_that_are_names_are_enough() -> None:
    assert names_people(["Qvistgaard", "Müllerström"], NAMES)
    assert names_people(["Qvistgaard"], NAMES)
    assert not names_people(["Qvistgaard", "other"], NAMES)


@pytest.mark.parametrize(
    "text",
    ["Dr. Meier", "Dr Meier", "Prof. Dr. med. X", "dra. García", "Mme Dupont", "HERR Meier", "Frau Ünal", "ms. Li"],
)
def test_a_title_before_a_name(text: str) -> None:
    assert has_title(text)


@pytest.mark.parametrize(
    "text", ["MS severe", "DR mild", "MR", "drain", "professional", "Dr.", "cancer", "OA knee", "Mrsa"]
)
def test_no_title(text: str) -> None:
    assert not has_title(text)
