from __future__ import annotations

import pytest

from data_prep.inhouse.identifying_text import has_title, is_dated, name_words, names_people

NAMES = name_words(["Qvistgaard^Thaddeus", "Müllerström^Zoë", "White^Ada", "Black^Bo", "Long^Cleo"])

DATED = "März 2019|4/31|04.1931|4.3.2019|3/31/2019|2019-03|Mar 2019|3. Dez|May 19|geb.1963|1963|août|Juli|FÉVR. 20"

NOT_DATED = "Mayo 2|may be benign|OCT 2|OCT|3/4|20/40|1.5|0.1950|10|800|T2 N1|decay|marker|2150|Augustana|12-20|"


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


@pytest.mark.parametrize("text", [*DATED.split("|"), "seen on 04/03/19", "1-Oct-2019", "mayo 2019"])
def test_a_text_with_a_date_month_or_year(text: str) -> None:
    assert is_dated(text)


@pytest.mark.parametrize("text", NOT_DATED.split("|"))
def test_a_text_without_a_date(text: str) -> None:
    assert not is_dated(text)
