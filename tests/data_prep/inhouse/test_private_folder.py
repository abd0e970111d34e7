from __future__ import annotations

import csv
import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from data_prep.candidates import Refused
from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.inhouse.private_table import TABLES
from monai_mocoi.errors import DatasetError


def _rows(folder, name):
    with open(folder / name, encoding="utf-8", errors="surrogateescape", newline="") as file:
        return list(csv.DictReader(file))


def _mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_the_key_is_random_secret_and_stays(tmp_path):
    first = PrivateFolder(tmp_path / "private")
    again = PrivateFolder(tmp_path / "private")
    other = PrivateFolder(tmp_path / "other")
    key = (tmp_path / "private/key").read_bytes()
    assert len(key) == 32
    assert first.pseudonyms.patient("1") == again.pseudonyms.patient("1") != other.pseudonyms.patient("1")


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX systems")
def test_only_the_owner_can_read(tmp_path):
    previous = os.umask(0)
    try:
        folder = PrivateFolder(tmp_path / "private")
        folder.add([{"image": "i1", "patient": "p1", "path": "a"}])
        folder.exclude("b", "empty")
        folder.site("x")
        folder.log("y")
        folder.forget_other_exclusions()
    finally:
        os.umask(previous)
    assert _mode(tmp_path / "private") == 0o700
    files = sorted(path.name for path in (tmp_path / "private").iterdir() if not path.name.startswith("."))
    assert files == ["excluded.csv", "key", "mapping.csv", "private.log", "sites.csv"]
    assert {_mode(tmp_path / "private" / name) for name in files} == {0o600}


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX systems")
def test_rights_that_somebody_widened_are_taken_away(tmp_path):
    PrivateFolder(tmp_path / "private")
    (tmp_path / "private").chmod(0o755)
    (tmp_path / "private/key").chmod(0o644)
    PrivateFolder(tmp_path / "private")
    assert _mode(tmp_path / "private") == 0o700
    assert _mode(tmp_path / "private/key") == 0o600


@pytest.mark.parametrize("private", ["images/private", "images", ".", "out/deep/private"])
def test_refused_beside_images_and_results(tmp_path, private):
    (tmp_path / "images").mkdir()
    with pytest.raises(DatasetError, match="elsewhere") as refused:
        PrivateFolder(tmp_path / private, forbidden=[tmp_path / "images", tmp_path / "out"])
    assert refused.value.exit_code == 2
    assert str(tmp_path) not in str(refused.value)
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "images/private").exists()


def test_refused_through_a_symbolic_link(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "images")
    with pytest.raises(DatasetError, match="elsewhere"):
        PrivateFolder(tmp_path / "link/private", forbidden=[tmp_path / "images"])


@pytest.mark.parametrize("files", [["datalist.json"], ["preparation.jsonl"], ["manifest.json", "config.json"]])
def test_refused_in_any_dataset_or_run_folder(tmp_path, files):
    for name in files:
        (tmp_path / name).write_text("{}")
    with pytest.raises(DatasetError, match="dataset folder or a run folder"):
        PrivateFolder(tmp_path / "deep/private")
    assert not (tmp_path / "deep").exists()


def test_refused_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DatasetError, match="the cache"):
        PrivateFolder(tmp_path / "cache/private")


def test_refused_where_something_else_lies_and_names_nothing_of_it(tmp_path):
    (tmp_path / "private").mkdir()
    (tmp_path / "private/Qvistgaard.txt").write_text("")
    with pytest.raises(DatasetError, match=r"something else \(1 file") as refused:
        PrivateFolder(tmp_path / "private")
    assert "Qvistgaard" not in str(refused.value)
    assert not (tmp_path / "private/key").exists()


def test_a_file_is_refused(tmp_path):
    (tmp_path / "private").write_text("")
    with pytest.raises(DatasetError, match="is a file"):
        PrivateFolder(tmp_path / "private")


@pytest.mark.parametrize("content", [b"", b"short", bytes(33)])
def test_a_damaged_key_is_never_replaced(tmp_path, content):
    PrivateFolder(tmp_path / "private")
    (tmp_path / "private/key").write_bytes(content)
    with pytest.raises(DatasetError, match=f"{len(content)} bytes, not 32"):
        PrivateFolder(tmp_path / "private")
    assert (tmp_path / "private/key").read_bytes() == content


def test_a_lost_key_is_never_replaced(tmp_path):
    PrivateFolder(tmp_path / "private")
    (tmp_path / "private/key").unlink()
    with pytest.raises(DatasetError, match="Bring the key back"):
        PrivateFolder(tmp_path / "private")


def test_rows_are_written_once_over_interruptions(tmp_path):
    row = {"image": "i1", "patient": "p1", "path": "Müller, Zoë/IM1", "patient_id": 'a"b'}
    PrivateFolder(tmp_path / "private").add([row, row, {**row, "image": "i2"}])
    mapping = tmp_path / "private/mapping.csv"
    with open(mapping, "ab") as file:
        file.write(b"i3,p1,torn")  # an interruption in the middle of a row
    folder = PrivateFolder(tmp_path / "private")
    folder.add([row, {**row, "image": "i3"}])
    rows = _rows(tmp_path / "private", "mapping.csv")
    assert [r["image"] for r in rows] == ["i1", "i2", "i3"]
    assert tuple(rows[0]) == TABLES["mapping.csv"]
    assert {r["path"] for r in rows} == {"Müller, Zoë/IM1"}
    assert {r["patient_id"] for r in rows} == {'a"b'}


def test_paths_of_any_bytes_come_back(tmp_path):
    path = "M\udcfcller\nand/IM\r1"
    folder = PrivateFolder(tmp_path / "private")
    folder.add([{"image": "i1", "path": path}])
    folder.add([{"image": "i1", "path": path}])
    assert [r["path"] for r in _rows(tmp_path / "private", "mapping.csv")] == ["M\udcfcller\\nand/IM\\r1"]


def test_an_unknown_column_is_a_fault_of_the_caller(tmp_path):
    with pytest.raises(ValueError, match="no column name"):
        PrivateFolder(tmp_path / "private").add([{"name": "x"}])


def test_two_preparations_share_a_folder(tmp_path):
    one, two = PrivateFolder(tmp_path / "private"), PrivateFolder(tmp_path / "private")
    for folder in (one, two, one):
        folder.add([{"image": "i1"}])
        assert folder.site("St. Corvinus") == one.pseudonyms.site("st. corvinus")
    two.add([{"image": "i2"}])
    one.add([{"image": "i2"}, {"image": "i3"}])
    assert [r["image"] for r in _rows(tmp_path / "private", "mapping.csv")] == ["i1", "i2", "i3"]
    assert [r["name"] for r in _rows(tmp_path / "private", "sites.csv")] == ["St. Corvinus"]


def test_threads_write_whole_rows(tmp_path):
    folder = PrivateFolder(tmp_path / "private")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: folder.add([{"image": f"i{n % 50}", "path": "x" * 500}]), range(200)))
    assert sorted(r["image"] for r in _rows(tmp_path / "private", "mapping.csv")) == sorted(f"i{n}" for n in range(50))


def test_exclusions_of_this_data_set_are_those_of_its_last_run(tmp_path):
    one = PrivateFolder(tmp_path / "private", dataset="one")
    one.exclude("a", "empty")
    one.exclude("b", "truncated", "i1")
    PrivateFolder(tmp_path / "private", dataset="two").exclude("c", "empty")
    again = PrivateFolder(tmp_path / "private", dataset="one")
    again.exclude("b", "truncated", "i1")
    assert len(_rows(tmp_path / "private", "excluded.csv")) == 3
    again.forget_other_exclusions()
    one.exclude("d", "empty")  # another process that had read the longer file
    rows = _rows(tmp_path / "private", "excluded.csv")
    assert tuple(rows[0]) == TABLES["excluded.csv"]
    assert [(r["path"], r["reason"], r["dataset"]) for r in rows] == [
        ("b", "truncated", "one"),
        ("c", "empty", "two"),
        ("d", "empty", "one"),
    ]


def test_the_log_has_a_line_a_call(tmp_path):
    folder = PrivateFolder(tmp_path / "private")
    folder.log("Müller/IM1\ncannot be read")
    folder.log("done")
    first, second = (tmp_path / "private/private.log").read_text().splitlines()
    assert first.endswith(" Müller/IM1\\ncannot be read")
    assert second.endswith(" done")


@pytest.mark.parametrize(
    ("error", "becomes", "says"),
    [
        (KeyError("Qvistgaard"), DatasetError, r"an unexpected error \(KeyError\)"),
        (OSError(errno.ENOSPC, "No space left", "/x/Qvistgaard"), OSError, "No space left"),
    ],
)
def test_an_unexpected_text_goes_to_the_private_log(
    tmp_path: Path, error: Exception, becomes: type[Exception], says: str
) -> None:
    with pytest.raises(becomes, match=says) as caught, PrivateFolder(tmp_path / "private").logged_errors():
        raise error
    assert "Qvistgaard" not in str(caught.value)
    assert getattr(caught.value, "errno", None) == getattr(error, "errno", None)
    assert caught.value.__cause__ is None
    assert "Qvistgaard" in (tmp_path / "private" / "private.log").read_text()


@pytest.mark.parametrize("error", [DatasetError("x"), Refused("x"), MemoryError("x")])
def test_what_was_written_to_be_read_passes(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, PrivateFolder(tmp_path / "private").logged_errors():
        raise error
    assert caught.value is error


def test_a_site_by_its_name_or_its_code(tmp_path: Path) -> None:
    private = PrivateFolder(tmp_path / "private")
    code = private.site
    north = code("North")
    assert north == code("North") == code(f" {north} ") == private.pseudonyms.site("North") != code("South")
    with open(tmp_path / "private" / "sites.csv", newline="") as file:
        assert [row["name"] for row in csv.DictReader(file)] == ["North", "South"]  # no code for a site's name
