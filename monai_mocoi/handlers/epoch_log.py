"""One line of text an epoch, for those who read logs rather than curves."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping

from ignite.engine import Events
from monai.engines import Workflow

from monai_mocoi.networks import rank

logger = logging.getLogger(__name__)

_MEANS = {"loss/total": "loss", "contrastive/relative_loss": "loss / guessing", "contrastive/top1": "top-1"}
_METRICS = {
    "validation/relative_loss": "loss / guessing",
    "validation/top1": "top-1",
    "validation/top1_chance": "chance",
}


class EpochLog:
    """Log an epoch's means of the trainer's output, its images a second, and the validation's metrics.

    Args:
        validator: the evaluator whose metrics to show; None: none.
        means: which of the trainer's outputs to show, and what to call each; in this order, and where they are there.
            None: what pretraining has.
        metrics: the same for the validator's metrics.
    """

    def __init__(
        self,
        validator: Workflow | None = None,
        means: Mapping[str, str] | None = None,
        metrics: Mapping[str, str] | None = None,
    ) -> None:
        self.validator = validator
        self.means = dict(_MEANS if means is None else means)
        self.metrics = dict(_METRICS if metrics is None else metrics)
        self.latest: dict[str, float] = {}
        """The trainer's means and the validator's metrics of the last epoch that is over, but no speeds."""
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer, after the validation handler."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._log)

    def state_dict(self) -> dict[str, dict[str, float]]:
        """Sums and counts of the epoch so far, so that a continued run's line tells of the whole epoch."""
        return {"sums": dict(self._sums), "counts": dict(self._counts), "latest": dict(self.latest)}

    def load_state_dict(self, state: dict[str, dict[str, float]]) -> None:
        """Go back to a state."""
        self._sums = defaultdict(float, state["sums"])
        self._counts = defaultdict(int, {name: int(count) for name, count in state["counts"].items()})
        self.latest = dict(state.get("latest", {}))

    def _add(self, engine: Workflow) -> None:
        for name, value in engine.state.output.items():
            self._sums[name] += value
            self._counts[name] += 1

    def _log(self, engine: Workflow) -> None:
        means = {name: total / self._counts[name] for name, total in self._sums.items()}
        parts = [f"{text} {means[name]:.3f}" for name, text in self.means.items() if name in means]
        if "speed/images_per_second" in means:
            parts.append(f"{means['speed/images_per_second']:.0f} images/s")
        fresh = self.validator is not None and self.validator.state.epoch == engine.state.epoch
        metrics = self.validator.state.metrics if self.validator is not None and fresh else {}
        checked = [f"{text} {metrics[name]:.3f}" for name, text in self.metrics.items() if name in metrics]
        if checked:
            parts.append("validation: " + ", ".join(checked))
        self.latest = {n: value for n, value in {**means, **metrics}.items() if not n.startswith("speed/")}
        if rank() == 0:
            logger.info("epoch %d of %d: %s", engine.state.epoch, engine.state.max_epochs, ", ".join(parts))
        self._sums.clear()
        self._counts.clear()
