from __future__ import annotations

import errno
import fcntl
import json
import logging
import multiprocessing
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ignite.engine import Events

from monai_mocoi.engines import RunEvents
from monai_mocoi.errors import LockError, RunFolderError, SettingsError
from monai_mocoi.handlers import RunFolder
from monai_mocoi.runs import check_run_folder, product_folders, provenance
from tests.handlers.engine import counting


def run(folder: Path, step: Any = None, **options: Any) -> None:
    settings = {"bundle": "nih_mse", "seed": 3, "device": Path("x"), "sizes": (1, 2)}
    counting(step=step, handlers=[RunFolder(folder, settings, "abc", **options)]).run()


def manifest(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "manifest.json").read_text())


def test_a26_a_finished_run_records_seed_versions_and_data(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = tmp_path / "runs" / "x"
    with caplog.at_level(logging.INFO):
        run(folder, own_data=["prepare me"], next_config="evaluate", next_settings={"run_dir": "b c"})
    record = manifest(folder)
    assert record["status"] == "finished"
    assert (record["seed"], record["dataset_sha256"], record["epochs"], record["iterations"]) == (3, "abc", 2, 6)
    assert record["versions"]["torch"]
    assert record["device"] == "cpu"
    assert json.loads((folder / "config.json").read_text()) == {
        "bundle": "nih_mse",
        "seed": 3,
        "device": "x",
        "sizes": [1, 2],
        "components": {},
    }
    assert "tensorboard" in caplog.text
    assert re.search(r"Next: .*mocoi run nih_mse/evaluate --run_dir 'b c'\n", caplog.text)
    own = r"For your own data:\n  prepare me\n  .*mocoi run nih_mse/train --dataset_dir DATASET --output_dir RUN\n"
    assert re.search(own, caplog.text)


def test_a_run_on_identified_data_says_so(tmp_path: Path) -> None:
    run(tmp_path / "clean")
    run(tmp_path / "identified", identified=True)
    assert manifest(tmp_path / "identified")["identified"] is True
    assert "identified" not in manifest(tmp_path / "clean")


def test_what_a_run_starts_from_is_recorded_and_compared_but_is_no_setting(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    run(folder, results={"pretrained_sha256": "a", "labelled_sha256": "b"})
    assert manifest(folder)["results"] == {"pretrained_sha256": "a", "labelled_sha256": "b"}
    config = json.loads((folder / "config.json").read_text())
    assert "pretrained_sha256" not in config
    settings = {name: value for name, value in config.items() if name != "components"}
    _make_checkpoint(folder)

    check_run_folder(folder, False, True, settings)  # not known yet
    check_run_folder(folder, False, True, settings, {"pretrained_sha256": "a", "labelled_sha256": "b"})
    with pytest.raises(RunFolderError, match=r"labelled_sha256 'b' -> 'c'"):
        check_run_folder(folder, False, True, settings, {"pretrained_sha256": "a", "labelled_sha256": "c"})
    with pytest.raises(RunFolderError, match=r"pretrained_sha256 'a' -> 'c'"):
        run(folder, resume=True, results={"pretrained_sha256": "c", "labelled_sha256": "b"})


def _make_checkpoint(folder: Path) -> None:
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "checkpoint_000000006.pt").touch()


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
    with pytest.raises(RunFolderError, match=r"finished.*overwrite"):
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


def run_until_killed(folder: Path, step: int, **options: Any) -> None:
    """In a process of its own: end without a word, as by ``kill -9``, at a change of names on the disk (from 0)."""
    left = step

    def counted(function: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            if left == 0:
                os._exit(9)
            left -= 1
            return function(*args, **kwargs)

        return call

    for name in ("mkdir", "replace", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))
    run(folder, lambda engine, batch: os._exit(0), **options)


@pytest.mark.slow
@pytest.mark.parametrize("again", ["resume", "overwrite"])
def test_killed_anywhere_the_next_start_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str) -> None:
    monkeypatch.setattr(provenance, "_commit", lambda: None)  # it starts processes
    old, new = {"config.json", "manifest.json", "encoder.pt"}, {"config.json", "manifest.json", "skipped_images.json"}
    options: dict[str, Any] = {"skipped_images": [{"row": 1}]}
    for step in range(100):
        folder = tmp_path / str(step) / "x"
        if again == "overwrite":
            run(folder)
            (folder / "encoder.pt").touch()
        process = multiprocessing.get_context("fork").Process(
            target=run_until_killed, args=(folder, step), kwargs={"overwrite": again == "overwrite", **options}
        )
        process.start()
        process.join()
        assert not folder.exists() or {p.name for p in folder.iterdir() if "heartbeat" not in p.name} in (old, new)
        if process.exitcode == 0:
            break
        run(folder, **{again: True}, **options)
        assert manifest(folder)["status"] == "finished"
        assert {path.name for path in folder.iterdir()} == new
        assert sorted(path.name for path in folder.parent.iterdir()) == [".x.lock", "x"]
    assert 3 < step < 99


def test_another_command_that_comes_first_keeps_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lock = product_folders.file_lock

    @contextmanager
    def after_another(path: Path, wait: bool) -> Iterator[bool]:
        monkeypatch.setattr(product_folders, "file_lock", lock)
        run(tmp_path / "x", overwrite=True)  # from start to end, after our first look
        (tmp_path / "x" / "encoder.pt").write_text("precious")
        with lock(path, wait=wait) as held:
            yield held

    monkeypatch.setattr(product_folders, "file_lock", after_another)
    with pytest.raises(RunFolderError, match="already holds a run"):
        run(tmp_path / "x")
    assert (tmp_path / "x" / "encoder.pt").read_text() == "precious"
    run(tmp_path / "x", overwrite=True)  # the lock was freed


def test_a_file_system_without_locks_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)
    run(tmp_path / "x")
    assert manifest(tmp_path / "x")["status"] == "finished"
    assert f"{tmp_path} has no locks" in caplog.text


def test_a_lock_that_cannot_be_made_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def refuse(path: Path, wait: bool) -> Iterator[bool]:
        raise LockError("cannot write to the folder 'x'")
        yield

    monkeypatch.setattr(product_folders, "file_lock", refuse)
    with pytest.raises(RunFolderError, match=r"lock file of .*x cannot be made in the folder above .* output_dir"):
        run(tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_two_names_of_one_folder_have_one_lock(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "x")

    def also(engine: Any, batch: Any) -> None:
        with pytest.raises(RunFolderError, match="another process is writing"):
            run(tmp_path / "link", overwrite=True)

    run(tmp_path / "x", also)
    assert manifest(tmp_path / "x")["status"] == "finished"


def test_the_lock_is_held_until_a_finished_run_has_removed_what_it_needs_no_more(tmp_path: Path) -> None:
    """As ClassifierSaver, which removes the checkpoints last of all."""
    refused = []

    class Closes:
        def attach(self, engine: Any) -> None:
            engine.add_event_handler(RunEvents.CLOSE_RUN, self._close)

        def _close(self, engine: Any) -> None:
            assert manifest(tmp_path / "x")["status"] == "finished"
            with pytest.raises(RunFolderError, match="another process is writing"):
                run(tmp_path / "x", overwrite=True)
            refused.append(True)

    counting(handlers=[Closes(), RunFolder(tmp_path / "x", {}, "abc")]).run()
    assert refused == [True]
    run(tmp_path / "x", overwrite=True)  # the lock was freed


def test_a_leftover_of_a_killed_write_is_nothing_of_value(tmp_path: Path) -> None:
    def stop(engine: Any, batch: Any) -> None:
        engine.terminate()

    run(tmp_path / "x", stop)
    (tmp_path / "x" / ".manifest.abc.tmp.json").touch()
    run(tmp_path / "x", resume=True)
    assert manifest(tmp_path / "x")["status"] == "finished"


def test_a_handler_that_is_used_again_does_not_touch_a_run_that_it_refuses(tmp_path: Path) -> None:
    engine = counting(handlers=[RunFolder(tmp_path / "x", {}, "abc")])
    engine.run()
    engine.state.epoch = engine.state.iteration = 0
    with pytest.raises(RunFolderError, match="already holds a run"):
        engine.run()
    assert manifest(tmp_path / "x")["status"] == "finished"


class Continues:
    """As Checkpoints: goes on at a state, or refuses when the run starts."""

    def __init__(self, refuses: bool) -> None:
        self.refuses = refuses

    def attach(self, engine: Any) -> None:
        engine.add_event_handler(Events.STARTED, self._start)

    def _start(self, engine: Any) -> None:
        if self.refuses:
            raise RunFolderError("of other settings")
        engine.state.iteration, engine.state.epoch = 3, 1


def resume(folder: Path, refuses: bool = False, epochs: int = 2, **options: Any) -> None:
    handlers = [RunFolder(folder, {"seed": 3, "max_epochs": epochs}, "abc", resume=True, **options), Continues(refuses)]
    counting(max_epochs=epochs, handlers=handlers).run()


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run of one epoch, with a checkpoint and skipped images."""
    folder = tmp_path / "x"
    handler = RunFolder(folder, {"seed": 3, "max_epochs": 1}, "abc", skipped_images=[{"row": 1}])
    counting(max_epochs=1, handlers=[handler]).run()
    (folder / "checkpoints").mkdir()
    (folder / "checkpoints" / "checkpoint_000000003.pt").touch()
    return folder


def test_a_run_that_is_continued_takes_its_files_up(stopped: Path) -> None:
    began = manifest(stopped)["started"]
    resume(stopped, skipped_images=[{"row": 1}])
    record = manifest(stopped)
    assert (record["status"], record["iterations"], record["started"]) == ("finished", 6, began)
    assert record["continued"][0]["changed"] == {"max_epochs": [1, 2]}
    assert json.loads((stopped / "config.json").read_text())["max_epochs"] == 2
    assert (stopped / "skipped_images.json").exists()
    resume(stopped, skipped_images=[])
    assert not (stopped / "skipped_images.json").exists()
    assert len(manifest(stopped)["continued"]) == 2


def test_the_time_of_earlier_parts_outlives_a_kill(stopped: Path) -> None:
    path = stopped / "manifest.json"
    path.write_text(json.dumps({**manifest(stopped), "seconds": 100.0}))
    resume(stopped)
    assert manifest(stopped)["seconds"] >= 100
    while_it_ran = read_while_running(stopped, epochs=3)
    assert {part["status"] for part in while_it_ran} == {"running"}
    assert all(100 <= part["seconds"] < 200 for part in while_it_ran)
    path.write_text(json.dumps(while_it_ran[0]))  # as a kill leaves it
    resume(stopped, epochs=4)
    assert 100 <= manifest(stopped)["seconds"] < 200


def read_while_running(folder: Path, epochs: int) -> list[dict[str, Any]]:
    """The manifest after each iteration of a continued run."""
    found: list[dict[str, Any]] = []

    class Reads:
        def attach(self, engine: Any) -> None:
            engine.add_event_handler(Events.ITERATION_COMPLETED, lambda: found.append(manifest(folder)))

    handlers = [RunFolder(folder, {"seed": 3, "max_epochs": epochs}, "abc", resume=True), Continues(False), Reads()]
    counting(max_epochs=epochs, handlers=handlers).run()
    return found


def test_a_run_that_another_handler_refuses_is_not_touched(stopped: Path) -> None:
    def content() -> dict[Path, tuple[bytes, int]]:
        files = (path for path in stopped.rglob("*") if path.is_file())
        return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in files}

    before = content()
    for skipped in ([], [{"row": 2}]):
        with pytest.raises(RunFolderError, match="of other settings"):
            resume(stopped, refuses=True, skipped_images=skipped)
        assert content() == before
    resume(stopped)  # the lock was freed


def test_a_finished_run_that_is_continued_for_no_epoch_stays_finished(stopped: Path) -> None:
    resume(stopped, epochs=1)
    record = manifest(stopped)
    assert (record["status"], record["iterations"], len(record["continued"])) == ("finished", 3, 1)
