"""Two processes, stopped and continued, equal two that never were; torchrun restarts workers that were killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from ignite.engine import Events
from monai.bundle import ConfigWorkflow
from torch.multiprocessing.spawn import ProcessRaisedException

from monai_mocoi.exit_codes import PREEMPTED
from tests.bundles.conftest import BUNDLES, SMALL
from tests.support.torchrun import as_torchrun
from tests.support.torchrun_command import started, workers
from tests.support.whole_runs import Killed, assert_same, differences, products

CONFIGS = BUNDLES / "nih_moco" / "configs"
PRETRAIN = Path("runs/nih_moco/pretrain")
AT = 3  # the iteration in which a run is stopped: in the middle of the first epoch


def train(dataset: str, folder: str, stop: str | None = None, resume: bool = False) -> dict[str, Any]:
    """One of the processes: run the bundle, stopped by nothing, by a death of all, or by a signal to the second one."""
    os.chdir(folder)
    settings = {
        **SMALL,
        "dataset_dir": dataset,
        "batch_size": 2,
        "bn_splits": 1,
        "checkpoint_every": 2,
        "check_every": 2,
        "on_collapse": "warn",
        "resume": resume,
    }
    workflow = ConfigWorkflow(
        config_file=str(CONFIGS / "train.json"), workflow_type="train", logging_file=False, **settings
    )
    workflow.initialize()
    trainer = workflow.parser.get_parsed_content("train#trainer")
    rank, code = dist.get_rank(), 0

    @trainer.on(Events.ITERATION_STARTED(once=AT - 1))  # all know of it one iteration later
    def _() -> None:
        if stop == "signal to one" and rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)

    @trainer.on(Events.ITERATION_COMPLETED(once=AT))
    def _() -> None:
        if stop == "death":
            trainer._event_handlers.pop(Events.EXCEPTION_RAISED)  # no handler of ours sees it coming
            raise Killed

    try:
        workflow.run()
        workflow.finalize()
    except Killed:
        code = -9
    except SystemExit as stopped:
        code = int(str(stopped.code))
    return {"code": code, "iteration": trainer.state.iteration, "length": trainer.state.epoch_length}


@pytest.fixture(scope="module")
def undisturbed(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("undisturbed")
    processes = as_torchrun(train, 2, str(dataset), str(folder))
    assert [process["code"] for process in processes] == [0, 0]
    assert processes[0]["length"] > AT, "the epochs of this test must be long enough to be stopped in the middle"
    return products(folder / PRETRAIN)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "code", "kept"), [("death", -9, ["000000002"]), ("signal to one", PREEMPTED, ["000000002", "000000003"])]
)
def test_two_processes_stopped_in_an_epoch_and_continued_equal_two_undisturbed(
    stop: str, code: int, kept: list[str], dataset: Path, tmp_path: Path, undisturbed: dict[str, Any]
) -> None:
    stopped = as_torchrun(train, 2, str(dataset), str(tmp_path), stop)
    assert [(process["code"], process["iteration"]) for process in stopped] == [(code, AT)] * 2
    folder = tmp_path / PRETRAIN
    assert sorted(file.stem.split("_")[1] for file in (folder / "checkpoints").glob("*.pt")) == kept
    assert not (folder / "encoder.pt").exists()
    if code == PREEMPTED:
        assert json.loads((folder / "manifest.json").read_text())["status"] == "stopped"
        with pytest.raises(ProcessRaisedException, match=r"world_size 2 -> 1.*Start as many processes as before"):
            as_torchrun(train, 1, str(dataset), str(tmp_path), None, True)

    continued = as_torchrun(train, 2, str(dataset), str(tmp_path), None, True)
    assert [process["code"] for process in continued] == [0, 0]
    found = products(folder)
    assert any(name.startswith("queue") for name in found["checkpoint"]["network"])
    assert any(tag.startswith("collapse/") for tag, _ in found["events"])
    assert_same(undisturbed, found)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An overlay with the small network, for the command line."""
    names = ("network_def#encoder#backbone",)
    file = tmp_path_factory.mktemp("overlay") / "small.json"
    file.write_text(json.dumps({name: SMALL[name] for name in names}))
    return file


def torchrun(dataset: Path, small: Path, folder: Path, *options: object) -> list[str]:
    settings: dict[str, object] = {
        "dataset_dir": dataset, "output_dir": folder, "image_size": 32, "queue_size": 12, "head_hidden": 16,
        "batch_size": 2, "bn_splits": 1, "max_epochs": 16, "val_interval": 8, "checkpoint_every": 2, "resume": "true",
    }  # fmt: skip
    files = [CONFIGS / "train.json", small]
    words = ["torch.distributed.run", "--standalone", "--nproc_per_node", 2, *options, "-m", "monai_mocoi", "run"]
    given = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return [sys.executable, "-m", *map(str, [*words, *files, *given])]


def wait_until(condition: Callable[[], object], process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 240
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.005)


needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="finds the workers in /proc (Linux)")


@needs_proc
@pytest.mark.slow
def test_torchrun_restarts_after_a_killed_worker_and_goes_on_from_the_checkpoint(
    dataset: Path, small: Path, tmp_path: Path
) -> None:
    whole, killed, log = tmp_path / "whole" / "pretrain", tmp_path / "killed" / "pretrain", tmp_path / "log"
    with started(torchrun(dataset, small, whole.parent), log) as process:
        assert process.wait(240) == 0, log.read_text()

    with started(torchrun(dataset, small, killed.parent, "--max-restarts", 1), log) as process:
        wait_until(lambda: list(killed.glob("checkpoints/checkpoint_*.pt")), process, log)
        first = workers(process.pid)
        os.kill(first[1], signal.SIGKILL)
        assert not (killed / "encoder.pt").exists()
        assert process.wait(240) == 0, log.read_text()

    assert "Continued from checkpoint_0000" in log.read_text()
    manifest = json.loads((killed / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert len(manifest["continued"]) == 1
    assert_same(products(whole), products(killed))


@needs_proc
@pytest.mark.slow
def test_a_sigterm_to_torchrun_saves_and_stops_all(dataset: Path, small: Path, tmp_path: Path) -> None:
    folder, log = tmp_path / "run" / "pretrain", tmp_path / "log"
    with started(torchrun(dataset, small, folder.parent), log) as process:
        wait_until(lambda: list(folder.glob("checkpoints/checkpoint_*.pt")), process, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) != 0
        assert not workers(process.pid)
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["status"] == "stopped", log.read_text()
    newest = max((folder / "checkpoints").glob("*.pt"))
    assert int(newest.stem.split("_")[1]) == manifest["iterations"]
    assert list(differences(torch.load(newest, weights_only=True)["iteration"], manifest["iterations"])) == []
