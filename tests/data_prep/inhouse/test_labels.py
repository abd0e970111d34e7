from __future__ import annotations

import pytest

from data_prep.inhouse.labels import read_labels
from monai_mocoi.errors import DatasetError


def read(**columns: list[str]):  # type: ignore[no-untyped-def]
    return read_labels(list(columns.items()), range(2, 2 + len(next(iter(columns.values())))))


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
        read(p=["yes", "no"] * 20 + ["2"], grade=["2", "3"] * 20 + [""])


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


@pytest.mark.parametrize(("cells", "answer"), [(["0", "no", ""], "no"), (["yes", "yes", "yes"], "yes")])
def test_a_finding_with_one_answer_is_refused(cells: list[str], answer: str) -> None:
    with pytest.raises(DatasetError, match=rf"'q' \({answer}\) has one answer"):
        read(p=["yes", "no", "no"], q=cells)
    with pytest.raises(DatasetError, match="one answer"):
        read(q=cells)


def test_f_means_no_only_beside_t() -> None:
    assert read(p=["F", "T", "", "f"]).values == [[0], [1], [None], [0]]
    kinds = read(p=["F", "N", "F", "N"])  # not two words for no
    assert (kinds.names, kinds.kind, kinds.values) == (("F", "N"), "single", [0, 1, 0, 1])
    assert read(sex=["F", "M", "M", ""]).values == [0, 1, 1, None]


def test_grades_that_are_mostly_0_and_1_are_classes_and_it_is_said() -> None:
    grades = read(grade=["0", "1"] * 30 + ["3", "00", "01", "-1"])
    assert (grades.names, grades.kind) == (("0", "1", "3"), "single")
    assert grades.values[-4:] == [2, 0, 1, None]
    assert len(grades.lines) == 1
    assert "'grade' holds numbers beside 0 and 1 in 1 of 63 rows" in grades.lines[0]
    assert read(grade=["0", "1", "2", "3"]).lines == ()


def test_classes_beside_findings_are_a_finding_each() -> None:
    labels = read(p=["yes", "no", "", "no"], grade=["2", "0", "", "0"], kind=["a", "b", "a", "?"])
    assert labels.kind == "multi"
    assert labels.names == ("p", "grade: 0", "grade: 2", "kind: a", "kind: b")
    assert labels.values == [[1, 0, 1, 1, 0], [0, 1, 0, 0, 1], [None, None, None, 1, 0], [0, 1, 0, None, None]]
    assert labels.words == {"grade": ("0", "2"), "kind": ("a", "b")}
    with pytest.raises(DatasetError, match="more than 20"):
        read(p=["yes", "no"] * 21, kind=[f"k{n}" for n in range(21)] * 2)
    with pytest.raises(DatasetError, match="rename"):
        read_labels([("k", ["a", "b"]), ("k: a", ["0", "1"])], [2, 3])


@pytest.mark.parametrize(
    "words", [("März 2019", "Mai 2019"), ("4/31", "5/62"), ("Dr. Meier", "Dr. Ott"), ("1963", "1931")]
)
def test_classes_that_are_dates_or_people(words: tuple[str, str]) -> None:
    with pytest.raises(DatasetError, match=r"cannot be a label: it holds (months|names)") as error:
        read(p=list(words) * 5)
    assert not [word for word in words if word in str(error.value)]
