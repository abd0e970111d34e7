"""Which epoch's classifier counts: the best on validation by the reported metric; and when to stop looking for one."""

from __future__ import annotations

import io
import logging
import math
import os
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from torch import nn

from monai_mocoi.atomic_write import write_bytes
from monai_mocoi.engines import ClassifierEvaluator, GradientTrainer
from monai_mocoi.metrics import SELECTION_METRICS
from monai_mocoi.networks import rank, unwrap

logger = logging.getLogger(__name__)

SELECTIONS = ("metric", "loss", "last")


class BestClassifier:
    """Keep the weights of the best epoch, and end training when none has been better for a while.

    Attach it on every process, after the validation. A metric that is not defined, or NaN, is never the best.

    Args:
        folder: of the run; the weights go to ``checkpoints/best_classifier.pt``.
        network: the classifier, bare or in DistributedDataParallel.
        validator: whose metrics to go by, those of the epoch that has just ended.
        metric: the one that will be reported (fault A22), see :func:`~monai_mocoi.metrics.selection_metric`.
        selection: "metric"; "loss": the lowest validation loss, where too few positives or negatives are left for a
            metric; "last": the last epoch, where too few images are left for either. As
            :func:`~monai_mocoi.data.label_subset` decides.
        patience: epochs without a better one after which training ends, 1 or more; None: never. "last" has no effect
            of it.

    Raises:
        ValueError: an unknown metric or selection, or a patience below 1.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        network: nn.Module,
        validator: ClassifierEvaluator,
        metric: str = "macro_auc",
        selection: str = "metric",
        patience: int | None = None,
    ) -> None:
        if metric not in SELECTION_METRICS:
            raise ValueError(f"metric is {metric!r}; choose one of {', '.join(SELECTION_METRICS)}.")
        if selection not in SELECTIONS:
            raise ValueError(f"selection is {selection!r}; choose one of {', '.join(SELECTIONS)}.")
        if patience is not None and patience < 1:
            raise ValueError(f"patience is {patience}, but must be 1 epoch or more, or null to train to the end.")
        self.file = Path(folder) / "checkpoints" / "best_classifier.pt"
        self.module = unwrap(network)
        self.validator = validator
        self.metric, self.selection, self.patience = metric, selection, patience
        self.epoch = 0
        self.score = -math.inf

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._judge)

    def state_dict(self) -> dict[str, Any]:
        """The best epoch and its score, higher is better."""
        return {"epoch": self.epoch, "score": self.score}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to a state."""
        self.epoch, self.score = int(state["epoch"]), float(state["score"])

    def restore(self) -> None:
        """Put the weights of the best epoch into the network; without any, it keeps those of the last."""
        if self.epoch and self.selection != "last":
            self.module.load_state_dict(torch.load(self.file, map_location="cpu", weights_only=True))

    def summary(self) -> dict[str, Any]:
        """What was chosen, and by what: plain values."""
        chosen = {"rule": self.selection, "epoch": self.epoch}
        if self.selection == "metric":
            return {**chosen, "metric": f"validation {self.metric}", "value": self.score if self.epoch else None}
        if self.selection == "loss":
            return {**chosen, "metric": "validation loss", "value": -self.score if self.epoch else None}
        return chosen

    def _judge(self, engine: GradientTrainer) -> None:
        if self.selection == "last":
            self.epoch = engine.state.epoch
            return
        if self.validator.state.epoch != engine.state.epoch:
            return  # an epoch without validation
        name = self.metric if self.selection == "metric" else "loss"
        value = self.validator.state.metrics.get(f"{self.validator.name}/{name}", math.nan)
        score = value if self.selection == "metric" else -value
        if score > self.score:
            self.score, self.epoch = score, engine.state.epoch
            if rank() == 0:
                # Through memory: torch.save to a file loses the reason, such as a full disk, why it cannot be written.
                content = io.BytesIO()
                torch.save(self.module.state_dict(), content)
                self.file.parent.mkdir(parents=True, exist_ok=True)
                write_bytes(self.file, content.getbuffer())
        elif self.patience is not None and engine.state.epoch - self.epoch >= self.patience:
            engine.converged = True
            engine.terminate()
            if rank() == 0:
                logger.info(
                    "Training ends after epoch %d: no better validation %s since epoch %d (patience %d).",
                    engine.state.epoch,
                    name,
                    self.epoch,
                    self.patience,
                )
