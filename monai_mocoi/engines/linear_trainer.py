"""Linear evaluation as an engine: one iteration computes the features and solves for the linear layer."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from monai.engines import Trainer, Workflow
from torch import nn

from monai_mocoi.analysis import PENALTIES, LinearEvaluation, LinearFit, features_of, pooled_features
from monai_mocoi.data import ImageDataset, check_class_weighting, label_array
from monai_mocoi.distributed import unwrap, world_size
from monai_mocoi.engines.events import attach_handlers
from monai_mocoi.engines.options import autocast_dtype
from monai_mocoi.metrics import SELECTED_OVER, selection_metric


class LinearTrainer(Trainer):
    """Fit the linear layer of a frozen :class:`~monai_mocoi.networks.Classifier`, its penalty chosen on validation.

    The features of all stages are computed once per image and encoder (:func:`~monai_mocoi.analysis.pooled_features`),
    without augmentation; then :class:`~monai_mocoi.analysis.LinearEvaluation` solves for the layer of the network's
    stage, which is put into the network. ``fit`` is the :class:`~monai_mocoi.analysis.LinearFit`; None before the run.

    Args:
        device: where to compute the features; the fit runs on the CPU.
        network: the classifier, with ``trainable`` "head"; one process only.
        training, validation: with labels and a deterministic transform. None for validation: there is none.
        kind: "multilabel" or "multiclass".
        metric: that the penalty is chosen by, see :func:`~monai_mocoi.metrics.selection_metric`.
        selection: "metric", "loss" or "last", as :func:`~monai_mocoi.data.label_subset` decides.
        penalties: the grid, see :class:`~monai_mocoi.analysis.LinearEvaluation`.
        class_weights: ``(classes,)`` of :func:`~monai_mocoi.data.class_weights`, multiclass only; None: all 1.
        precision: of the features, see :func:`~monai_mocoi.engines.autocast_dtype`.
    """

    def __init__(
        self,
        device: torch.device | str,
        network: nn.Module,
        training: ImageDataset,
        validation: ImageDataset | None,
        kind: str,
        metric: str = "macro_auc",
        selection: str = "metric",
        penalties: Sequence[float] | None = None,
        class_weights: torch.Tensor | None = None,
        batch_size: int = 64,
        precision: str = "auto",
        num_workers: int = 0,
        train_handlers: Sequence[Any] | None = None,
    ) -> None:
        self.module = unwrap(network)
        self.training, self.validation = training, validation
        self.kind, self.metric = kind, metric
        self.class_weights = class_weights
        self.autocast = autocast_dtype(precision, device)
        self.loading: dict[str, Any] = {"batch_size": batch_size, "num_workers": num_workers}
        classes, grid = self.module.head.out_features, PENALTIES if penalties is None else penalties
        self.evaluation = LinearEvaluation(kind, classes, partial(selection_metric, metric, kind), selection, grid)
        self.fit: LinearFit | None = None
        super().__init__(device=device, max_epochs=1, data_loader=[{}], decollate=False, epoch_length=1)
        attach_handlers(self, train_handlers)

    def run(self) -> None:  # type: ignore[override]
        """Compute, fit and choose.

        A ValueError: the encoder is not frozen, there are several processes, or (SettingsError) class weights for
        findings.
        """
        if self.module.trainable != "head":
            raise ValueError(f"trainable is {self.module.trainable!r}, but linear evaluation needs 'head'.")
        check_class_weighting(self.kind, self.class_weights is not None, "lbfgs")
        if world_size() > 1:
            raise ValueError("linear evaluation runs in one process: start it without torchrun.")
        Workflow.run(self)

    def restore(self) -> None:
        """Nothing to do: the network holds the chosen layer."""

    def summary(self) -> dict[str, Any]:
        """What was chosen, and by what: plain values."""
        assert self.fit is not None, "the run comes first"
        return linear_summary(self.fit, self.metric)

    def _iteration(self, engine: Any, batchdata: dict[str, Any]) -> dict[str, float]:
        features, labels = self._seen(self.training)
        weights = None if self.class_weights is None else self.class_weights.double().cpu().numpy()[labels]
        seen, known = (None, None) if self.validation is None else self._seen(self.validation)
        self.fit = self.evaluation.fit(features, labels, seen, known, sample_weight=weights)
        head = self.module.head
        with torch.no_grad():
            head.weight.copy_(torch.from_numpy(self.fit.weight))
            head.bias.copy_(torch.from_numpy(self.fit.bias))
        scalars = {"linear/penalty": self.fit.penalty}
        return scalars if self.fit.score is None else {**scalars, "linear/validation_score": self.fit.score}

    def _seen(self, dataset: ImageDataset) -> tuple[np.ndarray, np.ndarray]:
        """Features and labels."""
        where = {"device": self.state.device, "autocast": self.autocast}
        features = pooled_features(self.module.encoder, dataset, **where, **self.loading)
        return features_of(features, self.module.stage), label_array([dataset.data[row] for row in dataset.rows])


def linear_summary(fit: LinearFit, metric: str) -> dict[str, Any]:
    """What a linear evaluation chose, and by which metric: plain values."""
    names = {"metric": f"validation {metric}", "loss": "minus validation loss"}
    return {
        "rule": fit.selection,
        "metric": names.get(fit.selection),
        "value": fit.score,
        **({"over": SELECTED_OVER} if fit.selection == "metric" else {}),
        **fit.summary(),
    }
