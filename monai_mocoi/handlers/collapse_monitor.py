"""Has the encoder collapsed? Looked at before any head, on images that stay the same, while the run goes on."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from monai_mocoi.distributed.first_process import measured_by_the_first
from monai_mocoi.distributed.processes import rank
from monai_mocoi.engines import MoCoTrainer, RunEvents
from monai_mocoi.errors import CollapseError
from monai_mocoi.handlers.untouched import untouched
from monai_mocoi.metrics import effective_rank, std_of_l2_normalized, top_k_accuracy

logger = logging.getLogger(__name__)

ON_COLLAPSE = ("stop", "warn")
RANK_THRESHOLD = 5.0
MARGIN_THRESHOLD = 0.2
_STAGES = (1, 2, 3, 4)
_NAMES = (
    *(f"collapse/rank_stage{stage}" for stage in _STAGES),
    *(f"collapse/spread_stage{stage}" for stage in _STAGES),
    "collapse/margin_stage4",
    "collapse/margin",
    "collapse/top1",
    "collapse/top1_chance",
)
_IMAGES_A_DIRECTION = 8  # needed to judge by the rank, which is small for few images
_KEPT_BYTES = 2**29  # 256 pairs of one channel at 512 px, or of three at 224 px


class CollapseMonitor:
    """Every ``check_every`` steps, measure whether the encoder still tells validation images apart.

    Looked at are the globally averaged maps of the *query* encoder's four stages, before any head, in eval mode: a head
    that ends in BatchNorm blows the last rest of noise up to full size, and so does every measure taken behind it.

    Written to TensorBoard, at the iteration: ``collapse/rank_stage1`` to ``4``
    (:func:`~monai_mocoi.metrics.effective_rank`), ``collapse/spread_stage1`` to ``4``
    (:func:`~monai_mocoi.metrics.std_of_l2_normalized`), the margin, which is the mean cosine similarity of two views of
    an image less that of views of different images, of the stage-4 features (``collapse/margin_stage4``) and of the
    embeddings behind the head (``collapse/margin``), and by those embeddings ``collapse/top1`` with
    ``collapse/top1_chance``, what guessing would give.

    A check is *low* where the rank of stage 4 is below ``rank_threshold`` and a margin, of the features or of the
    embeddings, is below ``margin_threshold``. ``patience`` low checks in a row are a collapse. docs/collapse.md shows
    the measurements behind the thresholds. The rank of few images is small whatever the encoder: its threshold is at
    most an eighth of the images, and eight images or fewer are shown, but not judged.

    Nothing of the run is touched: neither weights, buffers, queue and train mode, nor any random generator. In a
    distributed run the first process measures and all decide alike by its figures: attach the monitor in every process.

    Steps are steps of the optimiser, as in the learning rate's warm-up, not iterations: with ``accumulation_steps`` an
    iteration changes nothing, and what a run has learnt goes by its steps.

    Args:
        dataset: validation images; ``dataset[i]`` has ``view1`` and ``view2`` ``(C, H, W)``, the same at every access.
        summary_writer: where to write.
        check_every: steps from one check to the next, 1 or more.
        images: how many images to look at, the first of the data set, 2 or more. The rank grows with them.
        grace_steps: no check counts up to this step; 0: all count.
        warmup_steps: of the learning rate; no check counts during it either.
        patience: low checks in a row that make a collapse, 1 or more.
        rank_threshold: of the effective rank of stage 4, 0 or more.
        margin_threshold: of the margins, 0 or more.
        on_collapse: "stop": raise :class:`CollapseError`; "warn": log a warning, once for each run of low checks.
        batch_size: images a pass through the network.

    Raises:
        ValueError: a number out of range, or an unknown ``on_collapse``.
    """

    def __init__(
        self,
        dataset: Any,
        summary_writer: Any,
        check_every: int = 100,
        images: int = 256,
        grace_steps: int = 500,
        warmup_steps: int = 0,
        patience: int = 3,
        rank_threshold: float = RANK_THRESHOLD,
        margin_threshold: float = MARGIN_THRESHOLD,
        on_collapse: str = "stop",
        batch_size: int = 64,
    ) -> None:
        least = {
            "check_every": (check_every, 1),
            "images": (images, 2),
            "grace_steps": (grace_steps, 0),
            "warmup_steps": (warmup_steps, 0),
            "patience": (patience, 1),
            "rank_threshold": (rank_threshold, 0),
            "margin_threshold": (margin_threshold, 0),
            "batch_size": (batch_size, 1),
        }
        for name, (value, limit) in least.items():
            if not value >= limit:
                raise ValueError(f"{name} is {value}, but must be {limit} or more.")
        if on_collapse not in ON_COLLAPSE:
            raise ValueError(f"on_collapse is {on_collapse!r}; choose one of {', '.join(ON_COLLAPSE)}.")
        if len(dataset) < 2:
            raise ValueError(
                f"there are {len(dataset)} validation images, but the collapse monitor compares images and needs 2 or "
                "more: put more patients into the validation split."
            )
        self.dataset = dataset
        self.writer = summary_writer
        self.check_every = check_every
        self.images = min(images, len(dataset))
        self.grace_steps = max(grace_steps, warmup_steps)
        self.patience = patience
        few = self.images <= _IMAGES_A_DIRECTION
        self.rank_threshold = 0.0 if few else min(rank_threshold, self.images / _IMAGES_A_DIRECTION)
        self.margin_threshold = margin_threshold
        self.on_collapse = on_collapse
        self.batch_size = batch_size
        self.low_checks = 0
        """Low checks in a row so far."""
        self._kept: list[tuple[torch.Tensor, torch.Tensor]] = []

    def attach(self, engine: MoCoTrainer) -> None:
        """Register on a trainer."""
        if self.images <= _IMAGES_A_DIRECTION and rank() == 0:
            logger.warning(
                "There are %d validation images, too few to tell whether the encoder collapses: the figures are shown, "
                "but not judged. %d or more are enough.",
                self.images,
                int(_IMAGES_A_DIRECTION * RANK_THRESHOLD),
            )
        engine.add_event_handler(RunEvents.CHECK_NETWORK, self._check)

    def state_dict(self) -> dict[str, int]:
        """The state of a run to go on from."""
        return {"low_checks": self.low_checks}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from :meth:`state_dict`."""
        self.low_checks = int(state["low_checks"])

    def _check(self, engine: MoCoTrainer) -> None:
        step = _steps(engine)
        if not engine.step_is_complete() or step % self.check_every:
            return
        with engine.clock.phase("monitor"):
            # One must decide, for each process has seen other images.
            values = measured_by_the_first(lambda: self._measure(engine), "whether the encoder collapsed")
            if rank() == 0:
                for name, value in values.items():
                    self.writer.add_scalar(name, value, engine.state.iteration)
        self._judge(engine.state.iteration, step, values)

    def _judge(self, iteration: int, step: int, values: Mapping[str, float]) -> None:
        # So written that a figure which is no number counts as low: features that are not finite are no use either.
        healthy = values["collapse/rank_stage4"] >= self.rank_threshold or all(
            values[name] >= self.margin_threshold for name in ("collapse/margin_stage4", "collapse/margin")
        )
        low = not healthy
        self.low_checks = self.low_checks + 1 if low and step > self.grace_steps else 0
        if self.low_checks < self.patience:
            return
        if self.on_collapse == "stop":
            raise CollapseError(self._text(iteration, values))
        if self.low_checks == self.patience and rank() == 0:
            logger.warning(self._text(iteration, values))

    @torch.no_grad()
    def _measure(self, engine: MoCoTrainer) -> dict[str, float]:
        moco, device = engine.moco, engine.state.device
        pooled: list[list[torch.Tensor]] = [[] for _ in range(5)]
        embedded: list[list[torch.Tensor]] = [[], []]
        with untouched(moco), torch.autocast(device.type, engine.autocast, enabled=engine.autocast is not None):
            for pair in self._views():
                for side, view in enumerate(pair):
                    if engine.channels_last:
                        view = view.contiguous(memory_format=torch.channels_last)
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
            feature_margin,
            margin,
            top1,
            1 / self.images,
        ]
        return {name: float(number) for name, number in zip(_NAMES, numbers, strict=True)}

    def _views(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """The pairs of views in batches; kept after the first check unless they are large, for drawing takes time."""
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

    def _text(self, iteration: int, values: Mapping[str, float]) -> str:
        return (
            f"The encoder has collapsed at iteration {iteration}: it hardly tells images apart any more. So said "
            f"{self.low_checks} checks in a row on {self.images} validation images; at the last, the features before "
            f"the head (stage 4) had an effective rank of {values['collapse/rank_stage4']:.3g} (limit "
            f"{self.rank_threshold:.3g}), and two views of an image were more alike than views of different images by "
            f"{values['collapse/margin_stage4']:.2g} before and {values['collapse/margin']:.2g} behind the head (limit "
            f"{self.margin_threshold:.3g}). Training on rarely helps. Start again with the first of these that is not "
            "set yet: --head mlp_bn; --zero_init_residual True; half the --learning_rate_per_256 or twice the "
            "--warmup_steps; a --weight_decay of 0.0001 or less. docs/recipe.md lists settings that learn, "
            "docs/collapse.md explains the figures. To train on nevertheless: --on_collapse warn."
        )


def _steps(engine: MoCoTrainer) -> int:
    """Steps of the optimiser so far; what remains at an epoch's end is a step too."""
    epochs, batches = divmod(engine.state.iteration, engine.state.epoch_length)
    size = engine.accumulation_steps
    return epochs * -(-engine.state.epoch_length // size) + batches // size


def _margin_and_top1(queries: torch.Tensor, keys: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean similarity of the pairs less that of all others, and the share of pairs that are each other's nearest."""
    count = len(queries)
    similarity = nn.functional.normalize(queries.double(), dim=1) @ nn.functional.normalize(keys.double(), dim=1).T
    positive, others = similarity.diagonal(), ~torch.eye(count, dtype=torch.bool)
    margin = positive.mean() - similarity[others].mean()
    return margin, top_k_accuracy(positive, similarity, others)
