from __future__ import annotations

import multiprocessing
import time

from monai_mocoi.data.file_lock import file_lock


def _count_up(folder: str) -> None:
    counter = f"{folder}/counter"
    for _ in range(20):
        with file_lock(f"{folder}/lock", poll=0.001):
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
