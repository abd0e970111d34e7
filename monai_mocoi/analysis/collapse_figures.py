"""Figures by which a collapsed encoder is recognised: effective rank, spread and margins on pairs of views."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from monai_mocoi.metrics import effective_rank, std_of_l2_normalized, top_k_accuracy
from monai_mocoi.networks import MoCo

_STAGES = (1, 2, 3, 4)
COLLAPSE_FIGURES = (
    *(f"collapse/rank_stage{stage}" for stage in _STAGES),
    *(f"collapse/spread_stage{stage}" for stage in _STAGES),
    *("collapse/margin_stage4", "collapse/margin", "collapse/top1", "collapse/top1_chance"),
)
_KEPT_BYTES = 2**29  # 256 pairs of one channel at 512 px, or of three at 224 px


@torch.no_grad()
def collapse_figures(
    moco: MoCo,
    pairs: Iterable[tuple[torch.Tensor, torch.Tensor]],
    device: torch.device,
    channels_last: bool = False,
    autocast: torch.dtype | None = None,
) -> dict[str, float]:
    """Measure how well the query encoder and its head, as they are, tell images apart.

    ``pairs``: batches of the two views of images, ``(N, C, H, W)`` each. ``autocast``: the dtype that the network
    computes in, None for its own; the views are read outside of it. The result is by the names in
    :data:`COLLAPSE_FIGURES`, see :class:`~monai_mocoi.handlers.CollapseMonitor`.
    """
    pooled: list[list[torch.Tensor]] = [[] for _ in range(5)]
    embedded: list[list[torch.Tensor]] = [[], []]
    for pair in pairs:
        for side, view in enumerate(pair):
            if channels_last:
                view = view.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, autocast, enabled=autocast is not None):
                embedding, maps = moco.query_encoder(view.to(device))
                embedded[side].append(moco.query_head(embedding).cpu())
            for place, stage in enumerate(maps if side == 0 else maps[-1:], start=4 * side):
                # Not in half precision, which would round the mean to a few hundred levels.
                pooled[place].append(stage.mean(dim=(2, 3), dtype=torch.float32).cpu())
    *stages, last_again = (torch.cat(parts) for parts in pooled)
    feature_margin, _ = _margin_and_top1(stages[-1], last_again)
    margin, top1 = _margin_and_top1(*(torch.cat(parts) for parts in embedded))
    numbers: list[float | torch.Tensor] = [
        *(effective_rank(features) for features in stages),
        *(std_of_l2_normalized(features) for features in stages),
        *(feature_margin, margin, top1, 1 / len(last_again)),
    ]
    return {name: float(number) for name, number in zip(COLLAPSE_FIGURES, numbers, strict=True)}


def collapse_in_words(
    when: str, checks: str, figures: Mapping[str, float], rank_limit: float, margin_limit: float
) -> str:
    """What is said of a collapsed encoder ("at iteration 300", after so many checks), and what to change."""
    return (
        f"The encoder has collapsed {when}: it maps different images to almost the same features. {checks} failed; in "
        f"the last one, the features before the head (stage 4) had an effective rank of "
        f"{figures['collapse/rank_stage4']:.3g} (limit {rank_limit:.3g}), and two views of an image were more alike "
        f"than views of different images by {figures['collapse/margin_stage4']:.2g} before and "
        f"{figures['collapse/margin']:.2g} behind the head (limit {margin_limit:.3g}). Training on rarely helps. Start "
        "again with the first of these that is not set yet: head mlp_bn; zero_init_residual true; half the "
        "learning_rate_per_256 (with paper.json: the learning_rate) or twice the warmup_steps; weight_decay 0.0001 or "
        "less. docs/recipe.md lists settings "
        "that learn, docs/collapse.md explains the figures. To train on nevertheless, set on_collapse to warn."
    )


class KeptPairs:
    """The first images' pairs of views in batches; kept after the first time unless they are large, to save time.

    ``dataset[i]`` has ``view1`` and ``view2`` ``(C, H, W)``, the same at every access.
    """

    def __init__(self, dataset: Any, images: int, batch_size: int) -> None:
        self.dataset, self.images, self.batch_size = dataset, images, batch_size
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    def batches(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The two views of each batch, ``(N, C, H, W)``."""
        if self._kept:
            yield from self._kept
            return
        pairs, size = [], 0
        for start in range(0, self.images, self.batch_size):
            items = [self.dataset[i] for i in range(start, min(start + self.batch_size, self.images))]
            pair = torch.stack([item["view1"] for item in items]), torch.stack([item["view2"] for item in items])
            size += pair[0].nbytes + pair[1].nbytes
            if size <= _KEPT_BYTES:
                pairs.append(pair)
            yield pair
        self._kept = pairs if size <= _KEPT_BYTES else []


def _margin_and_top1(queries: torch.Tensor, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean similarity of the pairs less that of all others, and the share of pairs that are each other's nearest."""
    count = len(queries)
    similarity = nn.functional.normalize(queries.double(), dim=1) @ nn.functional.normalize(keys.double(), dim=1).T
    positive, others = similarity.diagonal(), ~torch.eye(count, dtype=torch.bool)
    margin = positive.mean() - similarity[others].mean()
    return margin, top_k_accuracy(positive, similarity, others)
