"""What the run folder's check says of places; of runs: test_run_folder.py and tests/cli/test_plan.py."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from monai_mocoi.errors import RunFolderError
from monai_mocoi.runs.run_folder_check import check_run_folder


def test_nothing_there_is_no_earlier_run(tmp_path: Path) -> None:
    assert check_run_folder(tmp_path / "not" / "yet", False, True, {}) is None
    assert check_run_folder(tmp_path, False, False, {}) is None
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "thesis").touch()
    for folder in (tmp_path / "thesis", tmp_path / "thesis" / "run"):
        with pytest.raises(RunFolderError, match="thesis is a file"):
            check_run_folder(folder, False, False, {})


@pytest.mark.parametrize(
    ("locked", "message"),
    [
        ("runs/x", r"runs/x cannot be written by this user"),
        ("runs", r"runs cannot be written by this user\. Beside a run folder"),
    ],
)
def test_the_folder_and_the_one_above_must_be_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locked: str, message: str
) -> None:
    folder = tmp_path / "runs" / "x"
    folder.mkdir(parents=True)
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / locked and access(path, mode))
    with pytest.raises(RunFolderError, match=message):
        check_run_folder(folder, False, False, {})


def test_behind_a_link_the_place_that_counts_is_the_real_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disk" / "run").mkdir(parents=True)
    (tmp_path / "x").symlink_to(tmp_path / "disk" / "run")
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path / "disk" and access(path, mode))
    with pytest.raises(RunFolderError, match="disk cannot be written"):
        check_run_folder(tmp_path / "x", False, False, {})


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("finished", r"test it by evaluate\.json, choose another output_dir"),
        ("stopped", "set resume to true to continue it"),
    ],
)
def test_a_finished_fine_tuning_is_to_be_tested_not_continued(tmp_path: Path, status: str, text: str) -> None:
    folder = tmp_path / "a run"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "manifest.json").write_text(json.dumps({"status": status}))
    (folder / "classifier.pt").touch()
    with pytest.raises(RunFolderError, match=text) as refused:
        check_run_folder(folder, False, False, {})
    assert ("resume" in str(refused.value)) is (status == "stopped")


@pytest.mark.parametrize("status", ["finished", "stopped"])
def test_another_fine_tuning_gets_a_folder_where_it_finds_its_encoder(tmp_path: Path, status: str) -> None:
    folder = tmp_path / "a run"
    folder.mkdir()
    (folder / "config.json").write_text('{"trainable": "all", "learning_rate": 1}')
    (folder / "manifest.json").write_text(json.dumps({"status": status}))
    (folder / "classifier.pt").touch()
    settings = {"trainable": "all", "learning_rate": 2}
    with pytest.raises(RunFolderError, match="choose another run_dir") as refused:
        check_run_folder(folder, False, False, settings)
    assert "output_dir" not in str(refused.value)
    check_run_folder(Path(f"{folder}-2"), False, False, settings)
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "checkpoint_000000001.pt").touch()
    with pytest.raises(RunFolderError, match=r"learning_rate 1 -> 2.* choose another run_dir for a run of its own"):
        check_run_folder(folder, False, True, settings)


@pytest.mark.parametrize("status", ["running", "stopped", "failed"])
def test_a_fine_tuning_that_was_killed_before_its_first_checkpoint_begins_anew(tmp_path: Path, status: str) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "manifest.json").write_text(json.dumps({"status": status}))
    (tmp_path / "labelled.json").write_text("{}")  # written when training starts
    (tmp_path / "debug").mkdir()  # of a loss that was not finite
    run = check_run_folder(tmp_path, resume=True)
    assert run is not None
    assert run.newest is None
    (tmp_path / "classifier.pt").touch()
    with pytest.raises(RunFolderError, match=r"without a good checkpoint .* files: classifier\.pt\)"):
        check_run_folder(tmp_path, resume=True)
