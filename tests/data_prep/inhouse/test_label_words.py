from __future__ import annotations

from collections import Counter

import pytest

from data_prep.inhouse.label_words import free_text, read_labels, yes_or_no
from monai_mocoi.data.errors import DatasetError


def read(**columns: list[str]):  # type: ignore[no-untyped-def]
    return read_labels(list(columns.items()), range(2, 2 + len(next(iter(columns.values())))))


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


def test_any_number_of_findings_with_gaps() -> None:
    labels = read(pneumonia=["yes", "no", ""], effusion=["1.0", "", "0"])
    assert labels.names == ("pneumonia", "effusion")
    assert labels.kind == "multi"
    assert labels.values == [[1, 1], [0, None], [None, 0]]


def test_one_column_of_yes_and_no_is_one_finding() -> None:
    labels = read(pneumonia=["yes", "no", ""])
    assert (labels.names, labels.kind, labels.values) == (("pneumonia",), "multi", [[1], [0], [None]])


def test_classes_in_the_order_of_numbers_or_letters() -> None:
    grades = read(grade=["10", "2", "0", "1.0", "", "2,0", "0", "1", "10"])
    assert grades.names == ("0", "1", "2", "10")
    assert grades.kind == "single"
    assert grades.values == [3, 2, 0, 1, None, 2, 0, 1, 3]
    words = read(kind=["negative", "typical", "atypical", "negative", "typical  "])
    assert words.names == ("atypical", "negative", "typical")
    assert words.values == [1, 2, 0, 1, 2]


def test_a_slip_among_yes_and_no_is_an_error_that_names_the_row_and_not_the_cell() -> None:
    with pytest.raises(DatasetError, match=r"1 of 41 cells of 'p' .* \(rows 42\)") as error:
        read(p=["yes", "no"] * 20 + ["see Qvistgaard"])
    assert "Qvist" not in str(error.value)
    with pytest.raises(DatasetError, match="neither yes nor no"):
        read(p=["yes", "no"], grade=["2", "3"])


def test_free_text_is_no_label() -> None:
    comments = [f"Qvistgaard {n}: normal" for n in range(30)]
    with pytest.raises(DatasetError, match="30 different values") as error:
        read(comment=comments)
    assert "Qvist" not in str(error.value)


def test_nothing_known_and_one_class() -> None:
    with pytest.raises(DatasetError, match="in any row"):
        read(p=["", "?"])
    with pytest.raises(DatasetError, match=r"1 class\(es\)"):
        read(p=["typical", "typical"])


def test_what_is_free_text() -> None:
    assert free_text(Counter({"A": 3, "B": 4}), 7) is None
    assert free_text(Counter({"A": 1, "B": 1}), 2) is None  # too few rows to tell
    assert free_text(Counter({str(n): 5 for n in range(20)}), 100) is None
    assert "more than 20" in str(free_text(Counter({str(n): 5 for n in range(21)}), 105))
    assert "different values in 6 rows" in str(free_text(Counter(map(str, range(6))), 6))
    assert "characters" in str(free_text(Counter({"x" * 41: 50, "y": 3}), 53))
    assert "dates or ids" in str(free_text(Counter({"2019-03-04": 50, "y": 3}), 53))
