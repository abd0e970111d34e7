from __future__ import annotations

import json

import pytest

from monai_mocoi.files import heartbeat as beats
from monai_mocoi.files.file_clock import FileClocks
from monai_mocoi.handlers import RunFolder, heartbeat
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.runs.run_status import HEARTBEAT_NAME, run_status
from tests.handlers.engine import counting
from tests.support.whole_runs import Killed


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """What the heartbeat held and the status was at each step of a run that may fail, and the run itself."""
    monkeypatch.setattr(beats.Heartbeat, "is_due", lambda self: True)
    told, statuses = [], []
    folder = tmp_path / "x"

    def step(engine, batch):
        told.append(json.loads((folder / HEARTBEAT_NAME).read_text()))
        statuses.append(run_status(folder, RunManifest.read(folder / RunManifest.FILE), FileClocks()).status)
        if len(told) == fail_at:
            raise failure
        return {}

    fail_at, failure = None, None

    def run(at=None, error=None):
        nonlocal fail_at, failure
        fail_at, failure = at, error
        counting(step=step, handlers=[RunFolder(folder, {"bundle": "b"}, "abc")]).run()

    return told, statuses, run, folder


def test_it_tells_how_far_the_run_is_and_goes_with_it(seen):
    told, statuses, run, folder = seen
    run()
    assert [one["iteration"] for one in told] == [0, 1, 2, 3, 4, 5]
    assert {one["iterations"] for one in told} == {6}
    assert [one["done"] for one in told] == [0, 1, 2, 3, 4, 5]
    assert statuses == ["running"] * 6
    assert not (folder / HEARTBEAT_NAME).exists()


def test_it_goes_with_a_run_that_fails(seen):
    _, _, run, folder = seen
    with pytest.raises(ValueError, match="no"):
        run(2, ValueError("no"))
    assert not (folder / HEARTBEAT_NAME).exists()
    assert run_status(folder, RunManifest.read(folder / RunManifest.FILE), FileClocks()).status == "failed"


def test_a_killed_run_leaves_it_and_the_next_one_takes_it_over(seen, monkeypatch):
    _, _, run, folder = seen
    with monkeypatch.context() as patched:
        patched.setattr(beats.Heartbeat, "stop", lambda self: self._ended.set())  # no handler sees a kill coming
        with pytest.raises(Killed):
            run(2, Killed())
    assert (folder / HEARTBEAT_NAME).exists()
    RunFolder(folder, {"bundle": "b"}, "abc", resume=True)
    counting(handlers=[RunFolder(folder, {"bundle": "b"}, "abc", resume=True)]).run()
    assert not (folder / HEARTBEAT_NAME).exists()


def test_another_processes_heartbeat_is_left_alone_by_a_refused_run(tmp_path):
    folder = tmp_path / "x"
    counting(handlers=[RunFolder(folder, {"bundle": "b"}, "abc")]).run()
    (folder / HEARTBEAT_NAME).write_text("{}")
    with pytest.raises(ValueError, match="already holds a run"):
        counting(handlers=[RunFolder(folder, {"bundle": "b"}, "abc")]).run()
    assert (folder / HEARTBEAT_NAME).exists()
    assert heartbeat.HEARTBEAT_NAME == HEARTBEAT_NAME
