from __future__ import annotations

import errno
import fcntl
import json
import os

import numpy as np
import pytest

from data_prep.record import RECORD_NAME, begun_options, opened_folder
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.file_signature import file_signature


@pytest.fixture
def files(tmp_path):
    source = tmp_path / "source"
    source.write_text("source")
    return str(source), tmp_path / "out/images/a.png"


def _add(tmp_path, files, options=None, small=False):
    with opened_folder(tmp_path / "out", options or {"size": 1}) as record:
        files[1].parent.mkdir(exist_ok=True)
        files[1].write_text("target")
        record.add("a.png", *files, small)


def _finished(tmp_path, files):
    with opened_folder(tmp_path / "out", {"size": 1}) as record:
        return record.finished("a.png", *files)


@pytest.mark.parametrize("small", [True, False])
def test_remembers_what_is_finished(tmp_path, files, small):
    _add(tmp_path, files, small=small)
    assert _finished(tmp_path, files) == small
    with opened_folder(tmp_path / "out", {"size": 1}) as record:
        assert record.finished("b.png", *files) is None


def test_a_note_may_be_a_dictionary_and_the_signature_is_told(tmp_path, files):
    note = {"bits": 3, "levels": 4096, "why": "ä"}
    _add(tmp_path, files, small=note)
    assert _finished(tmp_path, files) == note
    with opened_folder(tmp_path / "out", {"size": 1}) as record:
        assert record.add("a.png", *files, np.int64(2)) == file_signature(str(files[1]))
    assert _finished(tmp_path, files) == 2


@pytest.mark.parametrize("values", [[], ["0"], ["0", "1"], ["0", "1", "text"], ["0", "1", None]])
def test_a_line_of_another_form_counts_for_nothing(tmp_path, files, values):
    _add(tmp_path, files)
    with open(tmp_path / "out" / RECORD_NAME, "a") as file:
        file.write(json.dumps(["a.png", *values]) + "\n")
    assert _finished(tmp_path, files) is None


def test_with_a_secret_the_record_does_not_show_the_signature_of_the_source(tmp_path, files):
    with opened_folder(tmp_path / "out", {}, secret=b"secret") as record:
        files[1].parent.mkdir(exist_ok=True)
        files[1].write_text("target")
        record.add("a.png", *files, 1)
    assert file_signature(files[0]).hex() not in (tmp_path / "out" / RECORD_NAME).read_text()
    for secret, note in ((b"secret", 1), (b"other", None), (b"", None)):
        with opened_folder(tmp_path / "out", {}, secret=secret) as record:
            assert record.finished("a.png", *files) == note


@pytest.mark.parametrize("change", ["source", "time", "same size and time", "target", "no target", "no source"])
def test_only_unchanged_files_count(tmp_path, files, change):
    _add(tmp_path, files)
    source, target = files
    if change == "source":
        with open(source, "a") as file:
            file.write("more")
    elif change == "time":
        os.utime(source, ns=(1, 1))
    elif change == "same size and time":
        other = tmp_path / "other"
        other.write_text("recuos")
        os.utime(other, ns=(os.stat(source).st_atime_ns, os.stat(source).st_mtime_ns))
        os.replace(other, source)
    elif change == "target":
        target.write_text("half")
    else:
        os.unlink(target if change == "no target" else source)
    assert _finished(tmp_path, files) is None


def test_a_line_that_was_cut_off(tmp_path, files):
    _add(tmp_path, files)
    path = tmp_path / "out" / RECORD_NAME
    path.write_bytes(path.read_bytes()[:-4])
    assert _finished(tmp_path, files) is None
    _add(tmp_path, files)
    assert _finished(tmp_path, files) == 0


def test_other_options_are_refused_and_named(tmp_path, files):
    _add(tmp_path, files, {"size": 1, "seed": 0, "lists": (1, 2)})
    _add(tmp_path, files, {"size": 1, "seed": 0, "lists": (1, 2)})
    with pytest.raises(DatasetError, match=r"other options \(seed: 0 there, 3 now; split: None there, own now"):
        _add(tmp_path, files, {"size": 1, "seed": 3, "lists": (1, 2), "split": "own"})


def test_a_damaged_beginning(tmp_path, files):
    _add(tmp_path, files)
    (tmp_path / "out" / RECORD_NAME).write_bytes(b"garbage\n")
    with pytest.raises(DatasetError, match="is damaged"):
        _finished(tmp_path, files)


def test_foreign_folders_are_refused(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/thesis.doc").write_text("precious")
    with (
        pytest.raises(DatasetError, match=r"holds something else \(thesis\.doc\)"),
        opened_folder(tmp_path / "out", {}),
    ):
        pass
    with pytest.raises(DatasetError, match="is a file"), opened_folder(tmp_path / "out/thesis.doc", {}):
        pass


def test_two_at_once_are_refused(tmp_path):
    with (
        opened_folder(tmp_path / "out", {}),
        pytest.raises(DatasetError, match="another data_prep is writing"),
        opened_folder(tmp_path / "out", {}),
    ):
        pass


def test_a_folder_without_locks_is_opened_with_a_warning(tmp_path, files, monkeypatch, caplog):
    def flock(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    _add(tmp_path, files)
    assert _finished(tmp_path, files) == 0
    assert caplog.text.count(f"{tmp_path / 'out'} has no locks") == 1


def test_the_options_of_a_folder_that_was_begun(tmp_path, files):
    assert begun_options(tmp_path / "out") == {}
    _add(tmp_path, files, {"size": 3, "key_fingerprint": "ab"})
    assert begun_options(tmp_path / "out") == {"size": 3, "key_fingerprint": "ab"}
    (tmp_path / "out" / RECORD_NAME).write_text("")
    assert begun_options(tmp_path / "out") == {}
    for damaged in ("[]", '{"options": 3}', "x"):
        (tmp_path / "out" / RECORD_NAME).write_text(damaged)
        with pytest.raises(DatasetError, match="damaged"):
            begun_options(tmp_path / "out")
