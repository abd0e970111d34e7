"""Predictions of a classifier for a whole split, each image once whatever the number of processes, and its metrics."""

from collections.abc import Iterable, Sequence
from typing import Any, Unpack, cast

import numpy as np
import torch
from torch import nn

from monai_mocoi.data import ImageDataset, Predictions, label_values
from monai_mocoi.distributed import unwrap
from monai_mocoi.engines.evaluator import GatheringEvaluator, gathered_once
from monai_mocoi.engines.options import EvaluatorOptions
from monai_mocoi.losses import classification_loss
from monai_mocoi.metrics import SELECTION_METRICS, class_probabilities, is_known, selection_metric


class ClassifierEvaluator(GatheringEvaluator):
    """Predict every image of a split once (fault A25), in the order of the split, and measure.

    Args:
        val_data_loader: over an :class:`~monai_mocoi.data.ImageDataset` with labels; with ``image``, ``label`` and
            ``index``. With several processes each gives a share of the split.
        network: the classifier, bare or in DistributedDataParallel.
        classes: names of findings or classes, in the order of the network's outputs, or of ``outputs``.
        kind: "multilabel" (sigmoids) or "multiclass".
        name: of the split, the first part of the metrics' names.
        metrics: of :func:`~monai_mocoi.metrics.selection_metric`, to choose by: each is a mean over every class with a
            positive and a negative image, however few. None of them for a final evaluation.
        outputs: which of the network's outputs are predicted, if not all findings have labels; None: all.
        options: see :class:`~monai_mocoi.engines.EvaluatorOptions`.

    At the end ``predictions`` are those of this run (None before), and ``engine.state.metrics`` holds ``<name>/loss``
    (unweighted, the mean over all known values) and ``<name>/<metric>`` for each of ``metrics`` that is defined.
    A probability that is NaN or infinite is a NotFinitePredictionError, which names the image.
    """

    described = ("kind", "name", "metrics")

    def __init__(
        self,
        device: torch.device | str,
        val_data_loader: Iterable,
        network: nn.Module,
        classes: Sequence[str],
        kind: str,
        name: str = "validation",
        metrics: Sequence[str] = SELECTION_METRICS,
        outputs: Sequence[int] | None = None,
        **options: Unpack[EvaluatorOptions],
    ) -> None:
        self.outputs = slice(None) if outputs is None else list(outputs)
        self.classes = tuple(classes)
        self.kind = kind
        self.name = name
        self.metrics = tuple(metrics)
        self.predictions: Predictions | None = None
        super().__init__(device, val_data_loader, unwrap(network), **options)

    def predict(self) -> Predictions:
        """Predict the images once more, with the network as it is now, and measure.

        No handler hears of it, and ``state.epoch`` stays that of the last run. All processes must call it.
        """
        self.forget()
        for batch in self.data_loader:
            self._iteration(self, batch)
        self.measure()
        assert self.predictions is not None
        return self.predictions

    def _iteration(self, engine: Any, batchdata: dict[str, torch.Tensor]) -> dict[str, Any]:
        self._logits.append(self.logits(batchdata)[:, self.outputs])
        self._images.append(batchdata["index"].to(engine.state.device))
        return {}

    def forget(self) -> None:
        """Drop the predictions."""
        device = self.state.device
        self._images: list[torch.Tensor] = [torch.zeros(0, dtype=torch.int64, device=device)]
        self._logits: list[torch.Tensor] = [torch.zeros(0, len(self.classes), dtype=torch.float64, device=device)]

    @torch.no_grad()
    def measure(self) -> None:
        """Put the predictions of all processes together, and compute the metrics."""
        rows, logits = (part.cpu() for part in gathered_once(torch.cat(self._images), torch.cat(self._logits)))
        self.forget()
        self.state.metrics.clear()
        dataset: ImageDataset = cast(Any, self.data_loader).dataset
        items = [dataset.data[row] for row in rows.tolist()]
        labels = label_values([item["label"] for item in items])
        if not items:
            labels = np.zeros((0, len(self.classes)) if self.kind == "multilabel" else 0, dtype=np.int64)
        names, patients = (tuple(item[key] for item in items) for key in ("name", "patient"))
        said = class_probabilities(logits, self.kind)
        self.predictions = Predictions(names, patients, self.classes, self.kind, labels, said)
        if not items:
            return
        values = logit_metrics(logits, labels, self.kind, self.metrics)
        self.state.metrics.update({f"{self.name}/{name}": value for name, value in values.items()})


def logit_metrics(logits: torch.Tensor, labels: np.ndarray, kind: str, metrics: Sequence[str]) -> dict[str, float]:
    """``loss`` and those of ``metrics`` that are defined, of logits ``(N, classes)`` float64 and their labels."""
    said = class_probabilities(logits, kind)
    truth = torch.from_numpy(labels)
    values = {name: selection_metric(name, kind, labels, said) for name in metrics}
    if kind == "multilabel":  # over what is known, as one dimension where that is not all
        known = torch.from_numpy(is_known(labels))
        logits, truth = (logits, truth.double()) if known.all() else (logits[known], truth[known].double())
    values = {"loss": float(classification_loss(kind)(logits, truth)), **values}
    return {name: value for name, value in values.items() if np.isfinite(value)}
