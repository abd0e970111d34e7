"""Plots of a classifier in TensorBoard: ROC and precision-recall curves, confusion, a few right and wrong images."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, cast

from ignite.engine import Events

from monai_mocoi.data import ImageDataset, Predictions
from monai_mocoi.distributed import rank
from monai_mocoi.engines import ClassifierEvaluator
from monai_mocoi.figures.canvas import RGB
from monai_mocoi.figures.captioned_images import CaptionedImages
from monai_mocoi.figures.classifier_curves import precision_recall_figures, roc_figures
from monai_mocoi.figures.classifier_tables import confusion_figures
from monai_mocoi.figures.sheet import Part, picture_sheet
from monai_mocoi.figures.surest_images import surest
from monai_mocoi.handlers.kept_state import KeptState

_FIGURES: dict[str, Callable[[Predictions, str, Sequence[float] | None], list[RGB]]] = {
    "roc": roc_figures,
    "precision_recall": precision_recall_figures,
    "confusion": confusion_figures,
}


class ClassifierPlots(KeptState):
    """Draw the predictions of a validation, at the trainer's epoch, and at the end those of the chosen classifier.

    Attach it to the validator. What one figure of ``<name>/roc``, ``<name>/precision_recall`` and ``<name>/confusion``
    has no room for follows as ``<name>/roc_2`` and so on. ``<name>/right`` and ``<name>/wrong`` show the images about
    which the classifier is surest, each class in turn: of findings, those that are present and called (right), or one
    of the two (wrong). An image is named by its row in the split's list, from 0, never by its file or patient.

    These are of a classifier on the way, with findings called from 0.5. :meth:`draw_chosen` draws the same figures as
    ``<name>_chosen/roc`` and so on, of the classifier that counts and with its thresholds. Only the first process
    draws. One epoch is drawn once, even if it is validated again.

    Args:
        summary_writer: where to.
        mean: subtracted by the last transform of the validation images, one value or one a channel.
        std: divided by there.
        every: epochs from one drawing to the next, at least; 1: each validated one. The first one is always drawn.
        images: how many right ones to show at most, and how many wrong ones; 0: none.

    Raises:
        ValueError: ``every`` below 1, or ``images`` below 0.
    """

    kept: ClassVar = {"drawn": "_drawn"}

    def __init__(
        self,
        summary_writer: Any,
        mean: float | Sequence[float],
        std: float | Sequence[float],
        every: int = 1,
        images: int = 9,
    ) -> None:
        if every < 1:
            raise ValueError(f"every is {every}, but must be 1 (each validated epoch) or more.")
        if images < 0:
            raise ValueError(f"images is {images}, but must be 0 (none) or more.")
        self.writer = summary_writer
        self.mean, self.std = mean, std
        self.every = every
        self.images = images
        self._drawn = -every

    def attach(self, engine: ClassifierEvaluator) -> None:
        """Register on a classifier's evaluator."""
        engine.add_event_handler(Events.EPOCH_COMPLETED, self._draw)

    def _draw(self, engine: ClassifierEvaluator) -> None:
        epoch, predictions = engine.state.epoch, engine.predictions
        # An epoch before the last one drawn belongs to another training with this very handler.
        if rank() > 0 or predictions is None or 0 <= epoch - self._drawn < self.every:
            return
        self._drawn = epoch
        self._draw_all(engine, predictions, engine.name, f"epoch {epoch}", epoch, None)

    def draw_chosen(
        self, engine: ClassifierEvaluator, epoch: int, which: str, thresholds: Mapping[str, float] | None
    ) -> None:
        """Draw the predictions that the evaluator has just made with the chosen classifier; on the first process only.

        It is of an ``epoch``, ``which`` of all classifiers in words, with ``thresholds`` by finding (None:
        multiclass).
        """
        predictions = engine.predictions
        assert predictions is not None, "the predictions come first"
        limits = None if thresholds is None else [thresholds[name] for name in predictions.classes]
        self._draw_all(engine, predictions, f"{engine.name}_chosen", which, epoch, limits)

    def _draw_all(
        self,
        engine: ClassifierEvaluator,
        predictions: Predictions,
        name: str,
        which: str,
        epoch: int,
        limits: Sequence[float] | None,
    ) -> None:
        of_what = f"{engine.name}, {which}"
        about = f"{of_what}\n{len(predictions.images)} images of {len(set(predictions.patients))} patients"
        for kind, draw in _FIGURES.items():
            for number, figure in enumerate(draw(predictions, about, limits), start=1):
                self._add(f"{name}/{kind}" + (f"_{number}" if number > 1 else ""), figure, epoch)
        dataset: ImageDataset = cast(Any, engine.data_loader).dataset
        pictures = CaptionedImages(dataset, predictions, limits, self.mean, self.std)
        for kind, (images, classes) in surest(predictions, self.images, limits).items():
            if not len(images):
                continue
            title = f"Surest and {kind}: {of_what}. Row: of '{engine.name}' in labelled.json, from 0"
            self._add(f"{name}/{kind}", picture_sheet(title, [Part("", pictures.of(images, classes))]), epoch)

    def _add(self, tag: str, figure: RGB, epoch: int) -> None:
        self.writer.add_image(tag, figure, epoch, dataformats="HWC")
