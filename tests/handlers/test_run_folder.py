from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.handlers import RunFolder, RunFolderError, SettingsError, check_run_folder
from tests.handlers.engine import counting


def run(folder: Path, step: Any = None, **options: Any) -> None:
    settings = {"seed": 3, "device": Path("x"), "sizes": (1, 2)}
    counting(step=step, handlers=[RunFolder(folder, settings, "abc", **options)]).run()


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def test_a26_a_finished_run_records_seed_versions_and_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "runs" / "x"
    with caplog.at_level(logging.INFO):
        run(folder, own_data=["prepare me"])
    record = manifest(folder)
    assert record["status"] == "finished"
    assert (record["seed"], record["dataset_sha256"], record["epochs"], record["iterations"]) == (3, "abc", 2, 6)
    assert record["versions"]["torch"]
    assert record["device"] == "cpu"
    assert json.loads((folder / "config.json").read_text()) == {
        "seed": 3,
        "device": "x",
        "sizes": [1, 2],
        "components": {},
    }
    assert "encoder.pt" in caplog.text
    assert "tensorboard" in caplog.text
    assert "prepare me" in caplog.text


def test_the_folder_is_made_when_training_starts_not_before(tmp_path: Path) -> None:
    counting(handlers=[RunFolder(tmp_path / "x", {}, "abc")])
    check_run_folder(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_failed_run_says_so_without_the_error_text(tmp_path: Path) -> None:
    def fail(engine: Any, batch: Any) -> None:
        raise OSError("/data/Mustermann.dcm is broken")

    with pytest.raises(OSError, match="Mustermann"):
        run(tmp_path / "x", fail)
    assert manifest(tmp_path / "x")["status"] == "failed"
    assert manifest(tmp_path / "x")["error"] == "OSError"
    assert "Mustermann" not in (tmp_path / "x" / "manifest.json").read_text()


def test_a_run_that_is_ended_early_is_stopped_not_finished(tmp_path: Path) -> None:
    run(tmp_path / "x", lambda engine, batch: engine.terminate())
    assert manifest(tmp_path / "x")["status"] == "stopped"


def test_a24_another_run_is_never_overwritten_unasked(tmp_path: Path) -> None:
    run(tmp_path / "x")
    (tmp_path / "x" / "encoder.pt").write_text("precious")
    with pytest.raises(RunFolderError, match=r"finished.*--overwrite true"):
        check_run_folder(tmp_path / "x")
    with pytest.raises(RunFolderError, match="already holds a run"):
        run(tmp_path / "x")
    assert (tmp_path / "x" / "encoder.pt").read_text() == "precious"
    with pytest.raises(RunFolderError, match="already holds a run"):
        check_run_folder(tmp_path / "x", "false")
    check_run_folder(tmp_path / "x", "true")  # as MONAI's command line hands it on
    assert (tmp_path / "x" / "encoder.pt").exists()
    run(tmp_path / "x", overwrite="true")
    assert not (tmp_path / "x" / "encoder.pt").exists()


def test_a_folder_of_something_else_is_never_emptied(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("words")
    with pytest.raises(RunFolderError, match="not those of a run"):
        check_run_folder(tmp_path, overwrite=True)
    (tmp_path / "manifest.json").write_text("{broken")
    with pytest.raises(RunFolderError, match="not those of a run"):
        check_run_folder(tmp_path, overwrite=True)
    (tmp_path / "manifest.json").write_text('{"source": "nih"}')
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "datalist.json").write_text("{}")
    with pytest.raises(RunFolderError, match="not those of a run"):  # a dataset folder
        check_run_folder(tmp_path, overwrite=True)
    with pytest.raises(RunFolderError, match="is a file"):
        check_run_folder(tmp_path / "thesis.txt")
    with pytest.raises(SettingsError, match="'maybe'"):
        check_run_folder(tmp_path / "new", "maybe")
