"""Files of the same images, read one after another: each as csv.DictReader and float read it, to the last digit."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monai_mocoi.data import Predictions, predictions_reader, write_predictions
from monai_mocoi.data.predictions_reader import PredictionsReader
from monai_mocoi.errors import NotFinitePredictionError, PredictionsError
from monai_mocoi.metrics import UNKNOWN
from tests.support.made_predictions import findings, multiclass_predictions

HEADER = "image,patient,label_A,label_B,probability_A,probability_B\n"
FIRST = HEADER + "a,p1,1,0,0.25,0.5\nb,p2,0,,0.125,1.0\n"


def by_dict_reader(path: Path) -> tuple[list[str], list[str], list[list[int]], list[list[float]]]:
    """Images, patients, labels and probabilities, without the rows that have no label."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    classes = [name.removeprefix("probability_") for name in rows[0] if name.startswith("probability_")]
    kept, labels = [], []
    for row in rows:
        if "label" in row:
            cells = [str(classes.index(row["label"]))]
        else:
            cells = [row[f"label_{name}"].strip() for name in classes]
        if any(cells):
            kept.append(row)
            labels.append([int(float(cell)) if cell else UNKNOWN for cell in cells])
    said = [[float(row[f"probability_{name}"]) for name in classes] for row in kept]
    return [row["image"] for row in kept], [row["patient"] for row in kept], labels, said


def assert_is_the_file(found: Predictions, path: Path) -> None:
    images, patients, labels, said = by_dict_reader(path)
    assert (list(found.images), list(found.patients)) == (images, patients)
    assert found.labels.reshape(len(images), -1).tolist() == labels
    assert found.probabilities.tolist() == said  # the same float64, not only near


@pytest.fixture
def usual(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read as usual."""
    names: list[str] = []
    before = predictions_reader.read_predictions
    monkeypatch.setattr(
        predictions_reader,
        "read_predictions",
        lambda path, name=None: names.append(Path(path).name) or before(path, name),
    )
    return names


@pytest.mark.parametrize("make", [findings, multiclass_predictions])
def test_files_of_the_same_images_are_read_once_in_full(make, tmp_path: Path, usual: list[str]) -> None:
    reader, first = PredictionsReader(), make()
    generator = np.random.default_rng(0)
    for number in range(4):
        # Of all sizes, and such that lie between two numbers as near as 17 digits can say.
        said = generator.random(first.probabilities.shape) ** generator.integers(1, 60, first.probabilities.shape)
        said[0, :2] = [[0.0, 1.0], [5e-324, 0.1 + 0.2], [1 - 2**-53, 2**-1074], [1e-7, 0.5]][number]
        path = tmp_path / f"{number}.csv"
        write_predictions(path, replace(first, probabilities=said))
        found = reader.read(path)
        assert_is_the_file(found, path)
        assert np.array_equal(found.probabilities, said)
        assert found.kind == first.kind
    assert usual == ["0.csv"]


def test_numbers_are_rounded_as_float_does(tmp_path: Path, usual: list[str]) -> None:
    """Decimal numbers that lie halfway between two float64, and a little beside, with more digits than any needs."""
    middle = "0.500000000000000055511151231257827021181583404541015625"  # of 0.5 and the next
    halves = [middle, f"{middle}00001", f"{2**-60:.70f}"]
    halves += ["0." + "3" * 40, "1e-320", "0.1e0", "9.99999999999999999999e-1", "0.30000000000000004", "1", "0"]
    path, reader = tmp_path / "p.csv", PredictionsReader()
    rows = "".join(f"{i},p{i},1,0,{{}},{{}}\n" for i in range(5))
    path.write_text(HEADER + rows.format(*["0.5"] * 10))
    reader.read(path)
    path.write_text(HEADER + rows.format(*halves))
    assert_is_the_file(reader.read(path), path)
    assert usual == ["p.csv"]


@pytest.mark.parametrize(
    ("text", "quick"),
    [
        (FIRST.replace("0.25", "0.75"), True),
        (FIRST.replace("0.25", "1e-3"), True),
        (FIRST.replace("0.25", " 0.75"), True),
        (FIRST.replace("0.25", "1"), True),
        (FIRST.replace("\n", "\r\n"), True),
        (FIRST[:-1], True),
        (FIRST.replace("0.25", "+0.75"), False),  # what follows is a number to float, but not to JSON
        (FIRST.replace("0.25", ".75"), False),
        (FIRST.replace("0.25", "0.7_5"), False),
        (FIRST.replace("0.25", '"0.75"'), False),
        (FIRST.replace("a,p1", '"a",p1'), False),
        (FIRST.replace("a,p1", '"a, ""x""",p1'), False),
        (FIRST.replace("a,p1", '"a\nx",p1'), False),
        (FIRST.replace("b,p2,0,,", "b,p2,0.0,,"), False),
        (FIRST.replace("b,p2,0,,", "b,p2,,,"), False),  # a row without any label is left out
        (FIRST.replace("b,p2,0,,", "b,p2,,1,"), False),
        (FIRST + "\n", False),
        (FIRST + "c,p3,1,1,0.5,0.5\n", False),
        (FIRST.replace("\nb,p2", "\n\nb,p2"), False),
        ("\ufeff" + FIRST, False),
        (HEADER + "b,p2,0,,0.125,1.0\na,p1,1,0,0.25,0.5\n", False),
        ("note," + HEADER + "x,a,p1,1,0,0.25,0.5\n", False),
        ("probability_B,image,patient,label_A,label_B,probability_A\n0.5,a,p1,1,0,0.25\n", False),
        (HEADER.replace("label_A", '"label_A"') + "a,p1,1,0,0.25,0.5\n", False),
    ],
)
def test_odd_files_are_what_they_are_to_a_dict_reader(text: str, quick: bool, tmp_path: Path, usual: list[str]) -> None:
    reader = PredictionsReader()
    (tmp_path / "first.csv").write_text(FIRST)
    assert_is_the_file(reader.read(tmp_path / "first.csv"), tmp_path / "first.csv")
    path = tmp_path / "p.csv"
    path.write_bytes(text.encode())
    assert_is_the_file(reader.read(path), path)
    assert (usual == ["first.csv"]) is quick
    assert_is_the_file(reader.read(tmp_path / "first.csv"), tmp_path / "first.csv")
    assert_is_the_file(reader.read(path), path)


@pytest.mark.parametrize(
    ("cell", "error", "message"),
    [
        ("nan", NotFinitePredictionError, "x/p.csv: the probability of A is nan for image 1 of 2"),
        ("1e999", NotFinitePredictionError, "x/p.csv: the probability of A is inf for image 1 of 2"),
        ("9" * 400, NotFinitePredictionError, "x/p.csv: the probability of A is inf for image 1 of 2"),
        ("-0.5", PredictionsError, "x/p.csv: probabilities go from -0.5 to 1.0"),
        ("true", PredictionsError, "x/p.csv, row 2: a cell is missing"),
        ("[1]", PredictionsError, "x/p.csv, row 2: a cell is missing"),
        ("", PredictionsError, "x/p.csv, row 2: a cell is missing"),
        ("0.5\r0.5", PredictionsError, "x/p.csv, row 2: a cell is missing"),
        ("0.5 0.5", PredictionsError, "x/p.csv, row 2: a cell is missing"),
    ],
)
def test_what_cannot_be_read_is_named_as_ever(
    cell: str, error: type[PredictionsError], message: str, tmp_path: Path
) -> None:
    reader, path = PredictionsReader(), tmp_path / "p.csv"
    path.write_text(FIRST)
    reader.read(path)
    path.write_bytes(FIRST.replace("0.25", cell).encode())
    with pytest.raises(error) as caught:
        reader.read(path, "x/p.csv")
    assert str(caught.value).startswith(message)
    path.write_text(HEADER + "a,p1,1,0,0.25\nb,p2,0,,0.125,1.0,0.5\n")  # as many numbers as there should be
    with pytest.raises(PredictionsError, match=r"\(row 3\) have more cells than the first row"):
        reader.read(path, "x/p.csv")
    path.unlink()
    with pytest.raises(PredictionsError, match="there is no file"):
        reader.read(path)
