from __future__ import annotations

import json
import os
import time

import pytest

from monai_mocoi.files.file_clock import FileClocks
from monai_mocoi.files.heartbeat import SILENCE
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.runs.run_status import HEARTBEAT_NAME, RunStatus, run_status

TOLD = {"iteration": 30, "iterations": 100, "done": 10, "seconds": 20.0}


@pytest.fixture
def status(tmp_path):
    """The status of a run with this manifest, written so many seconds ago; so too its heartbeat, if it has one."""

    def of(manifest, written=9999.0, beat=None, told=TOLD):
        RunManifest.of(manifest).write(tmp_path / RunManifest.FILE)
        os.utime(tmp_path / RunManifest.FILE, (time.time() - written,) * 2)
        (tmp_path / HEARTBEAT_NAME).unlink(missing_ok=True)
        if beat is not None:
            (tmp_path / HEARTBEAT_NAME).write_text(json.dumps(told))
            os.utime(tmp_path / HEARTBEAT_NAME, (time.time() - beat,) * 2)
        return run_status(tmp_path, RunManifest.of(manifest), FileClocks())

    return of


def test_a_living_run_says_how_far_it_is_and_how_long_it_takes(status):
    assert status({"status": "running"}, beat=5) == RunStatus("running", None, 30, 100, 70 * 20.0 / 10)
    assert status({"status": "running"}, beat=SILENCE - 10).status == "running"


def test_a_continued_run_lives_whatever_its_manifest_still_says(status):
    assert status({"status": "stopped"}, beat=5, told={**TOLD, "done": 0}) == RunStatus("running", None, 30, 100, None)


def test_a_killed_run_is_told_from_a_living_one(status):
    dead = status({"status": "running"}, beat=SILENCE + 1)
    assert (dead.status, dead.iteration, dead.iterations, dead.seconds_left) == ("killed", 30, 100, None)
    assert status({"status": "running"}).status == "killed"
    assert status({"status": "running"}, beat=SILENCE + 1, told={}).iteration is None


def test_one_that_has_just_begun_has_no_heartbeat_yet(status):
    assert status({"status": "running"}, written=1).status == "running"
    # But a new manifest does not bring a dead one to life.
    assert status({"status": "running"}, written=1, beat=SILENCE + 1).status == "killed"


def test_how_it_ended(status):
    assert status({"status": "finished", "iterations": 6}) == RunStatus("finished", None, 6, 6)
    failed = status({"status": "failed", "error": "NotFiniteError", "iterations": 4})
    assert (failed.status, failed.reason, failed.iteration) == ("failed", "NotFiniteError", 4)
    assert status({"status": "failed"}).reason == "the error is not known"
    assert status({"status": "stopped"}).status == "stopped"
    assert status({"status": "paused"}).status == "unreadable"
    assert status({}).status == "unreadable"
