from __future__ import annotations

import os
import threading
import time
from pathlib import Path

from monai_mocoi.files.file_clock import FileClocks
from monai_mocoi.files.heartbeat import SILENCE, Heartbeat, is_beating, last_beat


def backdate(path: Path, seconds: float) -> None:
    os.utime(path, (time.time() - seconds,) * 2)


def wait_until(happened) -> None:
    deadline = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_is_touched_again_and_again_and_removed_at_the_end(tmp_path):
    heartbeat = Heartbeat(tmp_path / "beat.json", interval=0.02)
    heartbeat.start(iteration=3)
    backdate(heartbeat.path, 1000)
    wait_until(lambda: time.time() - heartbeat.path.stat().st_mtime < 500)
    assert last_beat(heartbeat.path)[1] == {"format": 1, "iteration": 3}
    wait_until(heartbeat.is_due)
    heartbeat.tell(iteration=4)
    assert last_beat(heartbeat.path)[1]["iteration"] == 4
    heartbeat.stop()
    assert list(tmp_path.iterdir()) == []
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}
    assert not heartbeat.is_due()


def test_one_that_never_began_removes_nothing(tmp_path):
    (tmp_path / "beat.json").write_text("of another process")
    Heartbeat(tmp_path / "beat.json").stop()
    assert (tmp_path / "beat.json").exists()


def test_a_folder_that_is_gone_or_full_does_not_stop_the_process(tmp_path):
    heartbeat = Heartbeat(tmp_path / "beat.json", interval=0.001)
    heartbeat.start()
    heartbeat.path.unlink()
    wait_until(heartbeat.is_due)
    assert heartbeat._thread.is_alive()
    heartbeat.stop()
    (tmp_path / "file").touch()
    other = Heartbeat(tmp_path / "file" / "beat.json")
    other.start()
    other.stop()


def test_silence_is_told_by_the_time_of_the_file_system_and_not_of_this_machine(tmp_path, monkeypatch):
    beat = tmp_path / "beat.json"
    beat.write_text("{}")
    # As if this machine were a day ahead of the file server, or behind.
    real = time.time
    for ahead in (-86_400, 86_400):
        monkeypatch.setattr(time, "time", lambda ahead=ahead: real() + ahead)
        assert is_beating(beat, FileClocks())
    monkeypatch.setattr(time, "time", real)
    backdate(beat, SILENCE - 10)
    assert is_beating(beat, FileClocks())
    backdate(beat, SILENCE + 1)
    assert not is_beating(beat, FileClocks())
    assert [path.name for path in tmp_path.iterdir()] == ["beat.json"]


def test_what_cannot_be_read_still_beats_and_nothing_does_not(tmp_path):
    (tmp_path / "beat.json").write_text("{half")
    assert last_beat(tmp_path / "beat.json")[1] == {}
    (tmp_path / "list.json").write_text("[1]")
    assert last_beat(tmp_path / "list.json")[1] == {}
    assert last_beat(tmp_path / "none.json") is None
    assert not is_beating(tmp_path / "none.json", FileClocks())
