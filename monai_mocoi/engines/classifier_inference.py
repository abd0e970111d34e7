"""Probabilities and decisions for new images, of which nothing else is known."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Unpack

import numpy as np
import torch
from torch import nn

from monai_mocoi.analysis import TypicalFeatures
from monai_mocoi.engines.evaluator import AutocastEvaluator
from monai_mocoi.engines.options import EvaluatorOptions
from monai_mocoi.errors import NotFinitePredictionError
from monai_mocoi.metrics import apply_recalibration, check_label_kind, class_probabilities, decide, decide_by_highest


class ClassifierInference(AutocastEvaluator):
    """Classify images batch by batch, and keep nothing of them.

    Args:
        val_data_loader: batches as :func:`~monai_mocoi.data.collate_readable` makes them.
        classes: names of findings or classes, in the order of the network's outputs.
        kind: "multilabel" (a sigmoid and a threshold each) or "multiclass" (the highest probability decides).
        thresholds: by finding, at which it counts as positive; None: multiclass.
        recalibration: of the classifier's card, applied to the probabilities after the decisions are made. None: they
            stay as the network gives them.
        typical: of the classifier's own images; None: no image is compared with them.
        options: see :class:`~monai_mocoi.engines.EvaluatorOptions`.

    Every iteration leaves in ``engine.state.output``: ``index`` (n,) int64, the images' places from 0;
    ``probabilities`` (n, classes) float64; ``thresholds`` (classes,) float64, recalibrated where the probabilities are;
    None for multiclass, except for two that are recalibrated, because the one decided for need not be the more
    probable one any more; ``decisions`` (n, classes) bool; ``unreadable``, the reason by index; ``windows_ignored``,
    how many images have a DICOM window that cannot be used; ``contradictions``, by index, how a DICOM header
    contradicts what the classifier is for; ``unusual_percentiles`` (n,) float64, or None without ``typical``.
    An unknown kind, or not one threshold for each finding, is a ValueError; a probability that is NaN or infinite a
    NotFinitePredictionError, which names the row of the table, from 1.
    """

    def __init__(
        self,
        device: torch.device | str,
        val_data_loader: Iterable,
        network: nn.Module,
        classes: Sequence[str],
        kind: str,
        thresholds: Mapping[str, float] | None = None,
        recalibration: Mapping[str, Any] | None = None,
        typical: TypicalFeatures | None = None,
        **options: Unpack[EvaluatorOptions],
    ) -> None:
        self.typical = typical
        self.classes = tuple(classes)
        self.kind = kind
        self.thresholds = _in_order(self.classes, kind, thresholds)
        self.recalibration = recalibration
        self._thresholds_shown = _on_recalibrated(self.thresholds, recalibration, self.classes, kind)
        super().__init__(device, val_data_loader, network, **options)

    def _iteration(self, engine: Any, batchdata: dict[str, Any]) -> dict[str, Any]:
        index = batchdata["index"].numpy()
        probabilities, percentiles = np.zeros((0, len(self.classes))), np.zeros(0)
        if len(index):
            with self._seen_by_the_head() as features:
                probabilities = class_probabilities(self.logits(batchdata).cpu(), self.kind)
            if self.typical is not None:
                percentiles = self.typical.percentiles(torch.cat(features).cpu().numpy())
        self._check_finite(index, probabilities)
        by_threshold = self.kind == "multilabel"
        decisions = decide(probabilities, self.thresholds) if by_threshold else decide_by_highest(probabilities)
        if self.recalibration is not None:
            probabilities = apply_recalibration(probabilities, self.recalibration, self.classes, self.kind)
        return {
            "index": index,
            "probabilities": probabilities,
            "thresholds": self._thresholds_shown,
            "decisions": decisions,
            "unreadable": batchdata["unreadable"],
            "windows_ignored": batchdata.get("windows_ignored", 0),
            "contradictions": batchdata.get("contradictions", {}),
            "unusual_percentiles": None if self.typical is None else percentiles,
        }

    @contextmanager
    def _seen_by_the_head(self) -> Iterator[list[torch.Tensor]]:
        """Collect what the linear layer gets; only while it predicts, because Grad-CAM asks the network anew."""
        features: list[torch.Tensor] = []
        if self.typical is None:
            yield features
            return
        head: Any = self.network.head
        hook = head.register_forward_pre_hook(lambda _, given: features.append(given[0].detach()))
        try:
            yield features
        finally:
            hook.remove()

    def _check_finite(self, index: np.ndarray, probabilities: np.ndarray) -> None:
        rows, columns = np.nonzero(~np.isfinite(probabilities))
        if len(rows):
            raise NotFinitePredictionError(
                f"the probability of {self.classes[columns[0]]} is {probabilities[rows[0], columns[0]]} for the image "
                f"in row {index[rows[0]] + 1}: no table is written. Try precision float32; if that does not help, look "
                "at this image and at the weights."
            )


def _in_order(classes: tuple[str, ...], kind: str, thresholds: Mapping[str, float] | None) -> np.ndarray | None:
    if check_label_kind(kind) == "multiclass":
        if thresholds is not None:
            raise ValueError("classes are decided by the highest probability: leave thresholds out (null).")
        return None
    if thresholds is None or set(thresholds) != set(classes):
        named = "none" if thresholds is None else ", ".join(thresholds)
        raise ValueError(f"thresholds are given for {named}, but one is needed for each of {', '.join(classes)}.")
    return np.array([thresholds[name] for name in classes], dtype=np.float64)


def _on_recalibrated(
    thresholds: np.ndarray | None, recalibration: Mapping[str, Any] | None, classes: tuple[str, ...], kind: str
) -> np.ndarray | None:
    """Thresholds that give the same decisions on the recalibrated probabilities."""
    if recalibration is None:
        return thresholds
    if thresholds is None:
        if len(classes) != 2:  # by a temperature, which leaves the highest where it is
            return None
        thresholds = np.array([0.5, 0.5])
    return apply_recalibration(np.clip(thresholds, 0, 1), recalibration, classes, kind)
