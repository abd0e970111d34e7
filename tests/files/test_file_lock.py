from __future__ import annotations

import errno
import fcntl
import multiprocessing
import os
import tempfile
import time

import pytest

from monai_mocoi.files.file_lock import file_lock


def _count_up(folder: str) -> None:
    counter = f"{folder}/counter"
    for _ in range(20):
        with file_lock(f"{folder}/lock"):
            with open(counter) as file:
                value = int(file.read())
            time.sleep(0.001)
            with open(counter, "w") as file:
                file.write(str(value + 1))


def test_no_update_is_lost_between_processes(tmp_path):
    (tmp_path / "counter").write_text("0")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=_count_up, args=(str(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert (tmp_path / "counter").read_text() == "60"


def test_without_waiting_it_says_whether_it_is_held(tmp_path):
    with file_lock(tmp_path / "lock") as first, file_lock(tmp_path / "lock", wait=False) as second:
        assert (first, second) == (True, False)
    with file_lock(tmp_path / "lock", wait=False) as again:
        assert again


def _hold_fork_and_die(path: str) -> None:
    with file_lock(path):
        if os.fork() == 0:
            time.sleep(30)
        os._exit(0)


def test_a_forked_child_does_not_hold_the_lock_of_a_dead_parent(tmp_path):
    holder = multiprocessing.get_context("fork").Process(target=_hold_fork_and_die, args=(f"{tmp_path}/lock",))
    holder.start()
    holder.join()
    with file_lock(tmp_path / "lock", wait=False) as held:
        assert held


def _without_locks(monkeypatch, number: int, folder) -> None:
    """As on a file system that answers flock with an error, for all files below a folder."""
    real = fcntl.flock

    def flock(file, operation):
        if os.readlink(f"/proc/self/fd/{file}").startswith(str(folder)):
            raise OSError(number, os.strerror(number))
        real(file, operation)

    monkeypatch.setattr(fcntl, "flock", flock)


NO_LOCKS = [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.EIO]


@pytest.mark.parametrize("number", NO_LOCKS)
def test_without_locks_on_the_disk_one_of_this_machine_is_held(tmp_path, monkeypatch, caplog, number):
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "machine"))
    (tmp_path / "machine").mkdir()
    _without_locks(monkeypatch, number, tmp_path / "network")
    (tmp_path / "link").symlink_to(tmp_path / "network")
    with file_lock(tmp_path / "network/lock") as first, file_lock(tmp_path / "link/lock", wait=False) as second:
        assert (first, second) == (True, False)
        with file_lock(tmp_path / "network/other", wait=False) as other:
            assert other
    with file_lock(tmp_path / "network/lock", wait=False) as again:
        assert again
    assert [record.levelname for record in caplog.records] == ["WARNING"] * 2  # once a folder, as it was named
    assert str(tmp_path / "network") in caplog.text
    assert os.strerror(number) in caplog.text
    assert "another machine" in caplog.text


@pytest.mark.parametrize("number", NO_LOCKS)
def test_without_any_lock_it_goes_on_with_a_warning(tmp_path, monkeypatch, caplog, number):
    _without_locks(monkeypatch, number, "")
    for _ in range(2):
        with file_lock(tmp_path / "lock") as held:
            assert held
    assert caplog.text.count("has no locks") == 1
    assert "another machine" not in caplog.text


def test_a_lock_that_is_held_is_no_missing_lock(tmp_path, monkeypatch, caplog):
    for number in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES):
        _without_locks(monkeypatch, number, "")
        with file_lock(tmp_path / "lock", wait=False) as held:
            assert not held
    assert not caplog.records
