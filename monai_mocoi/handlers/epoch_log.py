"""Epoch log: one line of text per epoch, and the epoch's speed for log and curves."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from ignite.base import Serializable
from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.data.enough_images import few_scored_in_words
from monai_mocoi.distributed import rank, world_size
from monai_mocoi.engines import EpochTime, GradientTrainer, RunEvents
from monai_mocoi.handlers.online_probes import OnlineProbes
from monai_mocoi.handlers.summary_writer import LazySummaryWriter
from monai_mocoi.runs.time_words import about, short_rate

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


class EpochLog(Serializable):
    """Log an epoch's means of the trainer's output, the validation's metrics, its images a second and its time.

    Images a second are the images of all processes divided by the first process's seconds: those of loading and
    training for "in training", all from the epoch's start, validation and checkpoint too, for "over the epoch".
    TensorBoard gets both at the epoch, and ``speed/seconds_...`` for each of :data:`~monai_mocoi.engines.PHASES`; of an
    epoch that a continued run took up in its middle, from there. A run of more than a minute forecasts its length.

    Args:
        validator: the evaluator whose metrics to show; None: none.
        means: which of the trainer's outputs to show, if they are there, and what to call each. None: pretraining's.
        metrics: the same for the validator's.
        summary_writer, probes: where to write the speed; whose number to show. None: nowhere, none.
    """

    _state_dict_all_req_keys = ("sums", "counts")

    def __init__(
        self,
        validator: Workflow | None = None,
        means: Mapping[str, str] | None = None,
        metrics: Mapping[str, str] | None = None,
        summary_writer: LazySummaryWriter | None = None,
        probes: OnlineProbes | None = None,
    ) -> None:
        self.validator, self.writer, self.probes = validator, summary_writer, probes
        self.means = dict(_MEANS if means is None else means)
        self.metrics = dict(_METRICS if metrics is None else metrics)
        self.latest: dict[str, float] = {}
        """The trainer's means and the validator's metrics of the last epoch that is over."""
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)
        self._shown: list[str] = []
        self._done, self._began = 0, (0, 0.0)

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(RunEvents.JUDGE_EPOCH, self._sum_up)
        engine.add_event_handler(RunEvents.LOG_EPOCH, self._log)

    def state_dict(self) -> Any:
        """Sums and counts of the epoch so far, so that a continued run's line tells of the whole epoch."""
        return {"sums": dict(self._sums), "counts": dict(self._counts), "latest": dict(self.latest)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go back to a state."""
        super().load_state_dict(state_dict)
        self._sums = defaultdict(float, state_dict["sums"])
        self._counts = defaultdict(int, {name: int(count) for name, count in state_dict["counts"].items()})
        self.latest = dict(state_dict.get("latest", {}))

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
                    about(each * state.epoch_length),
                    about(left),
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
        forecast = f"{about(left)} left" if left >= _WORTH_SAYING else ""
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
    return f"{short_rate(training)} images/s in training, {short_rate(epoch)} over the epoch ({parts})"
