"""Collapse detection: effective rank and similarity margins of the encoder's features while pretraining goes on."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from monai_mocoi.analysis.collapse_figures import KeptPairs, collapse_figures, collapse_in_words
from monai_mocoi.distributed.agreement import measured_by_the_first
from monai_mocoi.distributed.processes import rank
from monai_mocoi.engines import MoCoTrainer, RunEvents
from monai_mocoi.errors import CollapseError
from monai_mocoi.handlers.kept_state import KeptState
from monai_mocoi.handlers.learning_rate import warmup_length
from monai_mocoi.runs.run_state import untouched

logger = logging.getLogger(__name__)

ON_COLLAPSE = ("stop", "warn")
RANK_THRESHOLD = 5.0
MARGIN_THRESHOLD = 0.2
_IMAGES_A_DIRECTION = 8  # needed to judge by the rank, which is small for few images
_LEAST = {"check_every": 1, "images": 2, "grace_steps": 0, "warmup_steps": 0, "patience": 1, "batch_size": 1}
_LEAST |= {"rank_threshold": 0, "margin_threshold": 0}


@dataclass(eq=False, repr=False)
class CollapseMonitor(KeptState):
    """Every ``check_every`` steps, measure whether the encoder still tells validation images apart.

    It looks at the globally averaged maps of the *query* encoder's four stages, in eval mode, before any head, because
    a head that ends in BatchNorm scales the last rest of noise up to full size. The run itself is not changed, nor any
    random generator. The first process measures and all decide by its figures: attach it in every process.
    TensorBoard gets the curves ``collapse/...`` (docs/tensorboard.md) at the iteration.

    A check is *low* where the effective rank of stage 4 is below ``rank_threshold`` and a margin, of the stage-4
    features or of the embeddings, is below ``margin_threshold`` (docs/collapse.md). The rank of few images is always
    small: its threshold is at most an eighth of the images, and eight or fewer are not judged.

    Args:
        dataset: validation images; ``dataset[i]`` has ``view1`` and ``view2`` ``(C, H, W)``, the same at every access.
        check_every: steps of the optimiser (not iterations) from one check to the next, 1 or more.
        images: how many to look at, the first of the data set, 2 or more.
        grace_steps, warmup_steps: no check counts up to the larger of these steps; 0: all count.
        warmup_max_share: of the run's steps, to which the warm-up is cut; as for
            :class:`~monai_mocoi.handlers.WarmupCosine`.
        patience: low checks in a row that make a collapse, 1 or more.
        rank_threshold, margin_threshold: 0 or more.
        on_collapse: "stop": raise CollapseError; "warn": log a warning, once for each run of low checks.
    """

    kept: ClassVar = {"low_checks": "low_checks"}

    dataset: Any
    summary_writer: Any
    check_every: int = 100
    images: int = 256
    grace_steps: int = 500
    warmup_steps: int = 0
    patience: int = 3
    rank_threshold: float = RANK_THRESHOLD
    margin_threshold: float = MARGIN_THRESHOLD
    on_collapse: str = "stop"
    batch_size: int = 64
    warmup_max_share: float = 0.1
    low_checks: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        for name, limit in _LEAST.items():
            if not getattr(self, name) >= limit:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be {limit} or more.")
        if self.on_collapse not in ON_COLLAPSE:
            raise ValueError(f"on_collapse is {self.on_collapse!r}; choose one of {', '.join(ON_COLLAPSE)}.")
        if (count := len(self.dataset)) < 2:
            text = f"there are {count} validation images, but the collapse monitor compares images and needs 2 or more"
            raise ValueError(f"{text}: put more patients into the validation split.")
        self.images = min(self.images, len(self.dataset))
        self.few = self.images <= _IMAGES_A_DIRECTION
        self.rank_threshold = 0.0 if self.few else min(self.rank_threshold, self.images / _IMAGES_A_DIRECTION)
        self.pairs = KeptPairs(self.dataset, self.images, self.batch_size)

    def attach(self, engine: MoCoTrainer) -> None:
        """Register on a trainer."""
        if self.few and rank() == 0:
            few = "There are %d validation images, too few to tell whether the encoder collapses: the figures are "
            enough = int(_IMAGES_A_DIRECTION * RANK_THRESHOLD)
            logger.warning(few + "shown, but not judged. %d or more are enough.", self.images, enough)
        engine.add_event_handler(RunEvents.CHECK_NETWORK, self._check)

    def _check(self, engine: MoCoTrainer) -> None:
        # Steps of the optimiser so far; what remains at an epoch's end is a step too.
        size, length = engine.accumulation_steps, engine.state.epoch_length
        epochs, batches = divmod(engine.state.iteration, length)
        steps_an_epoch = -(-length // size)
        step = epochs * steps_an_epoch + batches // size
        if not engine.step_is_complete() or step % self.check_every:
            return
        with engine.clock.phase("monitor"):
            # One must decide, because each process has seen other images.
            values = measured_by_the_first(lambda: self._measure(engine), "whether the encoder collapsed")
            if rank() == 0:
                for name, value in values.items():
                    self.summary_writer.add_scalar(name, value, engine.state.iteration)
        warmup = warmup_length(self.warmup_steps, self.warmup_max_share, engine.state.max_epochs * steps_an_epoch)
        self._judge(engine.state.iteration, step, values, max(self.grace_steps, warmup))

    def _judge(self, iteration: int, step: int, values: Mapping[str, float], grace_steps: int) -> None:
        # Written so that NaN counts as low: features that are not finite are of no use either.
        healthy = values["collapse/rank_stage4"] >= self.rank_threshold or all(
            values[name] >= self.margin_threshold for name in ("collapse/margin_stage4", "collapse/margin")
        )
        self.low_checks = 0 if healthy or step <= grace_steps else self.low_checks + 1
        if self.low_checks < self.patience:
            return
        if self.on_collapse == "stop":
            raise CollapseError(self._text(iteration, values))
        if self.low_checks == self.patience and rank() == 0:
            logger.warning(self._text(iteration, values))

    def _measure(self, engine: MoCoTrainer) -> dict[str, float]:
        how = engine.state.device, engine.channels_last, engine.autocast
        with untouched(engine.moco):
            return collapse_figures(engine.moco, self.pairs.batches(), *how)

    def _text(self, iteration: int, values: Mapping[str, float]) -> str:
        when = f"at iteration {iteration}", f"{self.low_checks} checks in a row on {self.images} validation images"
        return collapse_in_words(*when, values, self.rank_threshold, self.margin_threshold)
