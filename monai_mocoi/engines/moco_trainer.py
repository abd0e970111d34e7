"""The pretraining engine: one iteration is one batch of view pairs; what it computes goes out as a dict of scalars."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Trainer, Workflow
from monai.inferers import Inferer, SimpleInferer
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from monai_mocoi.data import EpochSampler
from monai_mocoi.engines.not_finite import NotFiniteError, write_report
from monai_mocoi.engines.precision import autocast_dtype
from monai_mocoi.metrics import feature_spread, relative_contrastive_loss, retrieval_accuracy
from monai_mocoi.networks import MoCoOutput, gather_objects, mean_over_ranks, rank, unwrap
from monai_mocoi.networks.batch_statistics import batch_parts

logger = logging.getLogger(__name__)

_LEAST_PART = 4  # images


class MoCoTrainer(Trainer):
    """Pretrain a :class:`~monai_mocoi.networks.MoCo` network.

    Args:
        device: where to compute.
        max_epochs: number of passes over the data.
        train_data_loader: of known length; with ``view1`` and ``view2`` ``(N, C, H, W)``, and, if the network is to
            mask own images or patients, ``index`` and ``patient`` ``(N,)``.
        network: the network on its device, bare or in DistributedDataParallel.
        optimizer: over the network's trainable parameters (query encoder, query head, stage heads).
        contrastive_loss: ``(positive, negative, mask)`` to a value a row, as ``InfoNCELoss(reduction="none")``.
        stage_loss: ``(query, key)`` representation of one stage to a scalar; None: plain MoCo.
        stage_weights: one weight a stage, 0.25 each in the paper's MSE arm.
        inferer: calls the network; a MONAI ``SimpleInferer`` by default.
        precision: see :func:`~monai_mocoi.engines.autocast_dtype`. The losses are computed in float32 (or float64).
        channels_last: pass images to the network in channels-last memory format (convert the network too).
        accumulation_steps: batches a step of the optimiser, 1 or more. The key encoder moves once a step. What remains
            at an epoch's end is a step too.
        max_grad_norm: clip the gradient's norm; None: no clipping.
        watch_every: iterations from one look at the spread of the stages to the next; the first is always looked at.
        compile: run both encoders through ``torch.compile``.
        debug_dir: folder for the report on a loss that is not finite; None: no report.
        epoch_length: iterations an epoch; None: the loader's length. Anything else is refused.
        non_blocking: copy batches to the device asynchronously.
        train_handlers: ignite or MONAI handlers.

    Every iteration leaves in ``engine.state.output`` a dict of floats: ``loss/total``, ``loss/contrastive``,
    ``loss/stage1`` to ``4`` (weighted, so that the terms add up to the total), ``contrastive/relative_loss``
    (loss / ln(1 + valid negatives): 1 is guessing), ``contrastive/top1``, ``similarity/positive``,
    ``similarity/negative``, ``spread/embedding``, ``spread/stage1`` to ``4`` (every ``watch_every`` iterations),
    ``queue/fill`` and ``schedule/learning_rate``. What cannot be told, such as the top-1 of a first batch without
    negatives, is left out.

    In a distributed run they are the means over all processes.

    The gradient scaler (fp16 only) is :attr:`scaler`, with ``state_dict``, so that a checkpoint can keep it. With
    ``state.iteration`` and ``state.epoch`` set when the run starts, it goes on in the middle of an epoch, with the
    batch that comes next.

    The first iteration warns if a BatchNorm part (see :class:`~monai_mocoi.networks.MoCo`) holds fewer than 4 images.

    Raises:
        ValueError: settings out of range, or fewer training images than a batch.
        NotFiniteError: a loss term that is not finite; names the iteration, the term and the images of the batch.
    """

    def __init__(
        self,
        device: torch.device | str,
        max_epochs: int,
        train_data_loader: Iterable,
        network: nn.Module,
        optimizer: torch.optim.Optimizer,
        contrastive_loss: Callable[..., torch.Tensor],
        stage_loss: Callable[..., torch.Tensor] | None = None,
        stage_weights: Sequence[float] = (0.25, 0.25, 0.25, 0.25),
        inferer: Inferer | None = None,
        precision: str = "auto",
        channels_last: bool = True,
        accumulation_steps: int = 1,
        max_grad_norm: float | None = None,
        watch_every: int = 10,
        compile: bool = False,
        debug_dir: str | os.PathLike[str] | None = None,
        epoch_length: int | None = None,
        non_blocking: bool = True,
        train_handlers: Sequence[Any] | None = None,
    ) -> None:
        self.network = network
        self.moco = unwrap(network)
        if max_epochs < 1:
            raise ValueError(f"max_epochs is {max_epochs}, but must be 1 or more.")
        if watch_every < 1:
            raise ValueError(f"watch_every is {watch_every}, but must be 1 (every iteration) or more.")
        if accumulation_steps < 1:
            raise ValueError(f"accumulation_steps is {accumulation_steps}, but must be 1 (no accumulation) or more.")
        if max_grad_norm is not None and not max_grad_norm > 0:
            raise ValueError(f"max_grad_norm is {max_grad_norm}, but must be above 0, or null for no clipping.")
        stages = len(self.moco.stage_heads)
        if stage_loss is not None and stages != len(stage_weights):
            raise ValueError(
                f"there are {len(stage_weights)} stage_weights and a stage loss, but the network has {stages} stage "
                "heads: give the network as many stage_heads, or set stage_loss to null."
            )
        batches = len(train_data_loader)  # type: ignore[arg-type]
        if epoch_length not in (None, batches):
            raise ValueError(
                f"epoch_length is {epoch_length}, but the loader has {batches} batches: an epoch must be one pass over "
                "the data, or a continued run could not find its place. Leave epoch_length out (null), and set the "
                "length of training by max_epochs."
            )
        self.optimizer = optimizer
        self.contrastive_loss = contrastive_loss
        self.stage_loss = stage_loss
        self.stage_weights = tuple(stage_weights)
        self.inferer = SimpleInferer() if inferer is None else inferer
        self.autocast = autocast_dtype(precision, device)
        self.channels_last = channels_last
        self.accumulation_steps = accumulation_steps
        self.max_grad_norm = max_grad_norm
        self.watch_every = watch_every
        self.debug_dir = debug_dir
        super().__init__(
            device=device,
            max_epochs=max_epochs,
            data_loader=train_data_loader,
            epoch_length=epoch_length,
            non_blocking=non_blocking,
            prepare_batch=prepare_views,
            handlers=train_handlers,
            decollate=False,
        )
        if self.state.epoch_length == 0:
            raise ValueError(
                "there are fewer training images than one batch, so not a single step would be made: lower batch_size "
                "(or add images)."
            )
        sampler = getattr(train_data_loader, "sampler", None)
        if isinstance(sampler, EpochSampler):
            batch_size = train_data_loader.batch_size  # type: ignore[attr-defined]

            def place_sampler() -> None:
                done = self.state.iteration - (self.state.epoch - 1) * self.state.epoch_length
                sampler.set_epoch(self.state.epoch - 1, start=done * batch_size)

            self.add_event_handler(Events.EPOCH_STARTED, place_sampler)
        self.add_event_handler(Events.ITERATION_STARTED, self._check_parts)
        # Behind all handlers that want to see an error: without this one, a handler that does not raise would hide it.
        self.add_event_handler(Events.EXCEPTION_RAISED, _raise)
        scaling = self.autocast == torch.float16
        self.scaler: Any = torch.amp.GradScaler(self.state.device.type, enabled=scaling)
        if compile:
            self.moco.query_encoder.compile()
            self.moco.key_encoder.compile()

    def run(self) -> None:  # type: ignore[override]
        """Train from the state reached so far to ``max_epochs``."""
        # Not Trainer.run: it would replace the scaler, and with it the state of a resumed run.
        Workflow.run(self)

    def step_is_complete(self) -> bool:
        """Whether the optimiser has used all gradients: False in the middle of an accumulated step."""
        within = self.state.iteration % self.state.epoch_length
        return within % self.accumulation_steps == 0

    def _check_parts(self, engine: Any) -> None:
        """Warn of BatchNorm parts that are too small; once, for a batch's and an image's size are known only now."""
        self.remove_event_handler(self._check_parts, Events.ITERATION_STARTED)
        batch, _, rows, columns = engine.state.batch["view1"].shape
        part = batch // batch_parts(batch, self.moco.bn_splits)
        normed = any(isinstance(m, nn.modules.batchnorm._BatchNorm) for m in self.moco.modules())
        if part >= _LEAST_PART or not normed or rank() > 0:
            return
        fewer = f", or bn_splits to {batch // _LEAST_PART}" if batch >= _LEAST_PART else ""
        logger.warning(
            f"A BatchNorm part holds {part} image(s), but should hold {_LEAST_PART} or more (batch_size {batch} in "
            f"each process, bn_splits {self.moco.bn_splits}, images of {rows} x {columns} pixels): with so few, and in "
            "small images above all, the weights can grow without bounds while the loss looks well. Set batch_size to "
            f"{_LEAST_PART * self.moco.bn_splits} or more{fewer}."
        )

    def _iteration(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> dict[str, float]:
        view1, view2, images, patients = self.prepare_batch(batchdata, engine.state.device, self.non_blocking)
        if self.channels_last:
            view1 = view1.contiguous(memory_format=torch.channels_last)
            view2 = view2.contiguous(memory_format=torch.channels_last)
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
                watch = (engine.state.iteration - 1) % self.watch_every == 0
                output = self.inferer(
                    view1, self.network, view2, images, patients, move_key_encoder=first, watch_stages=watch
                )
            rows, terms = self._losses(output)
            total = torch.stack(list(terms.values())).sum()
            self.scaler.scale(total / batches).backward()
        # Before the step: a loss that is not finite must not reach the weights.
        scalars = self._scalars(batchdata, output, rows, {"loss/total": total, **terms})
        if last:
            self._step()
        return scalars

    def _losses(self, output: MoCoOutput) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        rows = self.contrastive_loss(output.positive, output.negative, output.mask)
        terms = {"loss/contrastive": rows.mean()}
        if self.stage_loss is not None:
            pairs = zip(self.stage_weights, output.stages_query, output.stages_key, strict=True)
            for number, (weight, query, key) in enumerate(pairs, start=1):
                terms[f"loss/stage{number}"] = weight * self.stage_loss(query, key)
        return rows, terms

    def _step(self) -> None:
        if self.max_grad_norm is not None:
            self.scaler.unscale_(self.optimizer)
            nn.utils.clip_grad_norm_(self.network.parameters(), self.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    @torch.no_grad()
    def _scalars(
        self,
        batch: dict[str, torch.Tensor],
        output: MoCoOutput,
        rows: torch.Tensor,
        losses: dict[str, torch.Tensor],
    ) -> dict[str, float]:
        positive, negative, mask = output.positive, output.negative, output.mask
        watched = {
            "contrastive/relative_loss": relative_contrastive_loss(rows, negative, mask),
            "contrastive/top1": retrieval_accuracy(positive, negative, mask),
            "similarity/positive": positive.mean(),
            "similarity/negative": torch.where(mask, negative, 0).sum() / mask.sum(),
            "spread/embedding": feature_spread(output.query),
            **{f"spread/stage{i}": feature_spread(s.float()) for i, s in enumerate(output.pooled_stages, start=1)},
            "queue/fill": self.moco.queue.fill_share(),
        }
        names = (*losses, *watched)
        own = torch.stack([v.double() for v in (*losses.values(), *watched.values())])
        # One transfer from the device for all of them. A loss that is not finite anywhere is so in the mean.
        scalars = dict(zip(names, mean_over_ranks(own).tolist(), strict=True))
        if not all(math.isfinite(scalars[name]) for name in losses):
            self._report(batch, dict(zip(names, own.tolist(), strict=True)), list(losses))
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
            report = write_report(self.debug_dir, rank(), state.iteration, state.epoch, batch, own, bad, self.moco)
        raise NotFiniteError(self.state.iteration, terms, rows, report)


def _raise(engine: Workflow, error: BaseException) -> None:
    raise error


def prepare_views(
    batch: dict[str, torch.Tensor], device: torch.device | str | None = None, non_blocking: bool = False, **_: Any
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
    """Bring a batch to the device.

    Args:
        batch: with ``view1`` and ``view2`` ``(N, C, H, W)``; ``index`` and ``patient`` ``(N,)`` where known.
        device: where to.
        non_blocking: copy asynchronously.

    Returns:
        the two views, the images' indices and the patients' (None where the batch has none).
    """

    def moved(key: str) -> torch.Tensor | None:
        value = batch.get(key)
        return None if value is None else value.to(device, non_blocking=non_blocking)

    views = batch["view1"].to(device, non_blocking=non_blocking), batch["view2"].to(device, non_blocking=non_blocking)
    return *views, moved("index"), moved("patient")
