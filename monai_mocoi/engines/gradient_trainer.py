"""Training by gradients: mixed precision, accumulated steps, the place in an epoch, losses that must be finite."""

import os
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, ClassVar

import torch
from ignite.engine import Events
from monai.engines import Trainer, Workflow
from monai.inferers import Inferer, SimpleInferer
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from monai_mocoi.data import EpochSampler
from monai_mocoi.distributed import from_first_rank, unwrap
from monai_mocoi.engines.events import attach_handlers
from monai_mocoi.engines.iteration_values import IterationValues
from monai_mocoi.engines.momentum import begin_momentum
from monai_mocoi.engines.options import autocast_dtype, check_training, prepare_images
from monai_mocoi.engines.outputs import Outputs
from monai_mocoi.engines.phase_clock import DATA, STEP, PhaseClock

Watched = Callable[[], dict[str, torch.Tensor]]
Computed = tuple[dict[str, torch.Tensor], Watched | None]


class GradientTrainer(Trainer):
    """Base of the trainers: one iteration is one batch; what it computes goes out as a dict of floats.

    A subclass says in :meth:`compute` what a batch costs. Scalars are means over all processes. If ``state.iteration``
    and ``state.epoch`` are set when the run starts, it goes on from there, also in the middle of an epoch. The network
    is on its device, bare or in DistributedDataParallel (:attr:`module` is the bare one). For the rest see
    :class:`~monai_mocoi.engines.TrainerOptions`.

    Settings out of range, or fewer training images than a batch, are a ValueError. A loss that is NaN or infinite is a
    NotFiniteError with the iteration, the term and the images, and does not reach the weights.

    On a GPU nothing waits for them (:class:`~monai_mocoi.engines.outputs.Outputs`), except who looks at
    ``state.output``: rather attach to :attr:`RunEvents.OUTPUT_READ`, and take ``state.read``.
    """

    described: tuple[str, ...] = ("accumulation_steps", "max_grad_norm", "channels_last", "inferer")
    """Attributes that change what is learnt, besides network, optimiser, data and precision."""
    keys: tuple[str, ...] = ("image", "label")  # what is taken of a batch
    image_list = "training in datalist.json"  # where an image's index is its row

    writes: ClassVar[dict[str, str]] = {"{debug_dir}/": "a report, should a loss not be finite"}

    def __init__(
        self,
        device: torch.device | str,
        max_epochs: int,
        train_data_loader: Iterable,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        inferer: Inferer | None = None,
        precision: str = "auto",
        channels_last: bool = True,
        accumulation_steps: int = 1,
        max_grad_norm: float | None = None,
        debug_dir: str | os.PathLike[str] | None = None,
        epoch_length: int | None = None,
        train_handlers: Sequence[Any] | None = None,
    ) -> None:
        check_training(max_epochs, accumulation_steps, max_grad_norm, epoch_length, len(train_data_loader))  # type: ignore[arg-type]
        self.network, self.optimizer = network, optimizer
        self.module = unwrap(network)
        self.inferer = SimpleInferer() if inferer is None else inferer
        # The machines of several processes may find different answers.
        self.precision, self.autocast = precision, from_first_rank(autocast_dtype(precision, device))
        self.channels_last, self.debug_dir = channels_last, debug_dir
        self.accumulation_steps, self.max_grad_norm = accumulation_steps, max_grad_norm
        self.clock = PhaseClock()
        self.converged = False  # set by a handler that ends training early because it has reached its goal
        batch = partial(prepare_images, keys=self.keys, channels_last=channels_last)
        super().__init__(
            device, max_epochs, train_data_loader, epoch_length, non_blocking=True, prepare_batch=batch, decollate=False
        )
        self.clock.attach(self)
        self.scaler: Any = self._scaler()
        skips = getattr(optimizer, "_step_supports_amp_scaling", False) and not self.scaler.is_enabled()
        self.outputs = Outputs(self, late=self.state.device.type == "cuda" and skips)
        attach_handlers(self, train_handlers)
        self.add_event_handler(Events.EPOCH_STARTED, self._place_sampler)
        # The loader's workers are started before the first batch is asked for: that is waiting for data, too.
        self.add_event_handler(Events.EPOCH_STARTED, self.clock.change, DATA)

    @abstractmethod
    def compute(self, batch: dict[str, torch.Tensor], first_of_step: bool) -> Computed:
        """Loss terms of a batch by name; and a function for what else to show, called after the backward pass."""

    def keep_precision(self, earlier: str) -> None:
        """Go on in the precision of the run that is continued, where this one's is to be chosen here (auto)."""
        if self.precision == "auto":
            self.autocast = autocast_dtype(earlier, self.state.device)
            self.scaler = self._scaler()
            self.outputs.late = self.outputs.late and not self.scaler.is_enabled()

    def _scaler(self) -> Any:
        if scales := self.autocast == torch.float16:
            begin_momentum(self.optimizer)
        return torch.amp.GradScaler(self.state.device.type, enabled=scales)

    def run(self) -> None:  # type: ignore[override]
        """Train from the state reached so far to ``max_epochs``."""
        # Not Trainer.run: it would replace the scaler, and with it the state of a resumed run.
        self.outputs.forget()
        Workflow.run(self)

    def step_is_complete(self) -> bool:
        """Whether the optimiser has used all gradients: False in the middle of an accumulated step."""
        return self.state.iteration % self.state.epoch_length % self.accumulation_steps == 0

    def _iteration(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> Mapping[str, float]:  # type: ignore[override]
        with self.clock.phase(STEP):
            self.clock.images += len(next(iter(batchdata.values())))
            return self._train(engine, batchdata)

    def _train(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> Mapping[str, float]:
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
        values = self._values(batchdata, {"loss/total": total, **terms}, watched)
        if last and self.max_grad_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.max_grad_norm)
        if last:
            if self.outputs.bad is not None:
                self.optimizer.found_inf = self.outputs.bad  # type: ignore[attr-defined]
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return values

    @torch.no_grad()
    def _values(
        self, batch: dict[str, torch.Tensor], losses: dict[str, torch.Tensor], watched: Watched | None
    ) -> Mapping[str, float]:
        shown = {**losses, **(watched() if watched else {})}
        known = {"schedule/learning_rate": float(self.optimizer.param_groups[0]["lr"])}
        return self.outputs.add(IterationValues(self.state.iteration, batch, shown, len(losses), known))

    def _place_sampler(self) -> None:
        loader: Any = self.data_loader
        if isinstance(getattr(loader, "sampler", None), EpochSampler):
            done = self.state.iteration - (self.state.epoch - 1) * self.state.epoch_length
            loader.sampler.set_epoch(self.state.epoch - 1, start=done * loader.batch_size)
