"""A run that is never lost: its whole state every few iterations and after each epoch, and the way back into it.

Goes in: the trainer's network, optimiser and scaler, the random generators, the states of other handlers, the lengths
of the TensorBoard files. Comes out: ``checkpoints/checkpoint_*.pt`` (see
:mod:`monai_mocoi.runs.checkpoint_files`). A continued run equals one that was never interrupted, bit for bit on a
CPU.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

from monai_mocoi.distributed import from_first_rank, gather_objects, rank, world_size
from monai_mocoi.engines import GradientTrainer, RunEvents
from monai_mocoi.errors import RunFolderError, WeightsNotFiniteError
from monai_mocoi.handlers.summary_writer import LazySummaryWriter
from monai_mocoi.runs.checkpoint_files import (
    check_room,
    newest_checkpoint,
    read_checkpoint,
    room_needed,
    write_checkpoint,
)
from monai_mocoi.runs.description import describe_training
from monai_mocoi.runs.finite_weights import first_not_finite
from monai_mocoi.runs.log_lengths import cut_back, log_lengths
from monai_mocoi.runs.random_state import random_state, set_random_state
from monai_mocoi.runs.same_settings import check_same_settings
from monai_mocoi.runs.setting_ranges import as_flag
from monai_mocoi.runs.settings import plain

logger = logging.getLogger(__name__)


class Stateful(Protocol):
    """Whatever has a state to keep: plain values and tensors."""

    def state_dict(self) -> dict[str, Any]:
        """The state."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a state."""


class Checkpoints:
    """Save the state of a :class:`~monai_mocoi.engines.GradientTrainer`, and continue from the newest good one.

    Attach it on every process. Handlers of ``Events.STARTED`` see in ``engine.state.iteration`` whether the run is a
    continued one.

    Args:
        folder: of the run; the files go to ``checkpoints/`` in it.
        settings: the resolved constants. A checkpoint of other settings is refused, but for those that do not change
            what is learnt (see :mod:`monai_mocoi.runs.same_settings`). So is one of a trainer that is described
            otherwise (see :mod:`monai_mocoi.runs.description`), or of another number of processes.
        dataset_sha256: hash of the data set's ``datalist.json``; another data set is refused.
        every: iterations from one checkpoint to the next, 1 or more; one that would fall into an accumulated step waits
            for its end. There is one after each epoch too.
        keep: how many to keep, 1 or more; 2 leave one to go back to when the newest is damaged.
        resume: continue from the newest good checkpoint; without any, start from the beginning. The texts "true" and
            "false" will do: so MONAI's command line hands them on.
        summary_writer: its files are cut back to the checkpoint when the run is continued; None: no files.
        also: other objects with ``state_dict`` and ``load_state_dict``, by name; those of the first process are kept.
            One whose state is large says how large in bytes by ``state_size()``.
        results: see :class:`~monai_mocoi.handlers.RunFolder`; a checkpoint of others is refused.

    What a checkpoint holds: network (queue and its ids too), optimiser, gradient scaler, iteration, settings, the
    trainer's description; for each process its random generators. The network is that of the first process: see
    :class:`~monai_mocoi.handlers.AverageBatchStatistics` for why it is that of all.

    Raises:
        ValueError: ``every`` or ``keep`` out of range.
        CheckpointError, RunFolderError: see :meth:`attach`'s handlers: nothing to read, other settings, or a checkpoint
            of an earlier version, without the state of an object that is kept now.
        WeightsNotFiniteError: a weight became NaN or infinite, so that it is not saved.
        DiskFullError: no room, before the first step or later.
    """

    writes: ClassVar[dict[str, str]] = {"{folder}/checkpoints/": "the state to continue from (resume)"}

    def __init__(
        self,
        folder: str | os.PathLike[str],
        settings: Mapping[str, Any],
        dataset_sha256: str,
        every: int = 500,
        keep: int = 2,
        resume: bool | str = False,
        summary_writer: LazySummaryWriter | None = None,
        also: Mapping[str, Stateful] | None = None,
        results: Mapping[str, Any] | None = None,
    ) -> None:
        if every < 1:
            raise ValueError(f"checkpoint_every is {every}, but must be 1 (every iteration) or more.")
        if keep < 1:
            raise ValueError(f"keep_checkpoints is {keep}, but must be 1 or more (2 leave one in reserve).")
        self.folder = Path(folder) / "checkpoints"
        self.settings = plain(settings)
        self.dataset_sha256 = dataset_sha256
        self.every = every
        self.keep = keep
        self.resume = as_flag("resume", resume)
        self.summary_writer = summary_writer
        self.also = dict(also or {})
        self.results = plain(results or {})
        self._description: dict[str, Any] = {}
        self._saved: int | None = None

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.RESTORE_STATE, self._start)
        engine.add_event_handler(RunEvents.SAVE_STATE, self._save_if_due)

    def save(self, engine: GradientTrainer) -> None:
        """Write a checkpoint of the state after the current iteration, which must complete a step of the optimiser.

        All processes must call it together.
        """
        if self._saved == engine.state.iteration:
            return
        with engine.clock.phase("checkpoints"):
            self._save(engine)

    def _save(self, engine: GradientTrainer) -> None:
        processes = gather_objects({"random": random_state(), "not_finite": first_not_finite(engine.module)})
        for name in (process.pop("not_finite") for process in processes):
            if name is not None:
                raise WeightsNotFiniteError(engine.state.iteration, name)
        if rank() == 0:
            write_checkpoint(self.folder, engine.state.iteration, self._state(engine, processes), self.keep)
        self._saved = engine.state.iteration

    def _start(self, engine: GradientTrainer) -> None:
        self._saved = None
        # Once: a second run of this trainer begins with the learning rate that the first one ended with.
        self._description = self._description or from_first_rank(describe_training(engine))
        path = newest_checkpoint(self.folder) if self.resume and rank() == 0 else None
        # The first process chooses, for all must continue from the same one.
        path = from_first_rank(path)
        if path is not None:
            self._load(engine, read_checkpoint(path))
            logger.info(
                "Continued from %s: epoch %d, iteration %d.", path.name, engine.state.epoch, engine.state.iteration
            )
        elif self.resume and rank() == 0:
            logger.info("There is no checkpoint to continue from: the run starts from the beginning.")
        if rank() == 0:
            check_room(self.folder, room_needed(self.folder, self._size(engine), self.keep))

    def _save_if_due(self, engine: GradientTrainer) -> None:
        # In the middle of an accumulated step each process has gradients of its own: the step is completed first.
        due = engine.state.iteration // self.every > (self._saved or 0) // self.every and engine.step_is_complete()
        if due or engine.state.iteration % engine.state.epoch_length == 0:
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
            "also": {name: part.state_dict() for name, part in self.also.items()},
            "processes": processes,
            "logs": {} if self.summary_writer is None else log_lengths(self.summary_writer.log_dir),
        }

    def _compared(self, engine: GradientTrainer) -> dict[str, Any]:
        return {
            **self.settings,
            **self.results,
            **self._description,
            "dataset_sha256": self.dataset_sha256,
            "epoch_length": engine.state.epoch_length,
            "world_size": world_size(),
        }

    def _load(self, engine: GradientTrainer, state: dict[str, Any]) -> None:
        check_same_settings(state["settings"], self._compared(engine), "the checkpoint")
        if missing := [name for name in self.also if name not in state["also"]]:
            raise RunFolderError(
                f"the run cannot be continued: the checkpoint has no state of {', '.join(missing)}, so it was made by "
                "an earlier version of monai_mocoi, which did not keep it. Nothing was changed. Continue the run with "
                "that version, or start again with a folder of its own."
            )
        engine.module.load_state_dict(state["network"])
        engine.optimizer.load_state_dict(state["optimizer"])
        engine.scaler.load_state_dict(state["scaler"])
        for name, part in self.also.items():
            part.load_state_dict(state["also"][name])
        if self.summary_writer is not None and rank() == 0:
            cut_back(self.summary_writer.log_dir, state["logs"])
        engine.state.iteration = state["iteration"]
        engine.state.epoch = state["iteration"] // state["epoch_length"]
        set_random_state(state["processes"][rank()]["random"])
        self._saved = state["iteration"]

    def _size(self, engine: GradientTrainer) -> int:
        """Bytes, about: the network, as much again as it learns for each moment of the optimiser, other weights."""
        moments = 2 if "betas" in engine.optimizer.defaults else 1  # Adam and its kin keep two
        learnt = [p for p in engine.module.parameters() if p.requires_grad]
        tensors = (*engine.module.state_dict().values(), *learnt * moments)
        others = sum(part.state_size() for part in self.also.values() if hasattr(part, "state_size"))
        return others + sum(tensor.numel() * tensor.element_size() for tensor in tensors)
