"""Epoch log: one line of text per epoch, and the epoch's speed for log and curves."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from monai.engines import Workflow

from monai_mocoi.data.enough_images import few_scored_in_words
from monai_mocoi.distributed import rank, world_size
from monai_mocoi.engines import EpochTime, GradientTrainer, RunEvents
from monai_mocoi.handlers.kept_state import KeptState
from monai_mocoi.handlers.online_probes import OnlineProbes
from monai_mocoi.handlers.summary_writer import LazySummaryWriter
from monai_mocoi.runs.time_words import about

logger = logging.getLogger(__name__)

_MEANS = {"loss/total": "loss", "contrastive/relative_loss": "loss / guessing", "contrastive/top1": "top-1"}
_MEANS |= {"overlap/left_out": "pairs left out"}
_METRICS = {"validation/relative_loss": "loss / guessing", "validation/top1": "top-1"}
_METRICS |= {"validation/top1_chance": "chance"}
_SEEN = 0.05  # seconds; less would be shown as 0.0
_FIRST_LOOK = range(2, 7)  # iterations timed for the first forecast; before, loaders and kernels warm up
_MANY_LEFT_OUT = 0.5  # of the pairs of an epoch
_WORTH_SAYING = 60  # seconds; of a run that ends sooner no forecast is needed


@dataclass(eq=False, repr=False)
class EpochLog(KeptState):
    """Log an epoch's means of the trainer's output, the validation's metrics, its images per second and its time.

    Images per second are the images of all processes divided by the first process's seconds: those of loading and
    training for "in training", all from the epoch's start, or from where a continued run took it up, for "over the
    epoch". TensorBoard gets both at the epoch, and ``speed/seconds_...`` for each of
    :data:`~monai_mocoi.engines.PHASES`. A run of more than a minute forecasts its length. The sums are part of a
    checkpoint, so that a continued run's line tells of the whole epoch.

    Args:
        validator: the evaluator whose metrics to show; None: none.
        means: which of the trainer's outputs to show, if they are there, and what to call each. None: pretraining's.
        metrics: the same for the validator's.
        summary_writer, probes: where to write the speed; whose number to show. None: nowhere, none.
    """

    kept: ClassVar = {"sums": "_sums", "counts": "_counts", "latest": "latest"}
    added: ClassVar = {"latest": {}}

    validator: Workflow | None = None
    means: Mapping[str, str] | None = None
    metrics: Mapping[str, str] | None = None
    summary_writer: LazySummaryWriter | None = None
    probes: OnlineProbes | None = None

    def __post_init__(self) -> None:
        self._means = _MEANS if self.means is None else self.means
        self._metrics = _METRICS if self.metrics is None else self.metrics
        self.latest: dict[str, float] = {}
        """The trainer's means and the validator's metrics of the last epoch that is over."""
        self._sums: dict[str, float] = {}
        self._counts: dict[str, int] = {}
        self._shown: list[str] = []
        self._done, self._began, self._warned = 0, (0, 0.0), False

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.OUTPUT_READ, self._add)
        engine.add_event_handler(RunEvents.JUDGE_EPOCH, self._sum_up)
        engine.add_event_handler(RunEvents.LOG_EPOCH, self._log)

    def _add(self, engine: GradientTrainer) -> None:
        for name, value in engine.state.read[1].items():
            self._sums[name] = self._sums.get(name, 0.0) + value
            self._counts[name] = self._counts.get(name, 0) + 1
        self._done += 1  # by this process: a continued run forecasts anew
        if self._done in _FIRST_LOOK:
            self._forecast(engine)

    def _forecast(self, engine: GradientTrainer) -> None:
        state, now = engine.state, engine.clock.read().training
        if self._done == _FIRST_LOOK[0]:
            self._began = state.epoch, now
        elif self._done == _FIRST_LOOK[-1] and self._began[0] == state.epoch:
            each = (now - self._began[1]) / (len(_FIRST_LOOK) - 1)
            left = each * (state.max_epochs * state.epoch_length - state.iteration)
            if left >= _WORTH_SAYING and rank() == 0:
                said = "Forecast after %d iterations: %s of training an epoch, %s for the run, and validation on top."
                logger.info(said, self._done, about(each * state.epoch_length), about(left))

    def _sum_up(self, engine: GradientTrainer) -> None:
        # Before the epoch's checkpoint, from which the next epoch begins with empty sums.
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self.latest = {**means, **self._checked(engine)}
        self._shown = [f"{text} {means[name]:.3f}" for name, text in self._means.items() if name in means]
        self._sums.clear()
        self._counts.clear()

    def _checked(self, engine: GradientTrainer) -> dict[str, float]:
        """The validator's metrics, if they are of this epoch."""
        state = None if self.validator is None else self.validator.state
        return dict(state.metrics) if state is not None and state.epoch == engine.state.epoch else {}

    def _log(self, engine: GradientTrainer) -> None:
        if rank() > 0:
            return
        time = engine.clock.read()
        metrics = self._checked(engine)
        checked = [f"{text} {metrics[name]:.3f}" for name, text in self._metrics.items() if name in metrics]
        validation = "validation: " + ", ".join(checked) if checked else ""
        predictions = getattr(self.validator, "predictions", None) if checked else None
        if predictions is not None and (few := few_scored_in_words(predictions.labels, predictions.classes)):
            validation += f" ({few})"  # a classifier is scored on so few images that its metrics mean nothing
        state = engine.state
        probed = "" if self.probes is None else self.probes.in_words(state.epoch)
        left = time.total * (state.max_epochs - state.epoch)
        forecast = f"{about(left)} left" if left >= _WORTH_SAYING else ""
        images = time.images * world_size()  # every process trains on as many
        rates = {"training": images / time.training, "epoch": images / time.total}
        parts = [", ".join(self._shown), validation, probed, _speed(time, rates.values()), forecast]
        logger.info("epoch %d of %d: %s", state.epoch, state.max_epochs, "; ".join(filter(None, parts)))
        if (left_out := self.latest.get("overlap/left_out", 0.0)) > _MANY_LEFT_OUT and not self._warned:
            self._warned = True
            logger.warning(
                "%.0f %% of the view pairs were left out in epoch %d, because both views have too little in common: "
                "the stages were compared in the others only. Enlarge crop_area, or lower stage_min_overlap.",
                100 * left_out,
                state.epoch,
            )
        if self.summary_writer is not None:
            shown = {f"images_per_second_{name}": rate for name, rate in rates.items()}
            shown |= {f"seconds_{phase}": seconds for phase, seconds in time.seconds.items()}
            for name, value in shown.items():
                self.summary_writer.add_scalar(f"speed/{name}", value, state.epoch)


def _speed(time: EpochTime, rates: Iterable[float]) -> str:
    """Images per second, and the phases that took long enough to be seen."""
    # Without digits that mean nothing.
    training, epoch = (f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}" for rate in rates)
    phases = [f"{phase} {seconds:.1f}" for phase, seconds in time.seconds.items() if seconds >= _SEEN]
    parts = ": ".join(filter(None, [f"{time.total:.1f} s", ", ".join(phases)]))
    return f"{training} images/s in training, {epoch} over the epoch ({parts})"
