import csv
import re
from collections import Counter
from typing import get_args, get_type_hints

import numpy as np
import pydicom
import pytest

from data_prep.__main__ import main
from data_prep.demo import Demo, write_demo_export
from monai_mocoi import exit_codes
from monai_mocoi.data import load_datalist
from monai_mocoi.demo.demo_sets import DEMO_SETS
from monai_mocoi.errors import ImageReadError, RefusedError
from monai_mocoi.transforms.reader import read_image


def _run(*words, command="demo"):
    return main([command, *words])


def test_command_writes_a_dataset_folder_and_says_what_is_in_it(tmp_path, capsys):
    out = tmp_path / "chest"
    options = ("--modality", "chest", "--patients", "12", "--size", "32", "--seed", "3", "--workers", "1")
    assert _run(*options, "--out", str(out)) == 0
    datalist = load_datalist(out)
    images = sum(map(len, datalist.splits().values()))
    said = capsys.readouterr().out
    assert "no medical data" in said
    assert f"{images} images of 12 patients" in said
    assert f"training {len(datalist.training)}, validation" in said
    assert f"Mass {sum(i['label'][3] for items in datalist.splits().values() for i in items)}" in said


def test_histology_says_how_many_patches_of_each_class_there_are(tmp_path, capsys):
    out = tmp_path / "histology"
    assert _run("--modality", "histology", "--patients", "10", "--size", "32", "--workers", "1", "--out", str(out)) == 0
    labels = [item["label"] for items in load_datalist(out).splits().values() for item in items]
    said = capsys.readouterr().out
    assert f"{len(labels)} images of 10 patients" in said
    assert f"no IDC {labels.count(0)}, IDC {labels.count(1)}" in said


def test_eyepacs_takes_the_fundus_demo_as_it_takes_the_real_photographs(tmp_path, capsys):
    raw, out = tmp_path / "raw", tmp_path / "out"
    assert _run("--modality", "fundus", "--patients", "10", "--size", "80", "--workers", "1", "--out", str(raw)) == 0
    labels = {item["name"]: item["label"] for items in load_datalist(raw).splits().values() for item in items}
    referable = sum(labels.values())
    assert f"not referable {20 - referable}, referable {referable}" in capsys.readouterr().out
    paths = ("--images", str(raw / "images"), "--labels", str(raw / "trainLabels.csv"), "--out", str(out))
    assert _run(*paths, "--size", "32", "--sheet", "0", "--workers", "1", command="eyepacs") == 0
    prepared = {item["name"]: item["label"] for items in load_datalist(out).splits().values() for item in items}
    assert {name.replace(".png", ".jpeg"): label for name, label in prepared.items()} == labels


def test_help_names_the_defaults_of_every_modality(capsys):
    assert _run("--help") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "chest: 360, 1 to 4 images each" in said
    assert "histology: 60, 10 to 22 images each" in said
    assert "fundus: 420, 2 images each" in said
    assert "128 for chest, 50 for histology, 160 for fundus" in said


def test_every_modality_can_be_drawn():
    modality = get_type_hints(Demo)["modality"]
    assert get_args(modality) == tuple(DEMO_SETS)


def test_modality_and_out_are_required(tmp_path, capsys):
    assert _run("--out", str(tmp_path / "x")) == exit_codes.USAGE
    assert "--modality" in capsys.readouterr().err
    assert _run("--modality", "chest") == exit_codes.USAGE
    assert _run("--modality", "knee", "--out", str(tmp_path / "x")) == exit_codes.USAGE
    assert "knee" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


def test_a_bad_number_is_an_error_before_anything_is_written(tmp_path, capsys):
    assert _run("--modality", "chest", "--out", str(tmp_path / "x"), "--patients", "3") == exit_codes.USAGE
    assert "patients is 3" in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


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
