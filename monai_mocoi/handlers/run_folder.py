"""Run folder: never overwritten unasked, with the resolved settings and a manifest that says what ran."""

import logging
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.distributed import rank
from monai_mocoi.engines import GradientTrainer, RunEvents, is_whole
from monai_mocoi.files.atomic_write import remove_leftovers, write_json
from monai_mocoi.files.folder_swap import delete_leftovers, replaced
from monai_mocoi.handlers.heartbeat import RunHeartbeat
from monai_mocoi.networks.known_images import IDENTIFIED
from monai_mocoi.runs.description import describe_training
from monai_mocoi.runs.next_command import lines_after_a_run
from monai_mocoi.runs.product_folders import lock_folder
from monai_mocoi.runs.provenance import continued_manifest, now, where_it_runs
from monai_mocoi.runs.run_folder_check import check_run_folder, read_config
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.runs.setting_ranges import as_flag
from monai_mocoi.runs.settings import plain

logger = logging.getLogger(__name__)

SKIPPED_NAME = "skipped_images.json"


@dataclass(eq=False, repr=False)
class RunFolder:
    """Make the run folder when training starts, or go on with an earlier one; keep its manifest true until the end.

    The first process writes ``config.json`` (the settings; under ``components`` what a ``GradientTrainer`` learns with,
    so that an override deep inside the config shows) and the :class:`~monai_mocoi.runs.run_manifest.RunManifest`. While
    it runs, a lock file beside the folder keeps another command out, and a heartbeat in it tells that it lives.

    Args:
        settings: the resolved constants of the config: plain values, others are written as text.
        dataset_sha256: hash of the data set's ``datalist.json``.
        overwrite, resume: see :func:`~monai_mocoi.runs.check_run_folder`; a folder without checkpoints is made anew.
        skipped_images: descriptions of images that were left out, for ``skipped_images.json``.
        own_data, next_config, next_settings: for :func:`~monai_mocoi.runs.next_command.lines_after_a_run`.
        results: what the run starts from, such as ``pretrained_sha256``; it is only continued with the same ones.
        identified: the images, or its weights', are links to originals with identity: nothing is exported or packaged.

    Raises:
        RunFolderError: at the start: the folder may not be used, or another process is writing to it.
    """

    writes: ClassVar[dict[str, str]] = {
        "{folder}/config.json": "the settings as used",
        "{folder}/manifest.json": "what ran, on what, and how it ended",
        "{folder}/tensorboard/": "curves and pictures for TensorBoard",
    }

    folder: str | os.PathLike[str]
    settings: Mapping[str, Any]
    dataset_sha256: str
    overwrite: bool | str = False
    resume: bool | str = False
    skipped_images: Sequence[Mapping[str, Any]] = ()
    own_data: Sequence[str] | None = None
    results: Mapping[str, Any] | None = None
    next_config: str | None = None
    next_settings: Mapping[str, Any] | None = None
    identified: bool = False

    def __post_init__(self) -> None:
        self.path, self.settings, self.results = Path(self.folder), plain(self.settings), plain(self.results or {})
        self._manifest: dict[str, Any] = {}
        self._taken_up: dict[str, Any] = {}
        self._lock = ExitStack()

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        if rank() == 0:
            engine.add_event_handler(RunEvents.OPEN_RUN, self._start)
            engine.add_event_handler(Events.EPOCH_STARTED, self._go_on)
            engine.add_event_handler(RunEvents.FINISH_RUN, self._finish)
            engine.add_event_handler(RunEvents.RELEASE_RUN, self._lock.close)
            engine.add_event_handler(RunEvents.RUN_FAILED, self._fail)
            RunHeartbeat(self.path).attach(engine)

    def _start(self, engine: Workflow) -> None:
        self._manifest, self._taken_up = {}, {}
        known = (self.path, self.overwrite, self.resume, self.settings, self.results, (), self.dataset_sha256)
        length = engine.state.max_epochs, engine.state.epoch_length
        check_run_folder(*known, *length)
        lock_folder(self.path, self._lock)
        earlier = check_run_folder(*known, *length)  # again: another command may have come first
        self._began, self._seconds_before = time.monotonic(), 0.0
        self._components = describe_training(engine) if isinstance(engine, GradientTrainer) else {}
        manifest = {
            "status": "running",
            "started": now(),
            "dataset_sha256": self.dataset_sha256,
            **({"results": self.results} if self.results else {}),
            **({IDENTIFIED: True} if self.identified else {}),
            "epoch_length": engine.state.epoch_length,
            "seed": self.settings.get("seed"),
            **where_it_runs(engine.state.device),
        }
        if as_flag("resume", self.resume) and earlier is not None and earlier.newest is not None:
            delete_leftovers(self.path)
            remove_leftovers(self.path)
            self._seconds_before = float(earlier.manifest.get("seconds", 0.0))
            self._taken_up = continued_manifest(earlier.manifest, manifest, read_config(self.path), self.settings)
        else:
            with replaced(self.path) as made:
                self._write_first_files(made, manifest)
            self._manifest = manifest
        logger.info("Run folder: %s (%s; %d epochs of %d iterations)", self.path, manifest["device"], *length)

    def _write_first_files(self, folder: Path, manifest: Mapping[str, Any]) -> None:
        write_json(folder / "config.json", {**self.settings, "components": self._components})
        RunManifest.of(manifest).write(folder / RunManifest.FILE)
        (folder / SKIPPED_NAME).unlink(missing_ok=True)
        if self.skipped_images:
            write_json(folder / SKIPPED_NAME, [dict(image) for image in self.skipped_images])

    def _go_on(self) -> None:
        if self._taken_up:
            self._manifest, self._taken_up = self._taken_up, {}
            self._write_first_files(self.path, self._manifest)

    def _finish(self, engine: Workflow) -> None:
        self._go_on()  # where a finished run was continued, no epoch began
        self._update(engine, "finished" if is_whole(engine) else "stopped")
        if is_whole(engine):
            words = str(self.settings.get("bundle")), self.next_config, self.next_settings or {}, self.own_data
            for line in lines_after_a_run(self.path, *words):
                logger.info("%s", line)

    def _fail(self, engine: Workflow) -> None:
        if self._manifest:  # else nothing was begun: an earlier run is left as it was found
            interrupted = isinstance(engine.state.failure, KeyboardInterrupt)
            if not interrupted:  # the type only: a text could name a file
                self._manifest["error"] = type(engine.state.failure).__name__
            try:
                self._update(engine, "stopped" if interrupted else "failed")
            except OSError as second:  # a full disk, for example: the first error is the one to be seen
                logger.warning("%s could not be brought up to date: %s", RunManifest.FILE, second.strerror)
        self._lock.close()

    def _update(self, engine: Workflow, status: str) -> None:
        seconds = round(self._seconds_before + time.monotonic() - self._began, 1)
        self._manifest |= {"status": status, "ended": now(), "seconds": seconds}
        self._manifest |= {"epochs": engine.state.epoch, "iterations": engine.state.iteration}
        RunManifest.of(self._manifest).write(self.path / RunManifest.FILE)
