"""Model selection and early stopping: the epoch that is best on validation by the reported metric."""

import logging
import math
from dataclasses import InitVar, dataclass
from typing import Any, ClassVar

import torch
from ignite.engine import Events
from torch import nn

from monai_mocoi.distributed import rank, unwrap
from monai_mocoi.engines import ClassifierEvaluator, GradientTrainer, RunEvents
from monai_mocoi.handlers.kept_state import KeptState
from monai_mocoi.metrics import SELECTED_OVER, SELECTION_METRICS
from monai_mocoi.runs.setting_ranges import check_ranges

logger = logging.getLogger(__name__)

SELECTIONS = ("metric", "loss", "last")


@dataclass(eq=False, repr=False)
class BestClassifier(KeptState):
    """Keep the weights of the best epoch, and end training when none has been better for a while.

    Attach it on every process. A metric that is not defined, or NaN, is never the best. A checkpoint keeps the weights.
    An unknown metric or selection, or a patience below 1, is a ValueError.

    Args:
        validator: whose metrics to go by, those of the epoch that has just ended.
        metric: the one that will be reported (fault A22), see :func:`~monai_mocoi.metrics.selection_metric`.
        selection: "metric"; "loss": the lowest validation loss; "last": the last epoch. As
            :func:`~monai_mocoi.data.label_subset` decides by how many images are left.
        patience: epochs without a better one after which training ends, 1 or more; None, or "last": never.
    """

    kept: ClassVar = {"epoch": "epoch", "score": "score", "weights": "_weights", "ended": "_ended"}

    network: InitVar[nn.Module]
    validator: ClassifierEvaluator
    metric: str = "macro_auc"
    selection: str = "metric"
    patience: int | None = None

    def __post_init__(self, network: nn.Module) -> None:
        for name, known in (("metric", SELECTION_METRICS), ("selection", SELECTIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(known)}.")
        check_ranges({"patience": self.patience})
        self.module = unwrap(network)
        self.epoch, self.score = 0, -math.inf
        self._weights: dict[str, torch.Tensor] = {}
        self._reached, self._ended = 0, False

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(RunEvents.JUDGE_EPOCH, self._judge)

    def state_size(self) -> int:
        """Bytes that the weights in the state will take."""
        if self.selection == "last":
            return 0
        return sum(tensor.numel() * tensor.element_size() for tensor in self.module.state_dict().values())

    def restore(self) -> None:
        """Put the weights of the best epoch into the network; without any, it keeps those of the last."""
        if self._weights:
            self.module.load_state_dict(self._weights)

    def summary(self) -> dict[str, Any]:
        """What was chosen, and by what: plain values. The rule is "last", too, where no epoch had a score."""
        if not self.epoch:
            return {"rule": "last", "epoch": self._reached}
        names = {"metric": f"validation {self.metric}", "loss": "validation loss"}
        value = self.score if self.selection == "metric" else -self.score
        over = {"over": SELECTED_OVER} if self.selection == "metric" else {}
        return {"rule": self.selection, "epoch": self.epoch, "metric": names[self.selection], "value": value, **over}

    def _start(self, engine: GradientTrainer) -> None:
        self._reached = engine.state.iteration // engine.state.epoch_length
        if self._ended and self._patience_is_over():  # stopped before the product was written
            engine.converged = True
            engine.terminate()

    def _judge(self, engine: GradientTrainer) -> None:
        self._reached = engine.state.epoch
        if self.selection == "last" or self.validator.state.epoch != engine.state.epoch:
            return  # nothing to choose, or an epoch without validation
        name = self.metric if self.selection == "metric" else "loss"
        value = self.validator.state.metrics.get(f"{self.validator.name}/{name}", math.nan)
        score = value if self.selection == "metric" else -value
        if score > self.score:
            self.score, self.epoch = score, engine.state.epoch
            state = self.module.state_dict()
            self._weights = {key: tensor.detach().to("cpu", copy=True) for key, tensor in state.items()}
        elif self._patience_is_over():
            self._ended = engine.converged = True
            engine.terminate()
            if rank() == 0:
                logger.info(
                    "Training ends after epoch %d: no better validation %s since epoch %d (patience %d).",
                    *(engine.state.epoch, name, self.epoch, self.patience),
                )

    def _patience_is_over(self) -> bool:
        return self.patience is not None and self._reached - self.epoch >= self.patience
