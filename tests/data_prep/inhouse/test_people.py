from __future__ import annotations

from data_prep.inhouse.people import name_words, names_people

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
