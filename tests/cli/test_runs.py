from __future__ import annotations

import json

import pytest

from monai_mocoi.cli.runs import status_in_words
from monai_mocoi.runs.run_status import HEARTBEAT_NAME, RunStatus
from tests.support.loaded_modules import loaded_by
from tests.support.run_folders import ago, put

CONFIG = {"modality": "chest", "demo": True, "method": "mse"}


@pytest.fixture
def folder(tmp_path):
    put(tmp_path / "a", config=CONFIG, manifest={"status": "finished", "ended": ago(7200)})
    put(tmp_path / "b", config=CONFIG, manifest={"status": "running", "started": ago(600)})
    (tmp_path / "b" / HEARTBEAT_NAME).write_text('{"iteration": 1, "iterations": 4, "done": 1, "seconds": 60}')
    return tmp_path


def test_the_table(mocoi, folder):
    lines = mocoi("runs", str(folder)).output.splitlines()
    assert lines[0].split() == ["run", "kind", "method", "data", "labels", "metric", "status", "age"]
    assert lines[1].split("  ")[0] == "a"
    assert lines[1].split()[-3:] == ["finished", "2", "h"]
    assert "running, 25%, 3 min left" in lines[2]
    assert lines[3:] == ["2 runs: 1 finished, 1 running"]


def test_json_holds_all_that_is_known(mocoi, folder):
    first, second = json.loads(mocoi("runs", str(folder), "--json").output)
    assert (first["folder"], first["status"]["status"], first["data"]) == ("a", "finished", "chest, phantoms")
    assert second["status"] == {
        **{"status": "running", "reason": None, "iteration": 1, "iterations": 4, "seconds_left": 180.0}
    }


def test_no_runs_and_no_folder(mocoi, tmp_path):
    assert mocoi("runs", str(tmp_path)).output.startswith("There is no run in ")
    assert json.loads(mocoi("runs", str(tmp_path), "--json").output) == []
    refused = mocoi("runs", "nowhere")
    assert refused.exit_code == 2
    assert "there is no folder nowhere" in refused.stderr


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (RunStatus("running"), "running"),
        (RunStatus("running", None, 1, 3, 30.0), "running, 33%, 30 s left"),
        (RunStatus("killed", "why", 1, 4), "killed at 25%"),
        (RunStatus("killed", "why"), "killed"),
        (RunStatus("failed", "NotFiniteError", 7), "failed: NotFiniteError"),
        (RunStatus("stopped", "by a signal", 7), "stopped"),
        (RunStatus("finished", None, 7, 7), "finished"),
    ],
)
def test_a_status_in_words(status, words):
    assert status_in_words(status) == words


def test_it_needs_no_torch(folder):
    done = loaded_by("runs", folder)
    assert "LOADED []" in done.stdout, done.stderr
