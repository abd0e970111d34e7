"""Model selection and early stopping: the epoch that is best on validation by the reported metric."""

import logging
import math
from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

import torch
from ignite.base import Serializable
from ignite.engine import Events
from torch import nn

from monai_mocoi.distributed import rank, unwrap
from monai_mocoi.engines import ClassifierEvaluator, GradientTrainer, RunEvents
from monai_mocoi.metrics import SELECTED_OVER, SELECTION_METRICS

logger = logging.getLogger(__name__)

SELECTIONS = ("metric", "loss", "last")


@dataclass(eq=False, repr=False)
class BestClassifier(Serializable):
    """Keep the weights of the best epoch, and end training when none has been better for a while.

    Attach it on every process. A metric that is not defined, or NaN, is never the best. The weights are part of the
    state that a checkpoint keeps, so that they always go with it, and every process has them.

    Args:
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

    _state_dict_all_req_keys = ("epoch", "score", "weights", "ended")

    network: InitVar[nn.Module]
    validator: ClassifierEvaluator
    metric: str = "macro_auc"
    selection: str = "metric"
    patience: int | None = None

    def __post_init__(self, network: nn.Module) -> None:
        if self.metric not in SELECTION_METRICS:
            raise ValueError(f"metric is {self.metric!r}; choose one of {', '.join(SELECTION_METRICS)}.")
        if self.selection not in SELECTIONS:
            raise ValueError(f"selection is {self.selection!r}; choose one of {', '.join(SELECTIONS)}.")
        if self.patience is not None and self.patience < 1:
            raise ValueError(f"patience is {self.patience}, but must be 1 epoch or more, or null to train to the end.")
        self.module = unwrap(network)
        self.epoch, self.score = 0, -math.inf
        self._weights: dict[str, torch.Tensor] = {}
        self._reached, self._ended = 0, False

    def attach(self, engine: GradientTrainer) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.STARTED, self._start)
        engine.add_event_handler(RunEvents.JUDGE_EPOCH, self._judge)

    def state_dict(self) -> Any:
        """The best epoch, its score (higher is better) and weights, and whether patience has ended training."""
        return {"epoch": self.epoch, "score": self.score, "weights": self._weights, "ended": self._ended}

    def state_size(self) -> int:
        """Bytes that the weights in the state will take."""
        if self.selection == "last":
            return 0
        return sum(tensor.numel() * tensor.element_size() for tensor in self.module.state_dict().values())

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go back to a state."""
        super().load_state_dict(state_dict)
        self.epoch, self.score = int(state_dict["epoch"]), float(state_dict["score"])
        self._weights, self._ended = state_dict["weights"], bool(state_dict["ended"])

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
