from __future__ import annotations

import csv
import re
from collections import Counter

import numpy as np
import pydicom
import pytest

from data_prep.__main__ import main
from data_prep.demo import write_demo_export
from monai_mocoi.errors import ImageReadError, RefusedError
from monai_mocoi.transforms.reader import read_image


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "export"
    return folder, write_demo_export(folder, patients=14, size=32)


def test_the_command_says_that_nothing_is_real(tmp_path, capsys):
    assert main(["demo-export", "--out", str(tmp_path / "export"), "--patients", "10", "--size", "32"]) == 0
    told = capsys.readouterr().out
    assert "no real people" in told
    assert re.search(r"images/: radiographs \d+, laterals 1, .*texts 1\n  labels.csv: \d+ rows", told)


def _headers(folder):
    found = {}
    for path in sorted((folder / "images").rglob("*")):
        if path.is_file() and path.name != "README.TXT":
            found[path] = pydicom.dcmread(path, stop_before_pixels=True)
    return found


def test_every_file_is_counted(export):
    folder, counts = export
    assert counts["laterals"] == counts["screenshots"] == counts["copies"] == counts["cut off"] == counts["texts"] == 1
    files = [path for path in (folder / "images").rglob("*") if path.is_file()]
    assert len(files) == counts["radiographs"] + 5
    with open(folder / "labels.csv", newline="") as file:
        assert len(list(csv.reader(file))) == counts["rows of labels.csv"] + 1


def test_the_table_and_the_files_speak_of_the_same_studies(export):
    folder, _ = export
    headers = _headers(folder).values()
    with open(folder / "labels.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    patient_of = {header.AccessionNumber: header.PatientID for header in headers}
    with_image = [row for row in rows if row["accession"] in patient_of]
    assert len(rows) - len(with_image) == 3
    assert 0 < len(with_image) < len(patient_of)  # some studies have no row
    assert all(patient_of[row["accession"]] == row["patient"] for row in with_image)
    assert set(Counter(row["effusion"] for row in rows)) <= {"yes", "no", ""}
    assert len({str(header.PatientName) for header in headers}) > 1


def test_the_odd_files_are_what_they_are_said_to_be(export):
    folder, _ = export
    views = Counter(header.ViewPosition for header in _headers(folder).values())
    assert views["LL"] == 1
    (screen,) = (folder / "images").rglob("SCREEN")
    assert pydicom.dcmread(screen).BurnedInAnnotation == "YES"
    assert read_image(screen).shape == (1, 32, 32)
    (lateral,) = (folder / "images").rglob("IM0002")
    (first,) = [path for path in lateral.parent.iterdir() if path.stem == "IM0001" and path != lateral]
    np.testing.assert_array_equal(np.rot90(read_image(first)[0]), read_image(lateral)[0])
    (cut,) = (folder / "images").rglob("IM0003")
    with pytest.raises(ImageReadError):
        read_image(cut)
    (copy,) = (folder / "images").rglob("*_copy.dcm")
    assert any(copy.read_bytes() == own.read_bytes() for own in copy.parent.iterdir() if own != copy)


def test_the_same_seed_gives_the_same_files(export, tmp_path):
    folder, counts = export
    assert write_demo_export(tmp_path / "again", patients=14, size=32) == counts
    for path in folder.rglob("*"):
        if path.is_file():
            assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes()


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(RefusedError, match="is not empty"):
        write_demo_export(tmp_path, patients=14, size=32)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_numbers_out_of_range_are_refused(tmp_path):
    with pytest.raises(RefusedError, match="patients is 3"):
        write_demo_export(tmp_path / "export", patients=3)
    assert list(tmp_path.iterdir()) == []
