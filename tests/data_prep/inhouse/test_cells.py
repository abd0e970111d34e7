from __future__ import annotations

from collections import Counter

import pytest

from data_prep.inhouse.cells import class_words, free_text, yes_or_no


@pytest.mark.parametrize("cell", ["1", "1.0", "1,00", " Yes", "TRUE", "ja", "Positiv", "y", "wahr"])
def test_yes(cell: str) -> None:
    assert yes_or_no(cell) == 1


@pytest.mark.parametrize("cell", ["0", "0.0", "no", "False", "NEIN", "negative", "n", "00.0"[1:]])
def test_no(cell: str) -> None:
    assert yes_or_no(cell) == 0


@pytest.mark.parametrize("cell", ["", "  ", "NaN", "n/a", "?", "-1", "-1.0", "uncertain", "unbekannt", "NULL"])
def test_nothing_is_said(cell: str) -> None:
    assert yes_or_no(cell) is None


@pytest.mark.parametrize("cell", ["2", "0.5", "maybe", "-", "1.5", "10"])
def test_neither(cell: str) -> None:
    assert yes_or_no(cell) == cell


def test_what_is_free_text() -> None:
    assert free_text(Counter({"A": 3, "B": 4})) is None
    assert free_text(Counter({"A": 1, "B": 1})) is None  # too few rows to tell
    assert free_text(Counter({str(n): 5 for n in range(20)})) is None
    assert "more than 20" in str(free_text(Counter({str(n): 5 for n in range(21)})))
    assert "different values in 6 rows" in str(free_text(Counter(map(str, range(6)))))
    assert "characters" in str(free_text(Counter({"x" * 41: 50, "y": 3})))
    assert "dates or ids" in str(free_text(Counter({"2019-03-04": 50, "y": 3})))


def test_classes_that_differ_in_capitals_are_one_in_the_spelling_of_most() -> None:
    cells = ["benign", "Benign", "BENIGN", "Benign ", "malignant", "", "Malignant"]
    assert class_words(cells) == ["Benign"] * 4 + ["Malignant", None, "Malignant"]
    assert class_words(["01", "1,0", "x"]) == ["1", "1", "x"]


def test_none_is_a_class_beside_others() -> None:
    assert class_words(["none", "mild", "None ", "severe", "", "n/a"]) == ["None", "mild", "None", "severe", None, None]
