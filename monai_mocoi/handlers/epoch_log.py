"""One line of text an epoch, for those who read logs rather than curves, and the epoch's speed for both."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping

from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.data.enough_images import few_scored_in_words
from monai_mocoi.distributed import rank, world_size
from monai_mocoi.engines import EpochTime, GradientTrainer, RunEvents
from monai_mocoi.handlers.online_probes import OnlineProbes
from monai_mocoi.handlers.summary_writer import LazySummaryWriter

logger = logging.getLogger(__name__)

_MEANS = {"loss/total": "loss", "contrastive/relative_loss": "loss / guessing", "contrastive/top1": "top-1"}
_METRICS = {
    "validation/relative_loss": "loss / guessing",
    "validation/top1": "top-1",
    "validation/top1_chance": "chance",
}
_SEEN = 0.05  # seconds; less would be shown as 0.0
_FIRST_LOOK = range(2, 7)  # iterations timed for the first forecast; before, loaders and kernels warm up
_WORTH_SAYING = 60  # seconds; of a run that ends sooner no forecast is needed


class EpochLog:
    """Log an epoch's means of the trainer's output, the validation's metrics, its images a second and its time.

    The line comes last of all that an epoch does, so that the epoch's time holds validation and checkpoint too.

    Images a second are the images of all processes divided by the first process's seconds: those of loading and
    training for "in training", all from the epoch's start for "over the epoch". TensorBoard gets, at the epoch,
    ``speed/images_per_second_training``, ``speed/images_per_second_epoch`` and ``speed/seconds_...`` for each of
    :data:`~monai_mocoi.engines.PHASES`. Of an epoch that a continued run took up in its middle, images and seconds
    count from there. The time is no part of the state: a run that is continued from the checkpoint at an epoch's end
    has no ``speed/`` points of that epoch, which came after it.

    A run of more than a minute says after its first iterations how long an epoch will take, and each epoch's line ends
    with the time that is left.

    Args:
        validator: the evaluator whose metrics to show; None: none.
        means: which of the trainer's outputs to show, and what to call each; in this order, and where they are there.
            None: what pretraining has.
        metrics: the same for the validator's metrics.
        summary_writer: where to write the speed; None: nowhere.
        probes: whose number to show at the epochs that are probed; None: none.
    """

    def __init__(
        self,
        validator: Workflow | None = None,
        means: Mapping[str, str] | None = None,
        metrics: Mapping[str, str] | None = None,
        summary_writer: LazySummaryWriter | None = None,
        probes: OnlineProbes | None = None,
    ) -> None:
        self.validator = validator
        self.means = dict(_MEANS if means is None else means)
        self.metrics = dict(_METRICS if metrics is None else metrics)
        self.writer = summary_writer
        self.probes = probes
        self.latest: dict[str, float] = {}
        """The trainer's means and the validator's metrics of the last epoch that is over, but no speeds."""
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)
        self._shown: list[str] = []
        self._done, self._began = 0, (0, 0.0)

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(RunEvents.JUDGE_EPOCH, self._sum_up)
        engine.add_event_handler(RunEvents.LOG_EPOCH, self._log)

    def state_dict(self) -> dict[str, dict[str, float]]:
        """Sums and counts of the epoch so far, so that a continued run's line tells of the whole epoch."""
        return {"sums": dict(self._sums), "counts": dict(self._counts), "latest": dict(self.latest)}

    def load_state_dict(self, state: dict[str, dict[str, float]]) -> None:
        """Go back to a state."""
        self._sums = defaultdict(float, state["sums"])
        self._counts = defaultdict(int, {name: int(count) for name, count in state["counts"].items()})
        self.latest = dict(state.get("latest", {}))

    def _add(self, engine: GradientTrainer) -> None:
        for name, value in engine.state.output.items():
            self._sums[name] += value
            self._counts[name] += 1
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
                logger.info(
                    "Forecast after %d iterations: %s of training an epoch, %s for the run, and validation on top.",
                    self._done,
                    _about(each * state.epoch_length),
                    _about(left),
                )

    def _sum_up(self, engine: GradientTrainer) -> None:
        # Before the epoch's checkpoint, from which the next epoch begins with empty sums.
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        self.latest = {**means, **self._checked(engine)}
        self._shown = [f"{text} {means[name]:.3f}" for name, text in self.means.items() if name in means]
        self._sums.clear()
        self._counts.clear()

    def _checked(self, engine: GradientTrainer) -> dict[str, float]:
        """The validator's metrics, if they are of this epoch."""
        if self.validator is None or self.validator.state.epoch != engine.state.epoch:
            return {}
        return dict(self.validator.state.metrics)

    def _log(self, engine: GradientTrainer) -> None:
        if rank() > 0:
            return
        time = engine.clock.read()
        metrics = self._checked(engine)
        checked = [f"{text} {metrics[name]:.3f}" for name, text in self.metrics.items() if name in metrics]
        validation = "validation: " + ", ".join(checked) + self._few() if checked else ""
        state = engine.state
        probed = "" if self.probes is None else self.probes.in_words(state.epoch)
        left = time.total * (state.max_epochs - state.epoch)
        forecast = f"{_about(left)} left" if left >= _WORTH_SAYING else ""
        parts = [", ".join(self._shown), validation, probed, _speed(time), forecast]
        logger.info("epoch %d of %d: %s", state.epoch, state.max_epochs, "; ".join(filter(None, parts)))
        if self.writer is not None:
            self.writer.add_scalar("speed/images_per_second_training", _rate(time, time.training), state.epoch)
            self.writer.add_scalar("speed/images_per_second_epoch", _rate(time, time.total), state.epoch)
            for phase, seconds in time.seconds.items():
                self.writer.add_scalar(f"speed/seconds_{phase}", seconds, state.epoch)

    def _few(self) -> str:
        """Where a classifier is scored on so few images that its metrics mean nothing, this in brackets."""
        predictions = getattr(self.validator, "predictions", None)
        few = few_scored_in_words(predictions.labels, predictions.classes) if predictions is not None else ""
        return f" ({few})" if few else ""


def _rate(time: EpochTime, seconds: float) -> float:
    """Images a second; every process trains on as many images."""
    return time.images * world_size() / seconds


def _speed(time: EpochTime) -> str:
    """Both speeds, and the phases that took long enough to be seen."""
    training, epoch = _rate(time, time.training), _rate(time, time.total)
    phases = [f"{phase} {seconds:.1f}" for phase, seconds in time.seconds.items() if seconds >= _SEEN]
    parts = ": ".join(filter(None, [f"{time.total:.1f} s", ", ".join(phases)]))
    return f"{_short(training)} images/s in training, {_short(epoch)} over the epoch ({parts})"


def _about(seconds: float) -> str:
    """A time in the largest unit of which there are two."""
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"about {seconds / size:.0f} {unit}"
    return f"about {seconds:.0f} s"


def _short(rate: float) -> str:
    return f"{rate:.0f}" if rate >= 10 else f"{rate:.1f}"
