"""What a classifier does on the validation images, in TensorBoard: curves, confusion, a few right and wrong images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from ignite.engine import Events
from numpy.typing import NDArray

from monai_mocoi.data import ImageDataset, Predictions
from monai_mocoi.engines import ClassifierEvaluator
from monai_mocoi.figures.canvas import RGB
from monai_mocoi.figures.classifier import (
    THRESHOLD,
    confusion_figures,
    picture_figure,
    precision_recall_figures,
    roc_figures,
    short,
)
from monai_mocoi.networks import rank

_FIGURES: dict[str, Callable[[Predictions], list[RGB]]] = {
    "roc": roc_figures,
    "precision_recall": precision_recall_figures,
    "confusion": confusion_figures,
}


class ClassifierPlots:
    """Draw the predictions of a validation, at the trainer's epoch.

    Attach it to the validator. ``<name>/roc``, ``<name>/precision_recall`` and ``<name>/confusion`` are those of
    :mod:`monai_mocoi.figures.classifier`; of more than 16 classes the rest follow as ``<name>/roc_2`` and so
    on. ``<name>/right`` and ``<name>/wrong`` show the images about which the classifier is surest, each class in turn:
    of findings, those that are present and called (right), or one of the two (wrong). An image is named by its row in
    the split's list, ``labelled.json`` in fine-tuning, never by its file or patient.

    Only the first process draws. One epoch is drawn once, even if it is validated again.

    Args:
        summary_writer: where to.
        mean: subtracted by the last transform of the validation images, one value or one a channel.
        std: divided by there.
        every: epochs from one drawing to the next, at least; 1: each validated one. The first one is always drawn.
        images: how many right ones to show at most, and how many wrong ones; 0: none.

    Raises:
        ValueError: ``every`` below 1, or ``images`` below 0.
    """

    def __init__(
        self,
        summary_writer: Any,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        every: int = 1,
        images: int = 8,
    ) -> None:
        if every < 1:
            raise ValueError(f"every is {every}, but must be 1 (each validated epoch) or more.")
        if images < 0:
            raise ValueError(f"images is {images}, but must be 0 (none) or more.")
        self.writer = summary_writer
        self.mean = torch.as_tensor(mean, dtype=torch.float32).reshape(-1, 1, 1)
        self.std = torch.as_tensor(std, dtype=torch.float32).reshape(-1, 1, 1)
        self.every = every
        self.images = images
        self._drawn = -every

    def attach(self, engine: ClassifierEvaluator) -> None:
        """Register on a classifier's evaluator."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._draw)

    def state_dict(self) -> dict[str, int]:
        """The epoch that was drawn last."""
        return {"drawn": self._drawn}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go back to a state."""
        self._drawn = int(state["drawn"])

    def _draw(self, engine: ClassifierEvaluator) -> None:
        epoch, predictions = engine.state.epoch, engine.predictions
        # An epoch before the last one drawn belongs to another training with this very handler.
        if rank() > 0 or predictions is None or 0 <= epoch - self._drawn < self.every:
            return
        self._drawn = epoch
        for name, draw in _FIGURES.items():
            for number, figure in enumerate(draw(predictions), start=1):
                self._add(f"{engine.name}/{name}" + (f"_{number}" if number > 1 else ""), figure, epoch)
        dataset: ImageDataset = engine.data_loader.dataset
        rows = {item["name"]: row for row, item in enumerate(dataset.data)}
        positions = {row: position for position, row in enumerate(dataset.rows)}
        for name, (images, classes) in surest(predictions, self.images).items():
            if not len(images):
                continue
            shown = [rows[predictions.images[image]] for image in images]
            pictures = [self._picture(dataset[positions[row]]) for row in shown]
            captions = [
                f"row {row}: {_told(predictions, image, column)}"
                for row, image, column in zip(shown, images, classes, strict=True)
            ]
            self._add(f"{engine.name}/{name}", picture_figure(f"{name}, epoch {epoch}", pictures, captions), epoch)

    def _picture(self, sample: dict[str, Any]) -> NDArray[np.float32]:
        return (torch.as_tensor(sample["image"]).float() * self.std + self.mean).numpy()

    def _add(self, tag: str, figure: RGB, epoch: int) -> None:
        self.writer.add_image(tag, figure, epoch, dataformats="HWC")


def surest(predictions: Predictions, count: int) -> dict[str, tuple[list[int], list[int]]]:
    """Choose images about which the classifier is surest: right ones and wrong ones.

    Of softmax classes it is sure of the class with the highest probability. Of findings, an image and a finding that
    is present, or called at 0.5, is one candidate, the surer the farther the probability is from 0.5; a finding that is
    neither shows nothing. The surest of each true class (or finding) come first, then the second ones, and so on.

    Args:
        predictions: of a split.
        count: how many of each kind at most.

    Returns:
        by "right" and "wrong", places of images in the predictions, each once, and the class or finding of each: what
        was called, or the finding in question.
    """
    probabilities, positive = predictions.probabilities, predictions.indicators()
    if predictions.kind == "softmax":
        called = np.zeros(positive.shape, dtype=bool)
        called[np.arange(len(called)), probabilities.argmax(axis=1) if len(called) else 0] = True
        sureness = np.repeat(probabilities.max(axis=1, initial=0)[:, None], positive.shape[1], axis=1)
        candidates = {"right": positive & called, "wrong": positive & ~called}
    else:
        called = probabilities >= THRESHOLD
        sureness = np.abs(probabilities - 0.5)
        candidates = {"right": positive & called, "wrong": positive ^ called}
    chosen = {}
    for name, candidate in candidates.items():
        images, classes = _in_turn(candidate, sureness, count)
        if predictions.kind == "softmax":
            classes = [int(probabilities[image].argmax()) for image in images]
        chosen[name] = (images, classes)
    return chosen


def _in_turn(candidate: NDArray[np.bool_], sureness: NDArray[np.float64], count: int) -> tuple[list[int], list[int]]:
    ranked = []
    for column in range(candidate.shape[1]):
        (images,) = np.nonzero(candidate[:, column])
        order = np.argsort(-sureness[images, column], kind="stable")
        ranked += [(turn, column, int(image)) for turn, image in enumerate(images[order][:count])]
    chosen: dict[int, int] = {}
    for _, column, image in sorted(ranked):
        if len(chosen) < count:
            chosen.setdefault(image, column)
    return list(chosen), list(chosen.values())


def _told(predictions: Predictions, image: int, column: int) -> str:
    probability, name = predictions.probabilities[image, column], short(predictions.classes[column])
    if predictions.kind == "multilabel":
        return f"{name} {probability:.2f}\ntrue: {'yes' if predictions.labels[image, column] else 'no'}"
    truth = int(predictions.labels[image])
    text = f"{name} {probability:.2f}\ntrue: {short(predictions.classes[truth])}"
    return text if truth == column else f"{text} {predictions.probabilities[image, truth]:.2f}"
