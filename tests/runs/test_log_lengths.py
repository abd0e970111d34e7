from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_mocoi.runs.log_lengths import cut_back, log_lengths


def test_files_go_back_to_what_they_were(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"first")
    (tmp_path / "notes.txt").write_bytes(b"mine")
    lengths = log_lengths(tmp_path)
    assert lengths == {"events.out.tfevents.1": 5}
    (tmp_path / "events.out.tfevents.1").write_bytes(b"first and more")
    (tmp_path / "events.out.tfevents.2").write_bytes(b"new")
    cut_back(tmp_path, lengths)
    assert (tmp_path / "events.out.tfevents.1").read_bytes() == b"first"
    assert not (tmp_path / "events.out.tfevents.2").exists()
    assert (tmp_path / "notes.txt").read_bytes() == b"mine"


def test_shorter_and_missing_files_stay(tmp_path: Path) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"1")
    cut_back(tmp_path, {"events.out.tfevents.1": 9, "gone": 3})
    assert (tmp_path / "events.out.tfevents.1").read_bytes() == b"1"


def test_no_folder(tmp_path: Path) -> None:
    assert log_lengths(tmp_path / "none") == {}
    cut_back(tmp_path / "none", {"events.out.tfevents.1": 1})


def test_what_is_measured_is_down_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run" / "tensorboard"
    folder.mkdir(parents=True)
    files = [folder / f"events.out.tfevents.{number}" for number in (1, 2)]
    for path in files:
        path.write_bytes(b"curve")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_ino))
    assert log_lengths(folder) == {path.name: 5 for path in files}
    assert synced == [path.stat().st_ino for path in (*files, folder, folder.parent)]
