"""The whole command on a small export that has everything wrong with it."""

from __future__ import annotations

import ast
import base64
import csv
import errno
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from data_prep.__main__ import main
from data_prep.inhouse import stations
from data_prep.inhouse.copies import AGAIN, COPY, TWO_PATIENTS
from data_prep.inhouse.pseudonyms import normalised_patient
from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.errors import AdaptError
from monai_mocoi.exit_codes import DATA, DISK_FULL, ERROR, FINISHED, USAGE
from monai_mocoi.files.file_signature import file_signature
from monai_mocoi.packaging import adapt_bundle
from monai_mocoi.packaging.adapted_settings import Labels
from monai_mocoi.transforms.reader import read_image
from tests.support.dicom_files import picture, save
from tests.support.hospital_export import Export, write_export

BUNDLES = Path(__file__).parents[3] / "bundles"
LABELS = ("--label-columns", "pneumonia", "effusion", "--patient-column", "MRN")


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Export:
    return write_export(tmp_path_factory.mktemp("hospital"))


def prepare(export: Export, folder: Path, *options: str, labels: bool = True) -> int:
    table = ("--labels", str(export.labels), *LABELS) if labels else ()
    own = ["--images", str(export.images), "--out", str(folder / "out"), "--private", str(folder / "private")]
    return main(["inhouse", *own, *table, "--size", "48", "--max-missing", "0.2", *options])


def read_csv(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "out" / "manifest.json").read_text())


def items(folder: Path) -> dict[str, dict[str, Any]]:
    """The items of all splits by the name of the image, with their split."""
    splits = load_datalist(folder / "out").splits()
    return {Path(item["name"]).stem: {**item, "split": split} for split, own in splits.items() for item in own}


@pytest.fixture(scope="module")
def prepared(export: Export, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which the export was prepared, and all that was said."""
    folder = tmp_path_factory.mktemp("prepared")
    said = folder / "said.txt"
    with pytest.MonkeyPatch.context() as patch, open(said, "w") as file:
        patch.setenv("MONAI_MOCOI_CACHE", str(folder / "cache"))
        patch.setattr("sys.stdout", file)
        patch.setattr("sys.stderr", file)
        assert prepare(export, folder) == FINISHED
    return folder, said.read_text()


def test_every_file_is_used_or_left_out_for_a_reason(export: Export, prepared: tuple[Path, str]) -> None:
    folder, _ = prepared
    files = {os.path.join(parent, name) for parent, _, names in os.walk(export.images) for name in names}
    who = {row["image"]: row["path"] for row in read_csv(folder / "private" / "mapping.csv")}
    used = {who[name] for name in items(folder)}
    left_out = {row["path"]: row["reason"] for row in read_csv(folder / "private" / "excluded.csv")}
    assert used | left_out.keys() == files
    assert not used & left_out.keys()
    told = manifest(folder)["exclusions"]
    assert {reason: len(names) for reason, names in told.items()} == {
        reason: list(left_out.values()).count(reason) for reason in left_out.values()
    }
    assert {os.path.relpath(path, export.images) for path in left_out} == set(export.odd)


def test_each_odd_file_is_left_out_for_its_own_reason(export: Export, prepared: tuple[Path, str]) -> None:
    begins = {
        "secondary capture": "a secondary capture",
        "burned-in by its header": "burned-in text",
        "same instance twice": "the same SOP instance",
        "no pixels": "no picture",
        "truncated": "unreadable: the DICOM pixel data are damaged",
        "picture without patient": "no patient is told",
        "empty": "an empty file",
        "text": "a text",
        "declares 60000 x 60000": "unreadable: the picture has 60000 x 60000",
        "a date in a field of a number": "unreadable: DICOM Rescale Slope and Intercept",
        "no patient id, no row": "no patient is told",
        "the picture of another instance": "the same picture as another image of the patient",
        "no transfer syntax": "unreadable: names no transfer syntax",
        "leads out": "a symbolic link that leads out",
    }
    reasons = {
        os.path.relpath(row["path"], export.images): row["reason"]
        for row in read_csv(prepared[0] / "private" / "excluded.csv")
    }
    for path, what in export.odd.items():
        assert reasons[path].startswith(begins[what]), (path, reasons[path])


def test_no_planted_word_is_anywhere_but_in_the_private_folder(export: Export, prepared: tuple[Path, str]) -> None:
    folder, said = prepared
    words = {word for word in export.planted if len(word) > 4}
    assert len(words) > 50
    patterns: dict[bytes, str] = {}
    for word in words:
        for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be"):
            raw = word.encode(encoding)
            patterns[raw] = word
            for before in range(3):  # base64 has three forms of a text, by where it begins
                inner = base64.b64encode(b"\0" * before + raw + b"\0" * 3)[4 if before else 0 : -8]
                patterns[inner] = word
    files = [path for place in ("out", "cache") for path in (folder / place).rglob("*") if path.is_file()]
    assert len(files) > 40
    for path in files:
        everything = os.fsencode(path.relative_to(folder)) + path.read_bytes()
        assert not [word for raw, word in patterns.items() if raw in everything], path
    assert not [word for word in words if word in said]
    assert any(word.encode() in (folder / "private" / "mapping.csv").read_bytes() for word in words)


def test_labels_are_those_of_the_table(export: Export, prepared: tuple[Path, str]) -> None:
    folder, said = prepared
    found = items(folder)
    labelled = 0
    for row in read_csv(folder / "private" / "mapping.csv"):
        if (item := found.get(row["image"])) is not None:
            expected = export.label_of.get(row["accession_number"])
            assert item.get("label") == (None if expected in (None, [None, None]) else expected)
            labelled += expected is not None
    assert labelled > 20
    assert "rows 3, 16 of the table contradict one another (pneumonia)" in said
    assert "1 row(s) of the table repeat another one" in said
    assert "14 of 15 rows match by column 'Accession' as accession number" in said
    report = html.unescape((folder / "out" / "report.html").read_text())
    assert "<li>Of the labels table, 14 of 15 rows match by column 'Accession' as accession number" in report
    assert "<li>2 rows of the labels table contradict one another (pneumonia: 2)." in report
    nobody = len(manifest(folder)["exclusions"]["no patient is told, by its header or a row of the table"])
    assert nobody
    assert f"<li>{nobody} pictures were left out because no patient is told: give --patient-folder" in report


def test_patients_stay_together_and_those_without_labels_are_for_pretraining(
    export: Export, prepared: tuple[Path, str]
) -> None:
    folder, _ = prepared
    splits: dict[str, set[str]] = {}
    persons: dict[str, set[str]] = {}
    for row in read_csv(folder / "private" / "mapping.csv"):
        persons.setdefault(row["patient"], set()).add(normalised_patient(row["patient_id"]))
        if (item := items(folder).get(row["image"])) is not None:
            assert item["patient"] == row["patient"]
            splits.setdefault(item["patient"], set()).add(item["split"])
    assert len(persons) == 16
    assert all(len(own) == 1 for own in (*splits.values(), *persons.values()))  # two spellings are one person
    assert sum(own == {"pretraining"} for own in splits.values()) == 4
    assert {split for own in splits.values() for split in own} == {"training", "validation", "test", "pretraining"}


def test_positives_are_counted_by_vendor_as_the_tour_tells(prepared: tuple[Path, str]) -> None:
    folder, _ = prepared
    code = re.search(
        r'python -c "(import json, collections.*my_data.*)"', (BUNDLES.parent / "docs/your_own_data.md").read_text()
    )
    assert code
    own = code[1].replace("my_data", "out").replace("'site'", "'vendor'")
    told = subprocess.run([sys.executable, "-c", own], cwd=folder, capture_output=True, text=True, check=True).stdout
    labels = [(item.get("label") or [0, 0], str(item.get("vendor"))) for item in items(folder).values()]
    wanted = {
        ((name, vendor), sum(label[k] == 1 for label, own in labels if own == vendor))
        for k, name in enumerate(("pneumonia", "effusion"))
        for vendor in {own for _, own in labels}
    }
    assert {ast.literal_eval(line) for line in told.splitlines()} == {pair for pair in wanted if pair[1]}
    assert len(told.splitlines()) > 1


def test_what_is_handed_on_of_each_image(prepared: tuple[Path, str]) -> None:
    found = items(prepared[0]).values()
    known = {"image", "name", "patient", "label", "split", "sex", "age", "view", "vendor"}
    assert {key for item in found for key in item} == known
    assert {item["vendor"] for item in found} == {"Agfa", "Fujifilm"}
    assert max(item["age"] for item in found) == 90
    assert {item["view"] for item in found} == {"PA"}


def test_the_manifest_tells_what_the_next_steps_need(prepared: tuple[Path, str]) -> None:
    told = manifest(prepared[0])
    assert {key: told[key] for key in ("source", "bits", "channels", "size", "label_kind", "identified")} == {
        "source": "inhouse",
        "bits": 8,
        "channels": 1,
        "size": 48,
        "label_kind": "multi",
        "identified": False,
    }
    assert (prepared[0] / "out" / "report.html").is_file()


def test_pictures_are_those_of_the_files(export: Export, prepared: tuple[Path, str]) -> None:
    folder, _ = prepared
    who = {row["path"]: row["image"] for row in read_csv(folder / "private" / "mapping.csv")}
    place = export.images / "Qvistgaard_MRN7310000"
    for name, seed in (("IM1", 100), ("IM2.dcm", 200)):  # the second is MONOCHROME1
        png = Image.open(folder / "out" / "images" / f"{who[str(place / name)]}.png")
        assert (png.size, png.mode, png.info) == ((48, 48), "L", {})
        wanted = Image.fromarray(picture(seed, 64).astype(np.float32)).resize((48, 48), Image.Resampling.BILINEAR)
        assert np.abs(np.asarray(png, float) - np.asarray(wanted)).max() <= 1


def test_the_same_command_goes_on(
    export: Export, prepared: tuple[Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = prepared
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(folder / "cache"))
    before = {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}
    removed = next((folder / "out" / "images").iterdir())
    removed.unlink()
    assert prepare(export, folder) == FINISHED
    said = capsys.readouterr().out
    assert "images are finished already" in said
    assert "are left (those that were left out before are looked at again)" in said
    after = {path: path.read_bytes() for path in (folder / "out").rglob("*") if path.is_file()}
    records = {path for path in before if path.name == "preparation.jsonl"}
    assert {path for path in before if before[path] != after[path]} <= records
    assert prepare(export, folder, "--frames", "all") == USAGE
    assert "frames: middle there, all now" in capsys.readouterr().err


def test_another_private_folder_is_refused_before_anything_is_written(
    export: Export, prepared: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(prepared[0] / "out")
    assert prepare(export, tmp_path, "--out", out) == USAGE
    assert "is not the one that the dataset folder was begun with" in capsys.readouterr().err
    assert not (tmp_path / "private").exists()
    (tmp_path / "private").mkdir()
    (tmp_path / "private" / "key").write_bytes(b"x" * 32)
    assert prepare(export, tmp_path, "--out", out) == USAGE
    assert [path.name for path in (tmp_path / "private").iterdir()] == ["key"]


def test_without_labels_a_folder_for_pretraining_alone(export: Export, tmp_path: Path) -> None:
    assert prepare(export, tmp_path, "--frames", "all", "--patient-folder", "1", labels=False) == FINISHED
    found = items(tmp_path)
    assert {item["split"] for item in found.values()} == {"training", "validation"}
    assert not any("label" in item for item in found.values())
    assert manifest(tmp_path)["label_kind"] == "none"
    paths = {row["image"]: row["path"] for row in read_csv(tmp_path / "private" / "mapping.csv")}
    used = [os.path.relpath(paths[name], export.images) for name in found]
    assert any(path.endswith(".png") for path in used)  # its patient is told by its folder
    assert any(path.endswith("NOID.dcm") for path in used)


def test_all_frames_are_images_of_one_patient(tmp_path: Path) -> None:
    for k in range(4):
        frames = np.concatenate([picture(10 * k + frame, 64) for frame in range(3)])
        tags = {"Rows": 64, "NumberOfFrames": 3, "PatientID": f"P{k}"}
        save(tmp_path / "x" / f"{k}", frames, **tags, SOPInstanceUID=f"1.2.{k}")
    own = Export(tmp_path / "x", tmp_path / "none")
    assert prepare(own, tmp_path, "--frames", "all", labels=False) == FINISHED
    assert len(items(tmp_path)) == 12
    rows = read_csv(tmp_path / "private" / "mapping.csv")
    assert sorted(row["frame"] for row in rows) == sorted("012" * 4)
    patients: dict[str, set[str]] = {}
    for row in rows:
        patients.setdefault(row["path"], set()).add(row["patient"])
    assert all(len(own) == 1 for own in patients.values())


def test_a_bundle_is_adapted_to_it(prepared: tuple[Path, str], tmp_path: Path) -> None:
    folder, said = prepared
    assert said.splitlines()[-1].endswith(f"adapt nih_mse --dataset {folder / 'out'} --name my_study")
    made = adapt_bundle(BUNDLES / "nih_mse", folder / "out", "my_study", tmp_path)
    assert made.labels == Labels(("pneumonia", "effusion"), "multilabel")
    assert (made.chosen("channels"), made.chosen("image_size")) == (manifest(folder)["channels"], 64)
    whole = "".join(path.read_text() for path in made.folder.rglob("*") if path.is_file())
    assert not re.search(r"\b[ip][0-9a-f]{16}\b", whole)  # not even pseudonyms


def test_references_in_place(export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(export, tmp_path, "--in-place") == FINISHED
    said = capsys.readouterr().out
    assert "adapt" not in said
    assert said.endswith("This folder identifies patients: nothing trained on it can be packaged or exported.\n")
    with pytest.raises(AdaptError, match="marked as identified"):
        adapt_bundle(BUNDLES / "nih_mse", tmp_path / "out", "my_study", tmp_path)
    assert manifest(tmp_path)["identified"] is True
    links = list((tmp_path / "out" / "images").iterdir())
    assert links
    assert all(path.is_symlink() and path.suffix == ".dcm" for path in links)
    who = {row["image"]: row["path"] for row in read_csv(tmp_path / "private" / "mapping.csv")}
    assert all(os.readlink(path) == who[path.stem] for path in links)
    assert all(read_image(item["image"]).shape == (1, 64, 64) for item in items(tmp_path).values())
    assert any("several frames" in reason for reason in manifest(tmp_path)["exclusions"])


def test_filters_and_a_given_split(export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    split = tmp_path / "split.csv"
    patients = [f"mrn{7_310_000 + k}" for k in range(12)]
    lines = [f"{patient},{'test' if k < 3 else 'val' if k < 5 else 'train'}" for k, patient in enumerate(patients)]
    split.write_text("\n".join(["image,split", *lines]))
    assert prepare(export, tmp_path, "--split-csv", str(split), "--modality", "cr", "--view", "PA") == FINISHED
    rows = read_csv(tmp_path / "private" / "mapping.csv")
    number_of = {row["image"]: int(normalised_patient(row["patient_id"])) - 7_310_000 for row in rows}
    found = items(tmp_path)
    assert {number_of[name] for name, item in found.items() if item["split"] == "test"} == {0, 1, 2}
    assert {number_of[name] for name, item in found.items() if item["split"] == "validation"} == {3, 4}
    capsys.readouterr()
    assert prepare(export, tmp_path / "none", "--modality", "MG") == USAGE
    assert "--modality 'MG' (the headers say CR (" in capsys.readouterr().err


def test_a_table_that_does_not_fit_is_explained_before_a_pixel_is_read(
    export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert prepare(export, tmp_path, "--key-column", "comment", "--key-is", "study") == DATA
    said = capsys.readouterr().err
    assert "0 of 15 rows match by column 'comment'" in said
    assert "column 'Accession' as accession number would match 14 rows" in said
    assert not [word for word in export.planted if word in said]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--size", "8"), "--size is 8"),
        (("--bits", "12"), "--bits must be one of 'auto', '8', '16'."),
        (("--frames", "last"), "--frames must be one of 'first'"),
        (("--key-is", "mrn"), "--key-is must be one of 'sop'"),
        (("--rare", "-1"), "--rare is -1"),
        (("--patient-folder", "0"), "--patient-folder is 0"),
        (("--min-match", "2"), "--min-match is 2"),
        (("--label-columns", "pneumnia"), "did you mean 'pneumonia'"),
        (("--covariates", "comment"), "most values of 'comment' are names"),
    ],
)
def test_options_that_are_refused(
    export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], words: str
) -> None:
    assert prepare(export, tmp_path, *options) in (USAGE, DATA)
    said = capsys.readouterr().err
    assert words in said
    assert not [word for word in export.planted if word in said]


def test_options_without_a_table(export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert prepare(export, tmp_path, "--covariates", "sex", labels=False) == USAGE
    assert "--covariates need --labels" in capsys.readouterr().err
    assert prepare(export, tmp_path, "--out", str(export.images / "out")) == USAGE
    assert str(export.images) not in capsys.readouterr().err


def test_nothing_is_in_the_order_of_an_alphabetical_list_of_patients(
    two_sites: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    assert of_sites(two_sites, tmp_path, "--workers", "1") == FINISHED
    images = tmp_path / "out" / "images"
    names = sorted(path.stem for path in images.iterdir())
    assert len(names) == 13
    lines = (tmp_path / "out" / "preparation.jsonl").read_text().splitlines()[1:]
    assert [json.loads(line)[0] for line in lines] == names
    assert sorted(names, key=lambda name: (images / f"{name}.png").stat().st_mtime_ns) == names
    with next((tmp_path / "cache" / "fingerprints").glob("*.npz")).open("rb") as store:
        rows = [own.tobytes() for own in np.load(store)["signatures"]]
    assert rows == [file_signature(str(images / f"{name}.png")) for name in names]


def test_private_tables_have_keyed_hashes_alone(export: Export, tmp_path: Path) -> None:
    split = tmp_path / "split.csv"
    split.write_text("image,split\n" + "\n".join(f"{7_310_000 + k},{'test' if k % 3 else 'train'}" for k in range(16)))
    keys = []
    for run in ("1", "2"):
        assert prepare(export, tmp_path / run, "--split-csv", str(split)) == FINISHED
        keys.append({name: manifest(tmp_path / run)["options"][name] for name in ("labels_hash", "csv_hash")})
        for table in (export.labels, split):
            for kind in ("md5", "sha1", "sha256", "sha512", "blake2b"):
                digest = hashlib.new(kind, table.read_bytes()).hexdigest()[:12].encode()
                files = [path for path in (tmp_path / run / "out").rglob("*") if path.is_file()]
                assert not [path for path in files if digest in path.read_bytes()]
    assert not set(keys[0].values()) & set(keys[1].values())  # another private folder, another key


@pytest.mark.parametrize("in_place", [False, True])
def test_the_images_of_withdrawn_files_are_deleted(
    two_sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], in_place: bool
) -> None:
    shutil.copytree(two_sites, tmp_path / "own")
    options = ("--in-place",) if in_place else ()
    assert of_sites(tmp_path / "own", tmp_path, *options) == FINISHED
    who = {Path(row["path"]).name: row["image"] for row in read_csv(tmp_path / "private" / "mapping.csv")}
    (tmp_path / "own" / "x" / "3").unlink()
    capsys.readouterr()
    assert of_sites(tmp_path / "own", tmp_path, *options) == FINISHED
    assert "1 images of before were deleted" in capsys.readouterr().out
    there = {path.stem for path in (tmp_path / "out" / "images").iterdir()}
    assert there == set(items(tmp_path)) == {image for name, image in who.items() if name != "3"}
    report = (tmp_path / "out" / "report.html").read_text() + json.dumps(manifest(tmp_path))
    assert who["3"] not in report
    assert of_sites(tmp_path / "own", tmp_path, *options) == FINISHED
    assert "deleted" not in capsys.readouterr().out


def test_the_split_is_kept_as_the_data_steward_is_told(two_sites: Path, tmp_path: Path) -> None:
    shutil.copytree(two_sites, tmp_path / "own")
    assert of_sites(tmp_path / "own", tmp_path) == FINISHED
    before = items(tmp_path)
    (tmp_path / "out").rename(tmp_path / "clinic")
    code = re.search(
        r'python -c "(import json; .*clinic.*)" > split.csv', (BUNDLES.parent / "docs/data_steward.md").read_text()
    )
    assert code
    split = subprocess.run([sys.executable, "-c", code[1]], cwd=tmp_path, capture_output=True, text=True, check=True)
    (tmp_path / "split.csv").write_text(split.stdout)
    tested = {one for one, item in before.items() if item["split"] == "test"}
    gone = next(row for row in read_csv(tmp_path / "private" / "mapping.csv") if row["image"] in tested)
    Path(gone["path"]).unlink()
    assert of_sites(tmp_path / "own", tmp_path, "--split-csv", str(tmp_path / "split.csv")) == FINISHED
    after = items(tmp_path)
    assert before.keys() - after.keys() == {gone["image"]}
    assert all(item["split"] == before[one]["split"] for one, item in after.items())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--private", "{images}/private"), "the private folder lies in a folder with images"),
        (("--labels", "{images}/Qvistgaard.csv"), "--labels: the labels table cannot be read (No such file"),
        (("--covariates", "agee"), "has no column 'agee'"),
    ],
)
def test_what_can_be_known_at_once_is_said_before_the_headers_are_read(
    export: Export,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    words: str,
) -> None:
    monkeypatch.setattr("data_prep.inhouse.finding.survey", lambda *_: pytest.fail("headers were read"))
    own = [option.format(images=export.images) for option in options]
    assert prepare(export, tmp_path, *own) in (USAGE, DATA)
    said = capsys.readouterr().err
    assert words in said
    assert "Qvistgaard" not in said
    assert not list(tmp_path.iterdir())


def test_a_table_that_goes_away_is_not_named(
    two_sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(two_sites, tmp_path / "Qvistgaard")
    labels = tmp_path / "Qvistgaard" / "labels.csv"
    match = stations.match_table
    monkeypatch.setattr("data_prep.inhouse.stations.match_table", lambda *words: (match(*words), labels.unlink())[0])
    assert of_sites(tmp_path / "Qvistgaard", tmp_path) == DATA
    said = "".join(capsys.readouterr())
    assert "--labels was read, but cannot be read again" in said
    assert "Qvistgaard" not in said


def test_damaged_headers_count_as_unreadable_images(
    two_sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(two_sites, tmp_path / "own")
    for k in range(4):
        save(tmp_path / "own" / "x" / f"huge{k}", picture(1, 64), Rows=60000, Columns=60000)
    assert of_sites(tmp_path / "own", tmp_path) == DATA
    said = capsys.readouterr().err
    assert "4 of 17 images cannot be used, 23.5%; the limit is 10.0%" in said
    assert "unreadable: the picture has 60000 x 60000" in said
    assert not (tmp_path / "out").exists()
    assert {Path(row["path"]).name for row in read_csv(tmp_path / "private" / "excluded.csv")} == {
        f"huge{k}" for k in range(4)
    }
    assert of_sites(tmp_path / "own", tmp_path, "--max-missing", "0.25") == FINISHED


def test_one_patient_of_a_rare_value_is_not_told_and_the_others_are(tmp_path: Path) -> None:
    for k in range(13):
        tags = {"PatientID": f"P{k}", "PatientSex": "O" if k == 12 else "MF"[k % 2], "SOPInstanceUID": f"1.9.{k}"}
        save(tmp_path / "x" / f"{k}", picture(1200 + k, 64), **tags)
    assert prepare(Export(tmp_path / "x", tmp_path / "none"), tmp_path, labels=False) == FINISHED
    told = [item.get("sex") for item in items(tmp_path).values()]
    assert (told.count("M"), told.count("F"), told.count(None)) == (6, 6, 1)
    report = " ".join((tmp_path / "out" / "report.html").read_text().split())
    assert "1 values of the column sex with fewer than 5 patients were taken out" in report


def test_a_value_that_becomes_rare_when_images_are_left_out_is_not_told(tmp_path: Path) -> None:
    for k in range(13):  # one picture under two of the six women: both are left out
        tags = {"PatientID": f"P{k}", "PatientSex": "MF"[k % 2], "SOPInstanceUID": f"1.9.{k}"}
        save(tmp_path / "x" / f"{k}", picture(1200 + (1 if k == 3 else k), 64), **tags)
    assert prepare(Export(tmp_path / "x", tmp_path / "none"), tmp_path, labels=False) == FINISHED
    told = [item.get("sex") for item in items(tmp_path).values()]
    assert (told.count("M"), told.count("F"), told.count(None)) == (7, 0, 4)


@pytest.mark.parametrize(("number", "code"), [(errno.EACCES, ERROR), (errno.ENOSPC, DISK_FULL)])
def test_an_error_of_the_system_names_no_file(
    export: Export,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    code: int,
) -> None:
    def fail(original: str, target: Path) -> None:
        raise OSError(number, os.strerror(number), original)

    monkeypatch.setattr("data_prep.inhouse.picture_file.refer_to", fail)
    assert prepare(export, tmp_path, "--in-place", "--workers", "1") == code
    said = "".join(capsys.readouterr())
    assert os.strerror(number) in said
    assert "MRN731" not in said
    assert "MRN731" in (tmp_path / "private" / "private.log").read_text()


def test_an_unexpected_error_tells_its_text_to_the_private_log_alone(
    export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*words: object) -> None:
        raise KeyError("Qvistgaard")

    monkeypatch.setattr("data_prep.inhouse.stations.join_patients", fail)
    assert prepare(export, tmp_path) == DATA
    said = capsys.readouterr()
    assert "an unexpected error (KeyError)" in said.err
    assert "Qvistgaard" not in said.err + said.out
    assert "Qvistgaard" in (tmp_path / "private" / "private.log").read_text()


@pytest.fixture(scope="module")
def two_sites(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve patients of two sites, one of them at both, at rising dates."""
    folder = tmp_path_factory.mktemp("sites")
    lines = ["acc,p,hospital,Alter,dose"]
    for k in range(12):
        tags = {"PatientID": f"P{k}", "StudyDate": f"2019{k + 1:02d}01"}
        save(folder / "x" / f"{k}", picture(500 + k, 64), **tags, AccessionNumber=f"A{k}", SOPInstanceUID=f"1.3.{k}")
        lines.append(f"A{k},{'yes' if k % 2 else 'no'},{'St. Corvinus' if k < 8 else 'Nord'},{84 + k},{k}.123456")
    both = {"PatientID": "P9", "StudyDate": "20180101", "AccessionNumber": "B9", "SOPInstanceUID": "1.3.99"}
    save(folder / "x" / "both", picture(600, 64), **both)
    (folder / "labels.csv").write_text("\n".join([*lines, "B9,yes,St. Corvinus,,"]))
    return folder


def of_sites(folder: Path, out: Path, *options: str) -> int:
    own = ["--images", str(folder / "x"), "--labels", str(folder / "labels.csv"), "--label-columns", "p"]
    there = ["--out", str(out / "out"), "--private", str(out / "private"), "--size", "32"]
    return main(["inhouse", *own, *there, "--site-column", "hospital", *options])


def number_of(folder: Path) -> dict[str, str]:
    return {row["image"]: row["patient_id"] for row in read_csv(folder / "private" / "mapping.csv")}


def test_a_site_is_held_out(two_sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert of_sites(two_sites, tmp_path, "--test-site", "nord", "--rare", "2") == FINISHED
    found, who = items(tmp_path), number_of(tmp_path)
    assert {who[name] for name, item in found.items() if item["split"] == "test"} == {"P8", "P9", "P10", "P11"}
    assert len({item["site"] for item in found.values() if item["split"] != "test"}) == 1
    assert len(found) == 12  # the other image of P9 is left out
    told = manifest(tmp_path)
    assert "Nord" not in json.dumps(told)
    assert "Corvinus" not in capsys.readouterr().out
    assert of_sites(two_sites, tmp_path / "2", "--test-site", "nowhere") == USAGE
    assert of_sites(two_sites, tmp_path / "2", "--test-site", "nord", "--test-from", "0.2") == USAGE
    assert of_sites(two_sites, tmp_path / "2", "--test-site", "nord", "--test-fraction", "0.2") == USAGE


def test_the_report_tells_only_what_was_done_to_the_columns(two_sites: Path, tmp_path: Path) -> None:
    assert of_sites(two_sites, tmp_path, "--covariates", "Alter", "dose", "--rare", "3") == FINISHED
    found = items(tmp_path).values()
    assert max(item.get("Alter", 0) for item in found) == 90
    assert {item.get("dose") for item in found} == {None, *(float(f"{k}.12") for k in range(10)), 0.123, 10.1, 11.1} - {
        0.12
    }
    said = html.unescape((tmp_path / "out" / "report.html").read_text())
    assert "Ages of 90 and more are 90 (columns: Alter)." in said
    assert "Numbers were rounded to 3 significant digits, and nothing else (columns: dose)." in said
    assert "The columns dose hold numbers that are handed on." in said
    assert 'Words of fewer than 3 patients in a column are "other" or left out (columns: site, vendor, view).' in said


def test_a_running_number_in_another_order_gives_no_label(
    two_sites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [f"{11 - k},A{k},{'yes' if k % 2 else 'no'}" for k in range(12)]  # the files are called 0 to 11
    (tmp_path / "labels.csv").write_text("\n".join(["nr,acc,p", *lines]))
    own = ["--images", str(two_sites / "x"), "--labels", str(tmp_path / "labels.csv"), "--label-columns", "p"]
    there = ["--out", str(tmp_path / "out"), "--private", str(tmp_path / "private"), "--size", "32"]
    assert main(["inhouse", *own, *there]) == DATA
    assert "--key-column 'acc' --key-is accession, or --key-column 'nr' --key-is file" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert main(["inhouse", *own, *there, "--key-column", "acc", "--key-is", "accession"]) == FINISHED
    who = {row["image"]: row["accession_number"] for row in read_csv(tmp_path / "private" / "mapping.csv")}
    labels = {who[name]: item["label"] for name, item in items(tmp_path).items() if "label" in item}
    assert labels == {f"A{k}": [k % 2] for k in range(12)}


def test_classes_beside_findings(two_sites: Path, tmp_path: Path) -> None:
    lines = [f"A{k},{'yes' if k % 2 else 'no'},{k % 3 if k else ''}" for k in range(12)]
    (tmp_path / "labels.csv").write_text("\n".join(["acc,p,grade", *lines]))
    own = ["--images", str(two_sites / "x"), "--labels", str(tmp_path / "labels.csv"), "--label-columns", "p", "grade"]
    there = ["--out", str(tmp_path / "out"), "--private", str(tmp_path / "private"), "--size", "32"]
    assert main(["inhouse", *own, *there]) == FINISHED
    assert load_datalist(tmp_path / "out").labels == ("p", "grade: 0", "grade: 1", "grade: 2")
    who = {row["image"]: row["accession_number"] for row in read_csv(tmp_path / "private" / "mapping.csv")}
    labels = {who[name]: item["label"] for name, item in items(tmp_path).items() if "label" in item}
    assert labels["A0"] == [0, None, None, None]
    assert labels["A5"] == [1, 0, 0, 1]
    said = html.unescape((tmp_path / "out" / "report.html").read_text())
    assert "3 classes have fewer than 5 patients (grade: 0, grade: 1, grade: 2)" in said


def test_the_latest_are_held_out(two_sites: Path, tmp_path: Path) -> None:
    assert of_sites(two_sites, tmp_path, "--test-from", "2019-10-01") == FINISHED
    found, who = items(tmp_path), number_of(tmp_path)
    assert {who[name] for name, item in found.items() if item["split"] == "test"} == {"P9", "P10", "P11"}
    assert "2019-10-01" not in json.dumps(manifest(tmp_path))


def test_parts_hold_all_patients_once(two_sites: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    for number in (1, 2):
        out = tmp_path / f"{number}"
        options = ("--part", f"{number}/2", "--test-fraction", "0")
        private = ("--private", str(tmp_path / "private"))
        assert of_sites(two_sites, out, *options, *private) == FINISHED
        seen += items(out)
    assert len(seen) == len(set(seen)) == 13


def of_folder(folder: Path, *options: str) -> dict[str, Any]:
    """Prepare pictures without headers, a patient a folder; returns the manifest."""
    own = ["--images", str(folder / "x"), "--out", str(folder / "out"), "--private", str(folder / "private")]
    assert main(["inhouse", *own, "--patient-folder", "1", "--size", "32", *options]) == FINISHED
    return manifest(folder)


def test_colour_and_grey_in_colour(tmp_path: Path) -> None:
    for k in range(6):
        grey, other = picture(700 + k, 64), picture(800 + k, 64)
        (tmp_path / "x" / f"P{k}").mkdir(parents=True)
        own = np.stack([grey, other if k < 4 else grey, grey], -1)
        Image.fromarray(own).save(tmp_path / "x" / f"P{k}" / "image.tif")
    told = of_folder(tmp_path)
    assert (told["channels"], told["in_colour"], told["bits"]) == (3, 4, 8)
    modes = {Image.open(path).mode for path in (tmp_path / "out" / "images").iterdir()}
    assert modes == {"RGB", "L"}
    (tmp_path / "grey").mkdir()
    (tmp_path / "x").rename(tmp_path / "grey" / "x")
    told = of_folder(tmp_path / "grey", "--channels", "1")
    assert (told["channels"], told["in_colour"]) == (1, 0)


def test_sixteen_bits_where_eight_would_flatten(tmp_path: Path) -> None:
    for k in range(5):
        levels = picture(900 + k, 64).astype(np.uint16)  # 8 of 16 bits: one grey level after rounding to 8
        (tmp_path / "x" / f"P{k}").mkdir(parents=True)
        Image.fromarray(levels * (16 if k == 0 else 257)).save(tmp_path / "x" / f"P{k}" / "image.png")
    told = of_folder(tmp_path)
    assert told["bits"] == 16
    assert len(told["few_grey_levels"]) == 1
    modes = [Image.open(path).mode for path in (tmp_path / "out" / "images").iterdir()]
    assert sorted(modes) == ["I;16", "L", "L", "L", "L"]


def test_one_picture_under_two_patients_is_nobodys(tmp_path: Path) -> None:
    for k in range(6):
        save(
            tmp_path / "x" / f"P{k}" / "image",
            picture(1000 + k // 2 if k < 2 else 1000 + k, 64),
            SOPInstanceUID=f"1.{k}",
        )
    save(tmp_path / "x" / "P5" / "again", picture(1005, 64), SOPInstanceUID="1.9")
    told = of_folder(tmp_path)
    assert [len(names) for reason, names in told["exclusions"].items() if "two patients" in reason] == [2]
    assert len(items(tmp_path)) == 4
    report = (tmp_path / "out" / "report.html").read_text()
    for reason, number in {TWO_PATIENTS: 2, COPY: 1, AGAIN: 0}.items():
        assert f"<th>left out: {reason}</th><td>{number}</td>" in report
