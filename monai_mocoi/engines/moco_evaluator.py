"""Validation in pretraining: contrastive loss and retrieval of two fresh views among the validation images."""

from collections.abc import Iterable
from typing import Any, Unpack

import torch
from torch import nn

from monai_mocoi.data import views_of
from monai_mocoi.engines.evaluator import GatheringEvaluator, gathered_once
from monai_mocoi.engines.options import VIEWS, EvaluatorOptions
from monai_mocoi.losses import InfoNCELoss
from monai_mocoi.metrics import normalized_info_nce, top_k_accuracy
from monai_mocoi.networks import unwrap_moco
from monai_mocoi.transforms import TwoViewsd

_BLOCK = 1024  # rows of the similarity matrix at a time: memory stays small for any validation set


class MoCoEvaluator(GatheringEvaluator):
    """Measure contrastive loss and retrieval on validation images.

    Both views go through the *query* encoder in eval mode; the negatives of an image are the second views of all other
    validation images, not the queue. Neither the moving average nor the queue is touched (fault A5), and the views
    differ (fault A6) and are the same at every validation, when the loader draws them from a fixed seed. With several
    processes all end with the same metrics: over the images of all of them in the order of ``index``, each once.

    Args:
        val_data_loader: batches as for :class:`~monai_mocoi.engines.MoCoTrainer`; without ``index`` the images are
            taken to be all different, in the order in which they come.
        temperature: of the contrastive loss; the trainer's.
        views: as for :class:`~monai_mocoi.engines.MoCoTrainer`.
        options: see :class:`~monai_mocoi.engines.EvaluatorOptions`; ``inferer`` is ignored.

    At the end ``engine.state.metrics`` holds ``validation/contrastive_loss``, ``validation/relative_loss`` (1 is
    guessing), ``validation/top1``, ``validation/top5``, and ``validation/top1_chance`` and ``validation/top5_chance``,
    what guessing would give. They are not for choosing "the best" checkpoint: the last epoch counts.
    """

    keys = VIEWS
    described = ("loss",)

    def __init__(
        self,
        device: torch.device | str,
        val_data_loader: Iterable,
        network: nn.Module,
        temperature: float,
        views: TwoViewsd | None = None,
        **options: Unpack[EvaluatorOptions],
    ) -> None:
        self.loss = InfoNCELoss(temperature, reduction="none")
        self.views = views
        super().__init__(device, val_data_loader, unwrap_moco(network), **options)

    def _iteration(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> dict[str, Any]:
        batch = views_of(batchdata, self.views, engine.state.device, self.non_blocking)
        view1, view2, images, _ = self.prepare_batch(batch, engine.state.device, self.non_blocking)
        with self.predicting():
            self._queries.append(self.network.embed(view1))
            self._keys.append(self.network.embed(view2))
        if images is not None:
            self._images.append(images)
        return {}

    def forget(self) -> None:
        """Drop the embeddings."""
        queue = self.network.queue
        self._queries: list[torch.Tensor] = [queue.keys.new_zeros(0, queue.keys.shape[1])]
        self._keys = list(self._queries)
        self._images: list[torch.Tensor] = [queue.images.new_zeros(0)]

    @torch.no_grad()
    def measure(self) -> None:
        """Compare all embeddings with each other."""
        _, queries, keys = gathered_once(*(torch.cat(rows) for rows in (self._images, self._queries, self._keys)))
        self.forget()
        count = len(queries)
        if count < 2:
            return  # one image has no negatives: there is nothing to measure
        totals = torch.zeros(4, dtype=torch.float64)
        for start in range(0, count, _BLOCK):
            rows = slice(start, start + _BLOCK)
            positive = (queries[rows] * keys[rows]).sum(dim=1)
            negative = queries[rows] @ keys.T
            mask = torch.ones_like(negative, dtype=torch.bool)
            mask[:, rows].fill_diagonal_(False)  # its own second view
            losses = self.loss(positive, negative, mask)
            found = (top_k_accuracy(positive, negative, mask, k=k) for k in (1, 5))
            means = losses.mean(), normalized_info_nce(losses, negative, mask), *found
            totals += torch.tensor([float(m) for m in means], dtype=torch.float64) * len(positive)
        names = ("contrastive_loss", "relative_loss", "top1", "top5")
        values = dict(zip(names, (totals / count).tolist(), strict=True))
        values |= {"top1_chance": 1 / count, "top5_chance": min(5, count) / count}
        self.state.metrics.update({f"validation/{name}": value for name, value in values.items()})
