from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import pytest

from data_prep.__main__ import main
from monai_mocoi.exit_codes import DATA, FINISHED, USAGE
from tests.support.hospital_export import write_export

OPTIONS = (
    "--label-columns",
    "pneumonia",
    "effusion",
    "--patient-column",
    "MRN",
    "--size",
    "32",
    "--max-missing",
    "0.5",
)


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return write_export(tmp_path_factory.mktemp("hospital"), patients=20)


def _prepare(export, folder, out, *options):
    own = ["--images", str(export.images), "--labels", str(export.labels)]
    return main(["inhouse", *own, "--out", str(folder / out), "--private", str(folder / "private"), *OPTIONS, *options])


def _with_key(folder):
    """A key that is no secret: with a random one, the parts would be others each time, and one perhaps empty."""
    (folder / "private").mkdir()
    (folder / "private/key").write_bytes(bytes(32))


@pytest.fixture(scope="module")
def parts(export, tmp_path_factory):
    """Three parts and a folder made in one go, with one key."""
    folder = tmp_path_factory.mktemp("parts")
    _with_key(folder)
    for out, options in (("one", ()), *((f"p{n}", ("--part", f"{n}/3")) for n in (1, 2, 3))):
        assert _prepare(export, folder, out, *options) == FINISHED
    return folder


@pytest.fixture
def copied(parts, tmp_path):
    return shutil.copytree(parts, tmp_path / "copy")


def _join(folder, *parts):
    return main(["join", *(str(folder / part) for part in parts), "--out", str(folder / "joined")])


def _read(folder, name="manifest.json"):
    return json.loads((folder / name).read_text())


def _same_as_in_one_go(folder):
    one, joined = folder / "one", folder / "joined"
    assert (joined / "datalist.json").read_bytes() == (one / "datalist.json").read_bytes()
    assert _read(joined) == _read(one)
    items = [item for own in _read(one, "datalist.json").values() if isinstance(own, list) for item in own]
    assert len(items) > 20
    for item in items:
        assert (joined / item["image"]).read_bytes() == (one / item["image"]).read_bytes()


def test_three_parts_joined_are_the_folder_made_in_one_go(parts):
    sizes = [sum(own["images"] for own in _read(parts / f"p{n}")["counts"].values()) for n in (1, 2, 3)]
    assert min(sizes) > 5
    for n in (1, 2, 3):
        counts = _read(parts / f"p{n}")["counts"]
        assert counts["validation"]["images"] == counts["test"]["images"] == 0
    assert _join(parts, "p3", "p1", "p2") == FINISHED
    assert sum(own["images"] for own in _read(parts / "joined")["counts"].values()) == sum(sizes)
    _same_as_in_one_go(parts)
    assert (parts / "joined/report.html").is_file()
    shutil.rmtree(parts / "joined")


@pytest.mark.slow  # four preparations each
@pytest.mark.parametrize("split", ["latest", "csv"])
def test_what_is_held_out_or_given_stays_where_it_is(export, tmp_path, split):
    _with_key(tmp_path)
    options = ["--test-from", "0.3"]
    if split == "csv":
        table = tmp_path / "split.csv"
        with open(table, "w", newline="") as file:
            rows = [[f"MRN{7_310_000 + k}", "test" if k % 4 == 0 else "train"] for k in range(20)]
            csv.writer(file).writerows([["image", "split"], *rows])
        options = ["--split-csv", str(table), "--val-fraction", "0.2"]
    for out, part in (("one", []), *((f"p{n}", ["--part", f"{n}/3"]) for n in (1, 2, 3))):
        assert _prepare(export, tmp_path, out, *options, *part) == FINISHED
    assert _join(tmp_path, "p1", "p2", "p3") == FINISHED
    assert _read(tmp_path / "one")["counts"]["test"]["images"] > 3
    assert _read(tmp_path / "one")["counts"]["validation"]["images"] > 0
    _same_as_in_one_go(tmp_path)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (["p1", "p2"], r"these are the parts 1/3, 2/3; give each part"),
        (["p1", "p2", "p2"], r"1/3, 2/3, 2/3"),
        (["p1", "p2", "one"], "made without --part"),
        (["p1", "p2", "nowhere"], "no finished part"),
    ],
)
def test_all_parts_are_needed_once(copied, capsys, given, says):
    assert _join(copied, *given) == USAGE
    said = capsys.readouterr().err
    assert re.search(says, said)
    assert str(copied) not in said
    assert not (copied / "joined").exists()


def test_parts_of_another_key_or_other_options_are_refused(export, copied, capsys):
    shutil.rmtree(copied / "p3")
    main_options = ("--part", "3/3")
    shutil.move(copied / "private", copied / "other")
    assert _prepare(export, copied, "p3", *main_options) == FINISHED
    assert _join(copied, "p1", "p2", "p3") == USAGE
    assert "(key_fingerprint): with another key, a patient has another name" in capsys.readouterr().err

    manifest = _read(copied / "p2")
    manifest["options"]["size"] = 64
    (copied / "p2/manifest.json").write_text(json.dumps(manifest))
    assert _join(copied, "p1", "p2", "p3") == USAGE
    assert "part 2/3 was made with other options than part 1/3 (size)" in capsys.readouterr().err


def test_parts_of_an_export_that_changed_in_between_are_refused(copied, capsys):
    manifest = _read(copied / "p2")
    manifest["part"]["flow"][0][1] += 1
    (copied / "p2/manifest.json").write_text(json.dumps(manifest))
    assert _join(copied, "p1", "p2", "p3") == USAGE
    assert "part 2/3 found other files than part 1/3" in capsys.readouterr().err


@pytest.mark.parametrize("change", ["patient", "less", "broken"])
def test_a_part_that_was_changed_is_refused(copied, capsys, change):
    datalist = _read(copied / "p2", "datalist.json")
    if change == "patient":
        datalist["training"][0]["patient"] = _read(copied / "p1", "datalist.json")["training"][0]["patient"]
    elif change == "less":
        del datalist["training"][0]
    (copied / "p2/datalist.json").write_text("{" if change == "broken" else json.dumps(datalist))
    assert _join(copied, "p1", "p2", "p3") == DATA
    error = capsys.readouterr().err
    assert {"patient": "of a patient of another part", "less": "a part was changed", "broken": "is damaged"}[
        change
    ] in error


def test_a_picture_under_two_patients_of_two_parts_is_left_out(copied):
    """As after a preparation of parts of which each holds one of the two."""
    first, second = (_read(copied / part, "datalist.json")["training"][0]["image"] for part in ("p1", "p2"))
    shutil.copyfile(copied / "p1" / first, copied / "p2" / second)
    assert _join(copied, "p1", "p2", "p3") == FINISHED
    left_out = _read(copied / "joined")["exclusions"]["one picture under two patients, so it is not known whose it is"]
    assert left_out == sorted(Path(image).stem for image in (first, second))
