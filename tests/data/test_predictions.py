from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_mocoi.data import Predictions, read_predictions, write_predictions
from monai_mocoi.errors import NotFinitePredictionError, PredictionsError
from monai_mocoi.exit_codes import DATA, NOT_FINITE
from monai_mocoi.metrics import UNKNOWN


def findings(count: int = 4) -> Predictions:
    generator = np.random.default_rng(0)
    return Predictions(
        tuple(f"images/{i}.png" for i in range(count)),
        tuple(f"p{i // 2}" for i in range(count)),
        ("Mass", 'Nodule, "small"'),
        "multilabel",
        generator.integers(0, 2, (count, 2)),
        generator.random((count, 2)),
    )


def grades(count: int = 4) -> Predictions:
    made = findings(count)
    return replace(made, classes=("none", "mild"), kind="multiclass", labels=np.arange(count) % 2)


def same(first: Predictions, second: Predictions) -> bool:
    arrays = ("labels", "probabilities")
    return all(np.array_equal(getattr(first, name), getattr(second, name)) for name in arrays) and (
        (first.images, first.patients, first.classes, first.kind)
        == (second.images, second.patients, second.classes, second.kind)
    )


@pytest.mark.parametrize("make", [findings, grades])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_every_digit_comes_back(tmp_path: Path, make: Any, count: int) -> None:
    made = make(count)
    if count:
        made.probabilities[0] = [0.1 + 0.2, 5e-324]
    write_predictions(tmp_path / "new" / "predictions.csv", made)
    assert same(read_predictions(tmp_path / "new" / "predictions.csv"), made)
    assert list((tmp_path / "new").iterdir()) == [tmp_path / "new" / "predictions.csv"]


def test_what_the_file_looks_like(tmp_path: Path) -> None:
    one = replace(findings(1), labels=np.array([[1, 0]]), probabilities=np.array([[0.25, 1.0]]))
    write_predictions(tmp_path / "p.csv", one)
    assert list(csv.reader((tmp_path / "p.csv").read_text().splitlines())) == [
        ["image", "patient", "label_Mass", 'label_Nodule, "small"', "probability_Mass", 'probability_Nodule, "small"'],
        ["images/0.png", "p0", "1", "0", "0.25", "1.0"],
    ]
    two = replace(grades(2), probabilities=np.array([[0.25, 0.75], [0.5, 0.5]]))
    write_predictions(tmp_path / "p.csv", two)
    assert (tmp_path / "p.csv").read_text().splitlines() == [
        "image,patient,label,probability_none,probability_mild",
        "images/0.png,p0,none,0.25,0.75",
        "images/1.png,p0,mild,0.5,0.5",
    ]


def test_files_of_other_programs(tmp_path: Path) -> None:
    """Columns in any order, more of them, a byte order mark, Windows line ends, blank lines."""
    text = "note,probability_A,patient,label_A,image\r\nx,1e-3,p1,1,a.png\r\n\r\ny,0.5,p2,0,b.png\r\n"
    (tmp_path / "p.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    found = read_predictions(tmp_path / "p.csv")
    assert found.images == ("a.png", "b.png")
    assert found.patients == ("p1", "p2")
    assert found.labels.tolist() == [[1], [0]]
    assert found.probabilities.tolist() == [[0.001], [0.5]]


def test_indicators() -> None:
    made = findings()
    np.testing.assert_array_equal(made.indicators(), made.labels == 1)
    assert grades().indicators().tolist() == [[True, False], [False, True]] * 2


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"patients": ("p0",)}, "4 images and 2 classes do not fit 1 patients"),
        ({"labels": np.zeros(4, dtype=int)}, r"labels \(4,\)"),
        ({"probabilities": np.zeros((4, 3))}, r"probabilities \(4, 3\)"),
        ({"images": ("a", "b", "a", "c")}, "images 1 and 3 of 4 have the same name"),
        ({"classes": ("A", "A")}, "the class 'A' is there twice"),
        ({"patients": ("p0", "", "p1", "p1")}, "image 2 of 4 lacks its name"),
        ({"images": ("a", "b", "", "c")}, "image 3 of 4 lacks its name"),
        ({"labels": np.full((4, 2), 2)}, "labels go from 2 to 2, not from 0 to 1"),
        ({"probabilities": np.full((4, 2), 1.5)}, "from 1.5 to 1.5, not from 0 to 1"),
        ({"kind": "binary"}, "kind of labels is 'binary'"),
    ],
)
def test_what_cannot_be_predictions(change: dict[str, Any], text: str) -> None:
    with pytest.raises(PredictionsError, match=text) as caught:
        replace(findings(), **change)
    assert caught.value.exit_code == DATA


def test_class_numbers_are_checked() -> None:
    for number in (-1, 2):
        with pytest.raises(PredictionsError, match=r"not from 0 to 1 \(multiclass\)"):
            replace(grades(), labels=np.array([0, 1, number, 0]))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_prediction_that_is_no_number_is_an_error(value: float) -> None:
    said = findings().probabilities.copy()
    said[2, 1] = said[3, 0] = value
    with pytest.raises(
        NotFinitePredictionError, match=r'probability of Nodule, "small" is \w+ for image 3 of'
    ) as caught:
        replace(findings(), probabilities=said)
    assert "2 such values in 2 of 4 images" in str(caught.value)
    assert caught.value.exit_code == NOT_FINITE


HEADER = "image,patient,label_A,probability_A\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it lacks image, patient, probability_<class>"),
        (
            "row,image,status,reason,probability_A,decision_A\n1,a.png,ok,,0.5,1\n",
            r"inference writes: it has no patients and no true labels\. Give the predictions\.csv of an evaluation",
        ),
        ("image,patient,label_A\na,p,1\n", "needs the columns image, patient"),
        ("Smith.png,Smith,1,0.5\n", r"first row; it lacks image, patient, probability_<class>\.$"),
        (HEADER.replace(",", ";") + "a;p;1;0,5\n", "p.csv has semicolons between its columns; save it with commas"),
        (HEADER.replace(",", "\t") + "a\tp\t1\t0.5\n", "has tabs between"),
        ("image,label_A,probability_A\na,1,0.5\n", r"it lacks patient\."),
        (HEADER + "a,p,1,0.5\nb,p,yes,0.5\n", "p.csv, row 3: a cell is missing, a label"),
        (HEADER + "a,p,1,half\n", "row 2: .* no number"),
        (HEADER + "a,p,1\n", "row 2: a cell is missing"),
        (HEADER + "a,p,1,0.5\na,p,1,0.5\n", "images 1 and 2 of 2 have the same name"),
        ("image,patient,label,probability_A\na,p,B,0.5\n", "nor a class's name"),
        ("image,patient,patient,label_A,probability_A\na,p,p,1,0.5\n", "two columns called 'patient'"),
    ],
)
def test_unreadable_files(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(PredictionsError, match=message) as caught:
        read_predictions(tmp_path / "p.csv")
    assert str(tmp_path) not in str(caught.value)


def test_no_text_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PredictionsError, match="save it as CSV UTF-8"):
        read_predictions(tmp_path / "p.csv")
    with pytest.raises(PredictionsError, match=r"there is no file 'q\.csv'"):
        read_predictions(tmp_path / "q.csv")
    (tmp_path / "nan.csv").write_text(HEADER + "a,p,1,nan\n")
    with pytest.raises(NotFinitePredictionError):
        read_predictions(tmp_path / "nan.csv")


def test_what_is_not_known_is_an_empty_cell(tmp_path: Path) -> None:
    made = replace(findings(), labels=np.array([[1, UNKNOWN], [UNKNOWN, 0], [0, 0], [1, 1]]))
    write_predictions(tmp_path / "p.csv", made)
    rows = list(csv.reader((tmp_path / "p.csv").read_text().splitlines()))
    assert [row[2:4] for row in rows[1:]] == [["1", ""], ["", "0"], ["0", "0"], ["1", "1"]]
    assert same(read_predictions(tmp_path / "p.csv"), made)
    assert made.truth().tolist() == made.labels.tolist()
    assert made.indicators().tolist() == [[True, False], [False, False], [False, False], [True, True]]
    assert made.sides()[1].tolist() == [[False, False], [False, True], [True, True], [False, False]]
    assert made.unknown() == {"Mass": 1, 'Nodule, "small"': 1}
    assert grades().unknown() == findings().unknown() == {}


def test_another_programs_file_with_empty_labels(tmp_path: Path) -> None:
    """As pandas writes columns with missing values: decimal numbers. Rows without any label are left out."""
    text = "image,patient,label_A,label_B,probability_A,probability_B\n"
    text += "a,p1,1.0,,.5,.5\nb,p2,,,.5,.5\nc,p3,0.0,1.0,.5,.5\n"
    (tmp_path / "p.csv").write_text(text)
    found = read_predictions(tmp_path / "p.csv")
    assert (found.images, found.labels.tolist(), found.unlabelled) == (("a", "c"), [[1, UNKNOWN], [0, 1]], 1)
    text = "image,patient,label,probability_no,probability_yes\na,p1,,.5,.5\nb,p2,yes,.5,.5\n"
    (tmp_path / "p.csv").write_text(text)
    found = read_predictions(tmp_path / "p.csv")
    assert (found.images, found.labels.tolist(), found.unlabelled) == (("b",), [1], 1)
    (tmp_path / "p.csv").write_text(text.replace("yes,.5", ",.5"))
    with pytest.raises(PredictionsError, match="no row has a true label"):
        read_predictions(tmp_path / "p.csv")
