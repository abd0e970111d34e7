"""The pretraining engine: one iteration is one batch of view pairs; what it computes goes out as a dict of scalars."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Unpack

import torch
from torch import nn

from monai_mocoi.data import views_of
from monai_mocoi.distributed import rank
from monai_mocoi.engines.gradient_trainer import Computed, GradientTrainer
from monai_mocoi.engines.options import GEOMETRY, VIEWS, TrainerOptions, check_accumulation
from monai_mocoi.errors import UsageError
from monai_mocoi.metrics import normalized_info_nce, std_of_l2_normalized, top_k_accuracy
from monai_mocoi.networks import MoCoOutput, unwrap_moco
from monai_mocoi.networks.aligned_map import NO_GEOMETRY
from monai_mocoi.networks.batch_statistics import batch_parts
from monai_mocoi.transforms import TwoViewsd

logger = logging.getLogger(__name__)

_LEAST_PART = 4  # images


class MoCoTrainer(GradientTrainer):
    """Pretrain a :class:`~monai_mocoi.networks.MoCo` network.

    Args:
        train_data_loader: of known length; with ``view1`` and ``view2`` ``(N, C, H, W)``, and, if the network is to
            mask own images or patients, ``index`` and ``patient`` ``(N,)``; for aligned stages ``view1_geometry`` and
            ``view2_geometry`` (see :class:`~monai_mocoi.transforms.TwoViewsd`).
        network, optimizer: bare or in DistributedDataParallel; over its trainable parameters.
        contrastive_loss: ``(positive, negative, mask)`` to a value a row, as ``InfoNCELoss(reduction="none")``.
        stage_loss: ``(query, key)`` representation of one stage, and a mask if stages are aligned, to a scalar; None:
            plain MoCo.
        stage_weights: one weight a stage, 0.25 each in the paper's MSE arm.
        watch_every: iterations from one look at the spread of the stages to the next; the first is always looked at.
        views: makes the two views of batches that hold pictures and draws, see
            :func:`~monai_mocoi.data.loader`, ``views_on``; None: the loader makes them.
        compile: run both encoders through ``torch.compile``.
        options: see :class:`~monai_mocoi.engines.TrainerOptions`. The key encoder moves once per step.

    Every iteration leaves in ``engine.state.output`` a dict of floats: ``loss/total``, ``loss/contrastive``,
    ``loss/stage1`` to ``4`` (weighted, so that the terms add up to the total), ``contrastive/relative_loss``
    (loss / ln(1 + valid negatives): 1 is guessing), ``contrastive/top1``, ``similarity/positive``,
    ``similarity/negative``, ``spread/embedding``, ``spread/stage1`` to ``4`` (every ``watch_every`` iterations),
    ``queue/fill`` and ``schedule/learning_rate``, of aligned stages ``overlap/share``, ``overlap/left_out`` (stage 1)
    and ``overlap/left_out_stage2`` to ``4``; means over all processes. What is not defined, such as the top-1 of a
    first batch without negatives, is left out. The first iteration warns if a BatchNorm part (see
    :class:`~monai_mocoi.networks.MoCo`) holds fewer than 4 images.
    Errors: as :class:`GradientTrainer`.
    """

    keys = (*VIEWS, *GEOMETRY)
    image_list = "training, then pretraining, in datalist.json"
    described = (*GradientTrainer.described, "contrastive_loss", "stage_loss", "stage_weights")

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
        watch_every: int = 10,
        views: TwoViewsd | None = None,
        compile: bool = False,
        **options: Unpack[TrainerOptions],
    ) -> None:
        self.moco = unwrap_moco(network)
        if watch_every < 1:
            raise ValueError(f"watch_every is {watch_every}, but must be 1 (every iteration) or more.")
        stages = len(self.moco.stage_heads)
        if stage_loss is not None and stages != len(stage_weights):
            raise ValueError(
                f"there are {len(stage_weights)} stage_weights and a stage loss, but the network has {stages} stage "
                "heads: give the network as many stage_heads, or set stage_loss to null."
            )
        if self.moco.aligned and views is not None and not views.geometry_keys:
            raise UsageError(NO_GEOMETRY)
        self.contrastive_loss, self.stage_loss = contrastive_loss, stage_loss
        self.stage_weights, self.watch_every = tuple(stage_weights), watch_every
        self.views = views
        self._checked = False
        super().__init__(device, max_epochs, train_data_loader, network, optimizer, **options)
        check_accumulation(self.accumulation_steps, len(train_data_loader))  # type: ignore[arg-type]
        if compile and self.moco.query_encoder._recompute:
            raise ValueError("activation_checkpointing and compile do not go together: set one of them to false.")
        if compile:
            self.moco.query_encoder.compile()
            self.moco.key_encoder.compile()

    def _train(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> Mapping[str, float]:
        # The handlers see the views, too.
        engine.state.batch = views_of(batchdata, self.views, engine.state.device, self.non_blocking)
        if not self._checked:
            self._check_parts(engine.state.batch["view1"].shape)
        return super()._train(engine, engine.state.batch)

    def _check_parts(self, shape: torch.Size) -> None:
        """Warn of BatchNorm parts that are too small; once, because the sizes are known only now."""
        self._checked = True
        batch, _, rows, columns = shape
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

    def compute(self, batch: dict[str, torch.Tensor], first_of_step: bool) -> Computed:
        """The contrastive loss and the weighted losses of the stages; similarities, spread, and the queue's fill."""
        view1, view2, images, patients, *maps = self.prepare_batch(batch, self.state.device, self.non_blocking)
        watch = (self.state.iteration - 1) % self.watch_every == 0
        output: MoCoOutput = self.inferer(
            view1,
            self.network,
            view2,
            images,
            patients,
            move_key_encoder=first_of_step,
            watch_stages=watch,
            geometry=None if any(own is None for own in maps) else tuple(maps),
        )
        # Half precision is for the network alone: products of the losses' own would overflow in fp16.
        with torch.autocast(self.state.device.type, enabled=False):
            rows = self.contrastive_loss(output.positive, output.negative, output.mask)
            terms = {"loss/contrastive": rows.mean()}
            if self.stage_loss is not None:
                stages = zip(self.stage_weights, output.stages(), strict=True)
                for number, (weight, stage) in enumerate(stages, start=1):
                    terms[f"loss/stage{number}"] = weight * self.stage_loss(*stage)
        return terms, lambda: self._watched(output, rows)

    def _watched(self, output: MoCoOutput, rows: torch.Tensor) -> dict[str, torch.Tensor]:
        positive, negative, mask = output.positive, output.negative, output.mask
        overlap: dict[str, torch.Tensor] = {}
        if output.overlap is not None:
            overlap["overlap/share"] = output.overlap.mean()
            for number, compared in enumerate(output.stage_masks, start=1):
                name = "overlap/left_out" + (f"_stage{number}" if number > 1 else "")
                overlap[name] = 1 - compared.flatten(1).any(dim=1).float().mean()
        return {
            "contrastive/relative_loss": normalized_info_nce(rows, negative, mask),
            "contrastive/top1": top_k_accuracy(positive, negative, mask),
            "similarity/positive": positive.mean(),
            "similarity/negative": torch.where(mask, negative, 0).sum() / mask.sum(),
            "spread/embedding": std_of_l2_normalized(output.query),
            **{f"spread/stage{i}": std_of_l2_normalized(s.float()) for i, s in enumerate(output.pooled_stages, 1)},
            **overlap,
            "queue/fill": self.moco.queue.fill_share(),
        }
