"""Validation in pretraining: do two fresh views of an image find each other among the other validation images?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from ignite.engine import Events
from monai.engines import Evaluator
from monai.inferers import Inferer
from torch import nn

from monai_mocoi.engines.moco_trainer import prepare_views
from monai_mocoi.engines.precision import autocast_dtype
from monai_mocoi.losses import InfoNCELoss
from monai_mocoi.metrics import relative_contrastive_loss, retrieval_accuracy
from monai_mocoi.networks import unwrap
from monai_mocoi.networks.processes import gather_ragged_rows, world_size

_BLOCK = 1024  # rows of the similarity matrix at a time: memory stays small for any validation set


class MoCoEvaluator(Evaluator):
    """Measure contrastive loss and retrieval on validation images.

    Both views go through the *query* encoder in eval mode; the negatives of an image are the second views of all other
    validation images, not the queue. Neither the moving average nor the queue is touched (fault A5), and the views
    differ (fault A6) and are the same at every validation, when the loader draws them from a fixed seed.

    With several processes each embeds the images that its loader gives, all of them run this evaluator, and all of them
    end with the same metrics: those over the images of all processes in the order of ``index``, each image once. The
    shares may be unequal; a process may have none.

    Args:
        device: where to compute.
        val_data_loader: batches as for :class:`~monai_mocoi.engines.MoCoTrainer`; without ``index`` the images are
            taken to be all different, in the order in which they come.
        network: the MoCo network, bare or in DistributedDataParallel.
        temperature: of the contrastive loss; the trainer's.
        inferer: ignored; MONAI's bundle tools expect one.
        precision: see :func:`~monai_mocoi.engines.autocast_dtype`.
        channels_last: pass images in channels-last memory format.
        epoch_length: batches to use; None: all.
        val_handlers: ignite or MONAI handlers.

    At the end ``engine.state.metrics`` holds ``validation/contrastive_loss``, ``validation/relative_loss`` (1 is
    guessing), ``validation/top1``, ``validation/top5``, and ``validation/top1_chance`` and ``validation/top5_chance``,
    what guessing would give. They are not for choosing "the best" checkpoint: the last epoch counts.
    """

    def __init__(
        self,
        device: torch.device | str,
        val_data_loader: Iterable,
        network: nn.Module,
        temperature: float,
        inferer: Inferer | None = None,
        precision: str = "auto",
        channels_last: bool = True,
        epoch_length: int | None = None,
        non_blocking: bool = True,
        val_handlers: Sequence[Any] | None = None,
    ) -> None:
        self.moco = unwrap(network)
        self.inferer = inferer
        self.loss = InfoNCELoss(temperature, reduction="none")
        self.autocast = autocast_dtype(precision, device)
        self.channels_last = channels_last
        super().__init__(
            device=device,
            val_data_loader=val_data_loader,
            epoch_length=epoch_length,
            non_blocking=non_blocking,
            prepare_batch=prepare_views,
            decollate=False,
        )
        self._queries: list[torch.Tensor] = []
        self._keys: list[torch.Tensor] = []
        self._images: list[torch.Tensor] = []
        # Before the caller's handlers, so that those see the metrics of this epoch.
        self.add_event_handler(Events.EPOCH_STARTED, self._forget)
        self.add_event_handler(Events.EPOCH_COMPLETED, self._measure)
        self._register_handlers(val_handlers or [])

    def run(self, global_epoch: int = 1) -> None:  # type: ignore[override]
        """Validate.

        Args:
            global_epoch: the trainer's epoch, from 1.
        """
        if self.state.epoch_length == 0 and world_size() > 1:
            # MONAI would leave the run out, and the other processes would wait for this one's rows for ever.
            self.state.max_epochs = self.state.epoch = global_epoch
            self.fire_event(Events.EPOCH_STARTED)
            self.fire_event(Events.EPOCH_COMPLETED)
            return
        super().run(global_epoch)

    def _iteration(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> dict[str, Any]:
        view1, view2, images, _ = self.prepare_batch(batchdata, engine.state.device, self.non_blocking)
        if self.channels_last:
            view1 = view1.contiguous(memory_format=torch.channels_last)
            view2 = view2.contiguous(memory_format=torch.channels_last)
        with (
            torch.no_grad(),
            self.mode(self.moco),
            torch.autocast(engine.state.device.type, self.autocast, enabled=self.autocast is not None),
        ):
            self._queries.append(self.moco.embed(view1))
            self._keys.append(self.moco.embed(view2))
        if images is not None:
            self._images.append(images)
        return {}

    def _forget(self, engine: Any) -> None:
        # Beginning with no rows of the right shape and type, for a process without images has nothing else to gather.
        self._queries = [self.moco.queue.keys.new_zeros(0, self.moco.queue.keys.shape[1])]
        self._keys = list(self._queries)
        self._images = [self.moco.queue.images.new_zeros(0)]

    def _gathered(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Queries and keys of all processes' images, in the order of their indices and each image once."""
        queries, keys, images = (
            gather_ragged_rows(torch.cat(rows)) for rows in (self._queries, self._keys, self._images)
        )
        if len(images) < len(queries):
            return queries, keys
        images, order = images.sort(stable=True)
        first = torch.ones_like(images, dtype=torch.bool)
        first[1:] = images[1:] != images[:-1]
        return queries[order[first]], keys[order[first]]

    @torch.no_grad()
    def _measure(self, engine: Any) -> None:
        queries, keys = self._gathered()
        self._forget(engine)
        count = len(queries)
        if count < 2:
            return  # one image has no negatives: nothing can be told
        totals = torch.zeros(4, dtype=torch.float64)
        others = ~torch.eye(count, dtype=torch.bool, device=queries.device)
        for start in range(0, count, _BLOCK):
            rows = slice(start, start + _BLOCK)
            positive = (queries[rows] * keys[rows]).sum(dim=1)
            negative, mask = queries[rows] @ keys.T, others[rows]
            losses = self.loss(positive, negative, mask)
            means = (
                losses.mean(),
                relative_contrastive_loss(losses, negative, mask),
                retrieval_accuracy(positive, negative, mask, k=1),
                retrieval_accuracy(positive, negative, mask, k=5),
            )
            totals += torch.tensor([float(m) for m in means], dtype=torch.float64) * len(positive)
        names = ("contrastive_loss", "relative_loss", "top1", "top5")
        values = dict(zip(names, (totals / count).tolist(), strict=True))
        values["top1_chance"] = 1 / count
        values["top5_chance"] = min(5, count) / count
        engine.state.metrics.update({f"validation/{name}": value for name, value in values.items()})
