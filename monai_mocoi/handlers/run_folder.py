"""The run folder: never overwritten unasked, with the resolved settings and a manifest that says what ran."""

from __future__ import annotations

import datetime
import logging
import os
import platform
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar

import torch
from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.distributed import rank
from monai_mocoi.engines import GradientTrainer, RunEvents
from monai_mocoi.errors import DatasetError, RunFolderError
from monai_mocoi.files.atomic_write import remove_leftovers, write_json
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.folder_swap import delete_leftovers, replaced
from monai_mocoi.networks.known_images import IDENTIFIED
from monai_mocoi.own_command import python_word
from monai_mocoi.runs.description import describe_training
from monai_mocoi.runs.next_command import next_command
from monai_mocoi.runs.run_folder_check import EarlierRun, check_usable, read_config
from monai_mocoi.runs.setting_ranges import as_flag
from monai_mocoi.runs.settings import plain
from monai_mocoi.runs.versions import package_versions

logger = logging.getLogger(__name__)


def check_run_folder(
    folder: str | os.PathLike[str],
    overwrite: bool | str = False,
    resume: bool | str = False,
    settings: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
) -> None:
    """Refuse a folder that another run, or anything else, already fills. Nothing is changed.

    Args:
        folder: of the run.
        overwrite: allow a folder that holds an earlier run; it is emptied when the new run starts. The texts "true" and
            "false" will do: so MONAI's command line hands them on.
        resume: allow a folder that holds an earlier run of the same settings, to go on with; an empty one too.
        settings: of the run to be, compared when it is to be continued.
        results: what it starts from, compared too; None: not known yet.

    Raises:
        RunFolderError: the folder is not empty, or is no run's, or of a run with other settings, or cannot be written.
    """
    settings = plain(settings or {})
    check_usable(
        Path(folder),
        as_flag("overwrite", overwrite),
        as_flag("resume", resume),
        settings,
        max_epochs=settings.get("max_epochs"),
        results=results,
    )


class RunFolder:
    """Make the run folder when training starts, or go on with an earlier one; keep its manifest true until the end.

    Writes ``config.json`` (the settings, resolved; under ``components`` what a
    :class:`~monai_mocoi.engines.GradientTrainer` learns with, where an override deep inside the config shows) and
    ``manifest.json`` (status, dataset hash, seed, versions, commit, device, times), on the first process only. While it
    runs, a lock file beside the folder keeps another command out. A run that is to be continued is left as it is until
    its first epoch begins, because other handlers may refuse it.

    Args:
        folder: of the run.
        settings: the resolved constants of the config: plain values, others are written as text.
        dataset_sha256: hash of the data set's ``datalist.json``.
        overwrite: see :func:`check_run_folder`.
        resume: keep a folder that has checkpoints; one without any is made anew.
        skipped_images: descriptions of images that were left out, written to ``skipped_images.json`` if there are any.
        results: what the run starts from, such as ``pretrained_sha256``, known only when data and weights have been
            looked at: no settings, so that these can be checked before. Plain values, for the manifest; a run is only
            continued with the same ones. None: nothing.
        own_data: commands that lead from one's own images to a dataset folder DATASET; logged at the end with the one
            that trains on it. None: nothing is logged.
        next_config: name of the bundle's config that uses what the run has made, such as "finetune": the command is
            logged at the end (see :func:`~monai_mocoi.runs.next_command.next_command`). None: nothing is logged.
        next_settings: names and values for that command; what is None is left out.
        identified: the images, or those that the weights it starts from were trained on, are links to originals with
            patients' identity: the manifest says so, and nothing of the run is exported or packaged.

    The status is "running", then "finished", "stopped" (ended early, by a signal for example), or "failed"; a process
    that was killed leaves "running".

    Raises:
        RunFolderError: at the start: see :func:`check_run_folder`; or another process is writing to the folder.
    """

    writes: ClassVar[dict[str, str]] = {
        "{folder}/config.json": "the settings as used",
        "{folder}/manifest.json": "what ran, on what, and how it ended",
    }

    def __init__(
        self,
        folder: str | os.PathLike[str],
        settings: Mapping[str, Any],
        dataset_sha256: str,
        overwrite: bool | str = False,
        resume: bool | str = False,
        skipped_images: Sequence[Mapping[str, Any]] = (),
        own_data: Sequence[str] | None = None,
        results: Mapping[str, Any] | None = None,
        next_config: str | None = None,
        next_settings: Mapping[str, Any] | None = None,
        identified: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self.settings = plain(settings)
        self.dataset_sha256 = dataset_sha256
        self.overwrite = overwrite
        self.resume = resume
        self.skipped_images = [dict(image) for image in skipped_images]
        self.own_data = own_data
        self.results = plain(results or {})
        self.next_config = next_config
        self.next_settings = dict(next_settings or {})
        self.identified = identified
        self._components: dict[str, Any] = {}
        self._manifest: dict[str, Any] = {}
        self._taken_up: dict[str, Any] = {}
        self._began = 0.0
        self._seconds_before = 0.0
        self._lock = ExitStack()

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        if rank() > 0:
            return
        engine.add_event_handler(RunEvents.OPEN_RUN, self._start)
        engine.add_event_handler(Events.EPOCH_STARTED, self._go_on)
        engine.add_event_handler(RunEvents.FINISH_RUN, self._finish)
        engine.add_event_handler(RunEvents.RUN_FAILED, self._fail)

    def _start(self, engine: Workflow) -> None:
        self._manifest, self._taken_up = {}, {}
        self._check(engine)
        self._take_lock()
        earlier = self._check(engine)  # again: another command may have come first
        self._began = time.monotonic()
        self._seconds_before = 0.0
        self._components = describe_training(engine) if isinstance(engine, GradientTrainer) else {}
        manifest = {
            "status": "running",
            "started": _now(),
            "dataset_sha256": self.dataset_sha256,
            **({"results": self.results} if self.results else {}),
            **({IDENTIFIED: True} if self.identified else {}),
            "epoch_length": engine.state.epoch_length,
            "seed": self.settings.get("seed"),
            "device": _device_name(engine.state.device),
            "threads": torch.get_num_threads(),
            "processes": int(os.environ.get("WORLD_SIZE", "1")),
            "commit": _commit(),
            "python": platform.python_version(),
            "versions": package_versions(),
        }
        if as_flag("resume", self.resume) and earlier is not None and earlier.newest is not None:
            delete_leftovers(self.folder)
            remove_leftovers(self.folder)
            self._taken_up = self._continued(earlier, manifest)
        else:
            with replaced(self.folder) as made:
                self._write_first_files(made, manifest)
            self._manifest = manifest
        logger.info(
            "Run folder: %s (%s; %d epochs of %d iterations)",
            self.folder,
            manifest["device"],
            engine.state.max_epochs,
            engine.state.epoch_length,
        )

    def _check(self, engine: Workflow) -> EarlierRun | None:
        return check_usable(
            self.folder,
            as_flag("overwrite", self.overwrite),
            as_flag("resume", self.resume),
            self.settings,
            dataset_sha256=self.dataset_sha256,
            max_epochs=engine.state.max_epochs,
            epoch_length=engine.state.epoch_length,
            results=self.results,
        )

    def _take_lock(self) -> None:
        place = self.folder.resolve()  # one lock, whatever link leads there
        try:
            held = self._lock.enter_context(file_lock(place.with_name(f".{place.name}.lock"), wait=False))
        except DatasetError as error:
            raise RunFolderError(
                f"the lock file of {self.folder} cannot be made in the folder above it: ask for the right to write "
                "there, or choose another --output_dir."
            ) from error
        if not held:
            raise RunFolderError(
                f"another process is writing to {self.folder}: wait for its end, or choose another --output_dir."
            )

    def _write_first_files(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        write_json(folder / "config.json", {**self.settings, "components": self._components})
        write_json(folder / "manifest.json", manifest)
        skipped = folder / "skipped_images.json"
        if self.skipped_images:
            write_json(skipped, self.skipped_images)
        else:
            skipped.unlink(missing_ok=True)

    def _continued(self, earlier: EarlierRun, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Take the earlier manifest up: when the run began, how long it took, and each time that it was continued."""
        config = read_config(self.folder)
        changed = {
            name: [config.get(name), value] for name, value in self.settings.items() if config.get(name) != value
        }
        again = {name: manifest[name] for name in ("started", "device", "commit", "versions")}
        self._seconds_before = float(earlier.manifest.get("seconds", 0.0))
        return {
            **manifest,
            "started": earlier.manifest.get("started"),
            "continued": [
                *earlier.manifest.get("continued", []),
                {**again, "from_status": earlier.manifest["status"], "changed": changed},
            ],
        }

    def _go_on(self) -> None:
        """Write what was put off until it was sure that the earlier run is continued."""
        if self._taken_up:
            self._manifest, self._taken_up = self._taken_up, {}
            self._write_first_files(self.folder, self._manifest)

    def _finish(self, engine: Workflow) -> None:
        self._go_on()  # where a finished run was continued, no epoch began
        done = getattr(engine, "converged", False) or (
            engine.state.epoch >= engine.state.max_epochs and not engine.should_terminate
        )
        self._update(engine, "finished" if done else "stopped")
        self._lock.close()
        if not done:
            return
        python, bundle = shlex.quote(python_word()), str(self.settings.get("bundle"))
        logger.info("Curves: %s -m tensorboard.main --logdir %s", python, shlex.quote(str(self.folder)))
        if self.next_config:
            logger.info("Next: %s", next_command(self.next_config, bundle, self.next_settings))
        if self.own_data:
            lines = [line.replace("python ", f"{python} ", 1) for line in self.own_data]
            lines.append(next_command("train", bundle, {"dataset_dir": "DATASET", "output_dir": "RUN"}))
            logger.info("For your own data:\n  %s", "\n  ".join(lines))

    def _fail(self, engine: Workflow) -> None:
        if self._manifest:  # else nothing was begun: an earlier run is left as it was found
            error = engine.state.failure
            interrupted = isinstance(error, KeyboardInterrupt)
            if not interrupted:
                # The type only: an error's text could name a file.
                self._manifest["error"] = type(error).__name__
            try:
                self._update(engine, "stopped" if interrupted else "failed")
            except OSError as second:  # a full disk, for example: the first error is the one to be seen
                logger.warning("manifest.json could not be brought up to date: %s", second.strerror)
        self._lock.close()

    def _update(self, engine: Workflow, status: str) -> None:
        self._manifest |= {
            "status": status,
            "ended": _now(),
            "seconds": round(self._seconds_before + time.monotonic() - self._began, 1),
            "epochs": engine.state.epoch,
            "iterations": engine.state.iteration,
        }
        write_json(self.folder / "manifest.json", self._manifest)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return str(device)


def _commit() -> str | None:
    """Commit of the checkout this package runs from, "-dirty" where files differ; None for an installed package."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True, timeout=10
        )
        changed = subprocess.run(
            ["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=True, timeout=10
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip() + ("-dirty" if changed.stdout.strip() else "")
