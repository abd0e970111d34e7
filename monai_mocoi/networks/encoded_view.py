"""Encoding a view in BatchNorm parts: of this process's batch, or of a batch shuffled over processes."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from monai_mocoi.distributed.processes import gather_rows, rank, world_size
from monai_mocoi.networks.aligned_map import AlignedMap
from monai_mocoi.networks.batch_statistics import one_update
from monai_mocoi.networks.stage_heads import BarlowProjector, StageHead


class EncodedView(NamedTuple):
    """A view of a batch, encoded."""

    vectors: torch.Tensor  # (N, D) unit vectors
    pooled: tuple[torch.Tensor, ...]  # what each stage head pools from its stage's map
    averages: tuple[torch.Tensor, ...]  # (N, C) averaged maps, detached; empty where they are not asked for


class Branch(NamedTuple):
    """The networks that encode a view."""

    encoder: nn.Module
    head: nn.Module
    stage_heads: Sequence[StageHead]

    def encode(
        self, images: torch.Tensor, parts: int, averages: bool = False, places: torch.Tensor | None = None
    ) -> EncodedView:
        """Encode images in parts of a batch, each with BatchNorm statistics of its own.

        ``places``: where :class:`~monai_mocoi.networks.AlignedMap` reads each image's maps, (N, stages, 2, 3).
        """
        views, where = [], [None] * parts if places is None else places.tensor_split(parts)
        with one_update(parts, self.encoder, self.head) as part_done:
            for part, its in zip(images.tensor_split(parts), where, strict=True):
                embedding, stages = self.encoder(part)
                vectors = nn.functional.normalize(full_precision(self.head(embedding)), dim=1)
                at = [None] * len(stages) if its is None else its.unbind(1)
                pooled = tuple(_pooled(*each) for each in zip(self.stage_heads, stages, at, strict=False))
                means = tuple(s.detach().mean(dim=(2, 3)) for s in stages) if averages else ()
                views.append(EncodedView(vectors, pooled, means))
                part_done()
        if len(views) == 1:
            return views[0]
        return EncodedView(
            torch.cat([view.vectors for view in views]),
            tuple(torch.cat(p) for p in zip(*(view.pooled for view in views), strict=True)),
            tuple(torch.cat(a) for a in zip(*(view.averages for view in views), strict=True)),
        )

    def encode_shuffled(
        self, images: torch.Tensor, parts: int, seed: int, places: torch.Tensor | None = None
    ) -> tuple[EncodedView, torch.Tensor]:
        """Encode images of all processes in an order drawn from ``seed``; return this view and all vectors, in order.

        ``images`` and ``places`` are of this process, and ``parts`` of the batch of each.
        """
        total = len(images) * world_size()
        own = slice(rank() * len(images), (rank() + 1) * len(images))
        order = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
        if images.is_cuda:
            order = order.pin_memory()  # else the copy would wait for the GPU
        order = order.to(images.device, non_blocking=True)
        back = torch.argsort(order)
        where = None if places is None else gather_rows(places)[order[own]]
        shuffled = self.encode(gather_rows(images)[order[own]], parts, places=where)
        vectors = gather_rows(shuffled.vectors)[back]
        pooled = tuple(gather_rows(p)[back[own]] for p in shuffled.pooled)
        return EncodedView(vectors[own], pooled, ()), vectors


def _pooled(head: StageHead, stage: torch.Tensor, places: torch.Tensor | None) -> torch.Tensor:
    if places is not None and isinstance(head, AlignedMap):
        return head.sample(stage, places)
    return head.pool(stage)


def project(head: nn.Module, query: torch.Tensor, key: torch.Tensor, parts: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Pass the pooled maps of both views through a stage head; in parts, if it has weights."""
    if isinstance(head, BarlowProjector):
        first, second = head.project([query, key], parts)
        return full_precision(first), full_precision(second)
    return _projected(head, query, parts), _projected(head, key, parts)


def _projected(head: nn.Module, pooled: torch.Tensor, parts: int) -> torch.Tensor:
    if next(head.parameters(), None) is None:
        own: torch.Tensor = head(pooled)  # half precision stays: a copy of a whole map would cost more than the loss
        return own
    if parts == 1:
        return full_precision(head(pooled))
    outputs = []
    with one_update(parts, head) as part_done:
        for part in pooled.tensor_split(parts):
            outputs.append(head(part))
            part_done()
    return full_precision(torch.cat(outputs))


def full_precision(tensor: torch.Tensor) -> torch.Tensor:
    """Single precision for half: under autocast the networks work in half precision; similarities and losses do not."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


class MoCoOutput(NamedTuple):
    """Of a batch of N images of this process, with a queue of K keys; all is in the batch's order.

    ``stages_query`` and ``stages_key`` are the views' stage representations, one a stage head; the key's have a
    gradient to the heads' weights, but not to any encoder. ``pooled_stages`` are averaged query maps ``(N, C)`` of the
    four stages, detached, for watching their spread; empty where ``watch_stages`` is False. ``stage_masks`` and
    ``overlap`` are those of :class:`~monai_mocoi.networks.AlignedMap`; without it there are none.
    """

    query: torch.Tensor  # (N, D) unit vectors of the query view
    key: torch.Tensor  # (N, D) unit vectors of the key view, without gradient
    positive: torch.Tensor  # (N,) similarity of each query with its own key
    negative: torch.Tensor  # (N, K) similarity of each query with the queue, as it was before this batch entered
    mask: torch.Tensor  # (N, K) bool: True where a queue entry is a negative
    stages_query: tuple[torch.Tensor, ...]
    stages_key: tuple[torch.Tensor, ...]
    pooled_stages: tuple[torch.Tensor, ...]
    stage_masks: tuple[torch.Tensor, ...] = ()  # (N, H, W) bool: True where a stage's representations are compared
    overlap: torch.Tensor | None = None  # (N,) what both views show / area of the larger one, with its black corners

    def stages(self) -> list[tuple[torch.Tensor, ...]]:
        """What the stage loss takes of each stage: query, key and, where there is one, mask."""
        masks = [self.stage_masks] if self.stage_masks else []
        return list(zip(self.stages_query, self.stages_key, *masks, strict=True))
