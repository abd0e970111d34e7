"""Checkpoints of a run: its whole state every few iterations and after each epoch, and the way back into it.

A continued run equals one that was never interrupted, bit for bit on a CPU.
"""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from monai_mocoi.distributed import from_first_rank, gather_objects, rank, world_size
from monai_mocoi.engines import GradientTrainer, RunEvents
from monai_mocoi.errors import RunFolderError
from monai_mocoi.handlers.summary_writer import LazySummaryWriter
from monai_mocoi.runs import run_state
from monai_mocoi.runs.checkpoint_files import check_room, newest_checkpoint, read_checkpoint, write_checkpoint
from monai_mocoi.runs.description import describe_training, described_precision
from monai_mocoi.runs.same_settings import check_same_settings
from monai_mocoi.runs.setting_ranges import as_flag, check_ranges
from monai_mocoi.runs.settings import plain

logger = logging.getLogger(__name__)


@dataclass(eq=False, repr=False)
class Checkpoints:
    """Save the state of a :class:`~monai_mocoi.engines.GradientTrainer`, and continue from the newest good one.

    Attach it on every process. A checkpoint (``checkpoints/checkpoint_*.pt``) holds the network of the first process
    (queue and its ids too), optimiser, gradient scaler, iteration, settings, the trainer's description, the states of
    other handlers, the lengths of the TensorBoard files, and for each process its random generators.

    Args:
        settings, dataset_sha256, results: see :class:`~monai_mocoi.handlers.RunFolder`. A checkpoint of others is
            refused (see :mod:`monai_mocoi.runs.same_settings`), or of a trainer with another description.
        every: iterations from one checkpoint to the next, 1 or more; there is one after each epoch too.
        keep: how many to keep, 1 or more; 2 leave one in reserve.
        resume: continue from the newest good checkpoint, if there is any. The texts "true" and "false" are accepted.
        summary_writer: its files are cut back to the checkpoint when the run is continued; None: no files.
        also: other handlers whose state is kept, by name; those of the first process. One whose state is large gives
            its bytes by ``state_size()``.

    Raises:
        SettingsError: ``every`` or ``keep`` below 1.
        CheckpointError, RunFolderError: at the start: nothing to read, other settings or an earlier version.
        NotFiniteError: a weight became NaN or infinite, so that it is not saved.
        DiskFullError: no room, before the first step or later.
    """

    writes: ClassVar[dict[str, str]] = {"{folder}/checkpoints/": "the state to continue from (resume)"}

    folder: str | os.PathLike[str]
    settings: Mapping[str, Any]
    dataset_sha256: str
    every: int = 500
    keep: int = 2
    resume: bool | str = False
    summary_writer: LazySummaryWriter | None = None
    also: Mapping[str, Any] = field(default_factory=dict)
    results: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        check_ranges({"checkpoint_every": self.every, "keep_checkpoints": self.keep})
        self.path, self.resume = Path(self.folder) / "checkpoints", as_flag("resume", self.resume)
        self.also = dict(self.also or {})
        self._description: dict[str, Any] = {}
        self._saved: int | None = None

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.RESTORE_STATE, self._restore)
        engine.add_event_handler(RunEvents.SAVE_STATE, self._save_if_due)

    def save(self, engine: GradientTrainer) -> None:
        """Write a checkpoint of the state after a completed step of the optimiser; all processes must call it."""
        if self._saved == engine.state.iteration:
            return
        engine.outputs.read()  # what others note of them is saved, too
        with engine.clock.phase("checkpoints"):
            processes = gather_objects(
                {"random": run_state.random_state(), "not_finite": run_state.first_not_finite(engine.module)}
            )
            for name in (process.pop("not_finite") for process in processes):
                if name is not None:
                    raise run_state.weights_not_finite(engine.state.iteration, name)
            if rank() == 0:
                write_checkpoint(self.path, engine.state.iteration, self._state(engine, processes), self.keep)
            self._saved = engine.state.iteration

    def _restore(self, engine: GradientTrainer) -> None:
        self._saved = None
        # Once: a second run of this trainer begins with the learning rate that the first one ended with.
        self._description = self._description or from_first_rank(describe_training(engine))
        # The first process chooses, because all must continue from the same one.
        path = from_first_rank(newest_checkpoint(self.path) if self.resume and rank() == 0 else None)
        if path is not None:
            state = read_checkpoint(path)
            self._keep_precision(engine, state["settings"])
            self._load(engine, state)
            logger.info("Continued from %s: epoch %d, iteration %d.", path.name, engine.state.epoch, self._saved)
        elif self.resume and rank() == 0:
            logger.info("There is no checkpoint to continue from: the run starts from the beginning.")
        if rank() == 0:
            others = sum(part.state_size() for part in self.also.values() if hasattr(part, "state_size"))
            check_room(self.path, others + run_state.state_size(engine.module, engine.optimizer), self.keep)

    def _keep_precision(self, engine: GradientTrainer, saved: Mapping[str, Any]) -> None:
        """What auto was when the run began, also where it would be another one here and now."""
        before, now = (part.get("trainer", {}) for part in (saved, self._description))
        with suppress(ValueError):  # this device has none such: the comparison says so
            engine.keep_precision(before.get("precision", now["precision"]))
            self._description = {**self._description, "trainer": {**now, "precision": described_precision(engine)}}

    def _save_if_due(self, engine: GradientTrainer) -> None:
        # In the middle of an accumulated step each process has gradients of its own: the step is completed first.
        due = engine.state.iteration // self.every > (self._saved or 0) // self.every
        if engine.step_is_complete() and (due or engine.state.iteration % engine.state.epoch_length == 0):
            self.save(engine)

    def _state(self, engine: GradientTrainer, processes: list[dict[str, Any]]) -> dict[str, Any]:
        if self.summary_writer is not None:
            self.summary_writer.flush()
        return {
            "iteration": engine.state.iteration,
            "epoch_length": engine.state.epoch_length,
            "settings": self._compared(engine),
            "network": engine.module.state_dict(),
            "optimizer": engine.optimizer.state_dict(),
            "scaler": engine.scaler.state_dict(),
            "also": {name: dict(part.state_dict()) for name, part in self.also.items()},
            "processes": processes,
            "logs": {} if self.summary_writer is None else run_state.log_lengths(self.summary_writer.log_dir),
        }

    def _compared(self, engine: GradientTrainer) -> dict[str, Any]:
        given = {**plain(self.settings), **plain(self.results or {}), "dataset_sha256": self.dataset_sha256}
        shape = {"epoch_length": engine.state.epoch_length, "world_size": world_size()}
        return {**given, **self._description, **shape}

    def _load(self, engine: GradientTrainer, state: dict[str, Any]) -> None:
        check_same_settings(state["settings"], self._compared(engine), "the checkpoint")
        if missing := [name for name in self.also if name not in state["also"]]:
            raise RunFolderError(
                f"the run cannot be continued: the checkpoint has no state of {', '.join(missing)}, which an earlier "
                "version of monai_mocoi did not keep. Nothing was changed. Use that version, or another folder."
            )
        engine.module.load_state_dict(state["network"])
        engine.optimizer.load_state_dict(state["optimizer"])
        engine.scaler.load_state_dict(state["scaler"])
        for name, part in self.also.items():
            part.load_state_dict(state["also"][name])
        if self.summary_writer is not None and rank() == 0:
            run_state.cut_back(self.summary_writer.log_dir, state["logs"])
        engine.state.iteration = state["iteration"]
        engine.state.epoch = state["iteration"] // state["epoch_length"]
        run_state.set_random_state(state["processes"][rank()]["random"])
        self._saved = state["iteration"]
