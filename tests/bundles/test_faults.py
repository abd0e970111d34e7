"""Planted faults: each ends a run with one message and its own exit code, and what was saved before stays good."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow

from monai_mocoi import exit_codes
from monai_mocoi.cli.messages import explain
from monai_mocoi.demo import generate_demo
from monai_mocoi.runs import checkpoint_files, read_checkpoint
from tests.bundles.conftest import BUNDLES, SMALL
from tests.support.commands import command

Run = Callable[..., ConfigWorkflow]
RUN = Path("runs/nih_mse/pretrain")
EACH = {"batch_size": 4, "checkpoint_every": 1}


def failing(run: Callable[[], Any]) -> tuple[str, int]:
    """The message and exit code with which ``mocoi run`` would end."""
    with pytest.raises(Exception) as caught:
        run()
    return explain(caught.value)


def disturbed(built: ConfigWorkflow, iteration: int, fault: Callable[[Any], None]) -> Callable[[], Any]:
    """Initialise, plant a fault before an iteration (from 1), and give what runs it."""
    built.initialize()
    trainer = built.parser.get_parsed_content("train#trainer")
    trainer.add_event_handler(Events.ITERATION_STARTED(once=iteration), lambda: fault(trainer))
    return built.run


def status() -> str:
    return json.loads((RUN / "manifest.json").read_text())["status"]


def newest_iteration() -> int:
    """Of the newest checkpoint, which must be good."""
    newest = checkpoint_files.checkpoint_files(RUN / "checkpoints")[0]
    assert checkpoint_files.newest_checkpoint(RUN / "checkpoints") == newest
    return int(read_checkpoint(newest)["iteration"])


def resumes(pretrained: Run, **overrides: Any) -> None:
    pretrained("nih_mse", **overrides, resume=True)
    assert status() == "finished"
    assert (RUN / "encoder.pt").is_file()


def test_a_pixel_that_is_not_a_number(workflow: Run, pretrained: Run) -> None:
    def spoil(trainer: Any) -> None:
        trainer.state.batch["view1"][2, 0, 5, 5] = float("nan")

    text, code = failing(disturbed(workflow("nih_mse", **EACH), 3, spoil))
    assert code == exit_codes.NOT_FINITE == 4
    assert text.startswith("iteration 3: loss/total")
    (report,) = (RUN / "debug").glob("not_finite_*.json")
    assert report.name in text
    spoilt = [image["view1"]["not_finite_pixels"] for image in json.loads(report.read_text())["images"]]
    assert spoilt == [0, 0, 1, 0]
    assert status() == "failed"
    assert newest_iteration() == 2
    saved = read_checkpoint(RUN / "checkpoints" / "checkpoint_000000002.pt")["network"]
    assert all(torch.isfinite(tensor).all() for tensor in saved.values())
    resumes(pretrained, **EACH)


def test_a_full_disk_when_a_checkpoint_is_written(
    workflow: Run, pretrained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(trainer: Any) -> None:
        def refuse(path: Path, content: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr(checkpoint_files, "write_bytes", refuse)

    with monkeypatch.context() as full:
        text, code = failing(disturbed(workflow("nih_mse", **EACH), 4, fill))
    assert code == exit_codes.DISK_FULL == 6
    assert text.startswith("A checkpoint of ")
    assert "make room, then continue" in text
    assert newest_iteration() == 3
    assert sorted(p.name for p in (RUN / "checkpoints").iterdir() if p.name.startswith(".")) == []
    resumes(pretrained, **EACH)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_when_tensorboard_writes(
    workflow: Run, pretrained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    def fill(trainer: Any) -> None:
        (events,) = (RUN / "tensorboard").iterdir()
        events.rename(RUN.parent / events.name)
        events.symlink_to("/dev/full")

    built = workflow("nih_mse", **EACH)
    text, code = failing(disturbed(built, 3, fill))
    assert code == exit_codes.DISK_FULL
    assert text.startswith("TensorBoard's curves cannot be written")
    assert "Traceback" not in capsys.readouterr().err
    assert newest_iteration() >= 2
    assert status() == "failed"
    (events,) = (RUN / "tensorboard").iterdir()
    events.unlink()
    shutil.move(RUN.parent / events.name, events)
    resumes(pretrained, **EACH)


def test_a_disk_too_small_is_refused_before_the_first_step(
    workflow: Run, pretrained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(".")
    built = workflow("nih_mse")
    built.initialize()
    with monkeypatch.context() as small:
        small.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**20))
        text, code = failing(built.run)
    assert code == exit_codes.DISK_FULL
    assert text.startswith("The run's checkpoints of ")
    assert "1.0 MiB are free" in text
    assert built.parser.get_parsed_content("train#trainer").state.iteration == 0
    resumes(pretrained)


@pytest.mark.parametrize("product", ["heads.pt", "encoder.pt"])
def test_a_full_disk_when_the_products_are_written(
    product: str, pretrained: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = os.replace

    def refuse(source: Any, target: Any) -> None:
        if Path(target).name == product:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    with monkeypatch.context() as full:
        full.setattr(os, "replace", refuse)
        text, code = failing(lambda: pretrained("nih_mse"))
    assert code == exit_codes.DISK_FULL
    assert "--resume true" in text
    assert not (RUN / product).exists()
    resumes(pretrained)


def test_checkpoints_cut_short(pretrained: Run, caplog: pytest.LogCaptureFixture) -> None:
    pretrained("nih_mse", **EACH)
    newest, before = checkpoint_files.checkpoint_files(RUN / "checkpoints")
    os.truncate(newest, 1000)
    with caplog.at_level("INFO"):
        resumes(pretrained, **EACH)
    assert f"{newest.name} is damaged" in caplog.text
    assert f"Continued from {before.name}" in caplog.text
    for file in (newest, before):
        os.truncate(file, 1000)
    text, code = failing(lambda: pretrained("nih_mse", **EACH, resume=True))
    assert code == exit_codes.DATA == 3
    assert newest.name in text
    assert before.name in text


def test_other_settings(pretrained: Run) -> None:
    pretrained("nih_mse")
    text, code = failing(lambda: pretrained("nih_mse", resume=True, temperature=0.1, seed=2))
    assert code == exit_codes.USAGE == 2
    assert "seed 1 -> 2; " in text
    assert "temperature 0.2 -> 0.1" in text
    assert "max_epochs" not in text


BLIND = {"check_every": 1, "warmup_steps": 0, "collapse_monitor#grace_steps": 0}


@pytest.fixture(scope="module")
def enough(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset folder with enough validation images to judge an encoder by."""
    return generate_demo(tmp_path_factory.mktemp("data") / "chest", patients=48, size=40, progress=False)


def blind(built: ConfigWorkflow) -> Callable[[], Any]:
    """An encoder that ignores its input."""

    def see_black(trainer: Any) -> None:
        trainer.moco.query_encoder.register_forward_pre_hook(lambda _, inputs: (torch.zeros_like(inputs[0]),))

    return disturbed(built, 1, see_black)


def test_an_encoder_that_ignores_its_input(enough: Path, workflow: Run) -> None:
    text, code = failing(blind(workflow("nih_mse", **BLIND, dataset_dir=str(enough), checkpoint_every=1)))
    assert code == exit_codes.COLLAPSED == 5
    assert text.startswith("The encoder has collapsed at iteration 3")
    assert "effective rank of 0 (limit" in text
    assert status() == "failed"
    assert newest_iteration() == 2


def test_the_papers_settings_only_warn_of_a_collapse(
    enough: Path, workflow: Run, caplog: pytest.LogCaptureFixture
) -> None:
    blind(workflow("nih_mse", "paper.json", **BLIND, dataset_dir=str(enough)))()
    assert "The encoder has collapsed" in caplog.text
    assert status() == "finished"


@pytest.mark.slow
def test_the_command_itself_ends_with_message_and_code(dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "small.json").write_text(json.dumps(SMALL))
    train = BUNDLES / "nih_mse" / "configs" / "train.json"
    small = ["monai_mocoi", "run", train, "small.json", "--dataset_dir", dataset, "--num_workers", 0]
    done = command(*small, "--checkpoint_every", 1, "--learning_rate", 1e30, "--warmup_steps", 0, cwd=tmp_path)
    assert done.returncode == exit_codes.NOT_FINITE, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("error: ") == 1
    assert "is not finite. The batch held the images" in done.stderr
    run = tmp_path / RUN
    assert len(list((run / "debug").iterdir())) == 1
    assert checkpoint_files.newest_checkpoint(run / "checkpoints") is not None
    again = command(*small, "--resume", "true", cwd=tmp_path)
    assert again.returncode == exit_codes.USAGE, again.stderr
    assert "learning_rate 1e+30 -> " in again.stderr
    for file in (run / "checkpoints").glob("*.pt"):
        os.truncate(file, 1000)
    again = command(
        *small, "--checkpoint_every", 1, "--learning_rate", 1e30, "--warmup_steps", 0, "--resume", "true", cwd=tmp_path
    )
    assert again.returncode == exit_codes.DATA, again.stderr
    assert "every checkpoint of the run is damaged" in again.stderr
