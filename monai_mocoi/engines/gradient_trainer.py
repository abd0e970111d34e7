"""What every training shares: precision, accumulated steps, the place in an epoch, losses that must be finite."""

from __future__ import annotations

import math
import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Trainer, Workflow
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from monai_mocoi.data import EpochSampler
from monai_mocoi.distributed import gather_objects, mean_over_ranks, rank, unwrap
from monai_mocoi.engines.not_finite import write_report
from monai_mocoi.engines.phase_clock import DATA, STEP, PhaseClock
from monai_mocoi.engines.precision import autocast_dtype
from monai_mocoi.errors import NotFiniteError

Watched = Callable[[], dict[str, torch.Tensor]]


class GradientTrainer(Trainer):
    """Base of the trainers: one iteration is one batch, what it computes goes out as a dict of floats.

    A subclass says what a batch is worth in :meth:`compute`. Here is the rest: mixed precision with a scaler that a
    checkpoint can keep (:attr:`scaler`), accumulated and clipped steps, a start in the middle of an epoch, scalars
    averaged over all processes, and a stop at the first loss that is not finite, before it reaches the weights.

    Args:
        device: where to compute.
        max_epochs: number of passes over the data.
        data_loader: of known length.
        network: the network on its device, bare or in DistributedDataParallel; the bare one is :attr:`module`.
        optimizer: over the network's trainable parameters.
        precision: see :func:`~monai_mocoi.engines.autocast_dtype`.
        accumulation_steps: batches a step of the optimiser, 1 or more; what remains at an epoch's end is a step too.
        max_grad_norm: clip the gradient's norm; None: no clipping.
        debug_dir: folder for the report on a loss that is not finite; None: no report.
        image_list: where an image's ``index`` is its row, for the text of that error.
        epoch_length: None, or the loader's length.
        non_blocking: copy batches to the device asynchronously.
        handlers: ignite or MONAI handlers.

    Attributes:
        clock: of the epoch, see :class:`~monai_mocoi.engines.PhaseClock`; no part of the state of a run.
        converged: set by a handler that ends training early because it has reached its goal: a whole run, then.

    Raises:
        ValueError: settings out of range, or fewer training images than a batch.
    """

    described: tuple[str, ...] = ("accumulation_steps", "max_grad_norm")
    """Attributes that change what is learnt, besides network, optimiser, data and precision."""

    def __init__(
        self,
        device: torch.device | str,
        max_epochs: int,
        data_loader: Iterable,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        precision: str,
        accumulation_steps: int,
        max_grad_norm: float | None,
        debug_dir: str | os.PathLike[str] | None,
        image_list: str,
        epoch_length: int | None,
        non_blocking: bool,
        prepare_batch: Callable,
        handlers: Sequence[Any] | None,
    ) -> None:
        self.network = network
        self.module = unwrap(network)
        if max_epochs < 1:
            raise ValueError(f"max_epochs is {max_epochs}, but must be 1 or more.")
        if accumulation_steps < 1:
            raise ValueError(f"accumulation_steps is {accumulation_steps}, but must be 1 (no accumulation) or more.")
        if max_grad_norm is not None and not max_grad_norm > 0:
            raise ValueError(f"max_grad_norm is {max_grad_norm}, but must be above 0, or null for no clipping.")
        batches = len(data_loader)  # type: ignore[arg-type]
        if epoch_length not in (None, batches):
            raise ValueError(
                f"epoch_length is {epoch_length}, but the loader has {batches} batches: an epoch must be one pass over "
                "the data, or a continued run could not find its place. Leave epoch_length out (null), and set the "
                "length of training by max_epochs."
            )
        self.optimizer = optimizer
        self.autocast = autocast_dtype(precision, device)
        self.accumulation_steps = accumulation_steps
        self.clock = PhaseClock()
        self.converged = False
        self.max_grad_norm = max_grad_norm
        self.debug_dir = debug_dir
        self.image_list = image_list
        super().__init__(
            device=device,
            max_epochs=max_epochs,
            data_loader=data_loader,
            epoch_length=epoch_length,
            non_blocking=non_blocking,
            prepare_batch=prepare_batch,
            decollate=False,
        )
        self.clock.attach(self)
        self._register_handlers(handlers or [])
        if self.state.epoch_length == 0:
            raise ValueError(
                "there are fewer training images than one batch, so not a single step would be made: lower batch_size "
                "(or add images)."
            )
        sampler = getattr(data_loader, "sampler", None)
        if isinstance(sampler, EpochSampler):
            batch_size = data_loader.batch_size  # type: ignore[attr-defined]

            def place_sampler() -> None:
                done = self.state.iteration - (self.state.epoch - 1) * self.state.epoch_length
                sampler.set_epoch(self.state.epoch - 1, start=done * batch_size)

            self.add_event_handler(Events.EPOCH_STARTED, place_sampler)
        # The loader's workers are started before the first batch is asked for: that is waiting for data, too.
        self.add_event_handler(Events.EPOCH_STARTED, self.clock.change, DATA)
        # Behind all handlers that want to see an error: without this one, a handler that does not raise would hide it.
        self.add_event_handler(Events.EXCEPTION_RAISED, _raise)
        self.scaler: Any = torch.amp.GradScaler(self.state.device.type, enabled=self.autocast == torch.float16)

    def is_whole(self) -> bool:
        """Whether training came to its end: its last epoch, or early because it had converged."""
        return self.converged or (self.state.epoch >= self.state.max_epochs and not self.should_terminate)

    @abstractmethod
    def compute(
        self, batch: dict[str, torch.Tensor], first_of_step: bool
    ) -> tuple[dict[str, torch.Tensor], Watched | None]:
        """Loss terms of a batch by name, whose sum is to fall; and a function for what else to show, called without
        gradients after the backward pass. Called under autocast, with the network in training mode."""

    def run(self) -> None:  # type: ignore[override]
        """Train from the state reached so far to ``max_epochs``."""
        # Not Trainer.run: it would replace the scaler, and with it the state of a resumed run.
        Workflow.run(self)

    def step_is_complete(self) -> bool:
        """Whether the optimiser has used all gradients: False in the middle of an accumulated step."""
        within = self.state.iteration % self.state.epoch_length
        return within % self.accumulation_steps == 0

    def _iteration(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> dict[str, float]:
        with self.clock.phase(STEP):
            scalars = self._train(engine, batchdata)
        self.clock.images += len(next(iter(batchdata.values())))
        return scalars

    def _train(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> dict[str, float]:
        step = (engine.state.iteration - 1) % engine.state.epoch_length
        place = step % self.accumulation_steps
        first, last = place == 0, place == self.accumulation_steps - 1 or step == engine.state.epoch_length - 1
        batches = min(self.accumulation_steps, engine.state.epoch_length - (step - place))

        self.network.train()
        if first:
            self.optimizer.zero_grad(set_to_none=True)
        waits = isinstance(self.network, DistributedDataParallel) and not last
        with self.network.no_sync() if waits else nullcontext():  # type: ignore[operator]
            with torch.autocast(engine.state.device.type, self.autocast, enabled=self.autocast is not None):
                terms, watched = self.compute(batchdata, first)
            total = torch.stack(list(terms.values())).sum()
            self.scaler.scale(total / batches).backward()
        # Before the step: a loss that is not finite must not reach the weights.
        scalars = self._scalars(batchdata, {"loss/total": total, **terms}, watched)
        if last:
            self._step()
        return scalars

    def _step(self) -> None:
        if self.max_grad_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    @torch.no_grad()
    def _scalars(
        self, batch: dict[str, torch.Tensor], losses: dict[str, torch.Tensor], watched: Watched | None
    ) -> dict[str, float]:
        values = {**losses, **(watched() if watched else {})}
        own = torch.stack([v.double() for v in values.values()])
        # One transfer from the device for all of them. A loss that is not finite anywhere is so in the mean.
        scalars = dict(zip(values, mean_over_ranks(own).tolist(), strict=True))
        if not all(math.isfinite(scalars[name]) for name in losses):
            self._report(batch, dict(zip(values, own.tolist(), strict=True)), list(losses))
        scalars["schedule/learning_rate"] = float(self.optimizer.param_groups[0]["lr"])
        return {name: value for name, value in scalars.items() if math.isfinite(value)}

    def _report(self, batch: dict[str, torch.Tensor], own: dict[str, float], losses: list[str]) -> None:
        """Stop all processes with the same error; each leaves a report of what it saw."""
        bad = [name for name in losses if not math.isfinite(own[name])]
        anywhere = {name for names in gather_objects(bad) for name in names}
        terms = [name for name in losses if name in anywhere]
        rows = [row for part in gather_objects(batch["index"].tolist() if "index" in batch else []) for row in part]
        report = None
        if self.debug_dir is not None:
            state = self.state
            report = write_report(self.debug_dir, rank(), state.iteration, state.epoch, batch, own, bad, self.module)
        raise NotFiniteError(self.state.iteration, terms, rows, report, self.image_list)


def _raise(engine: Workflow, error: BaseException) -> None:
    raise error
