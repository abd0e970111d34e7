"""The product of fine-tuning and linear evaluation: the classifier that counts, and its card."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from monai.engines import Workflow
from torch import nn

from monai_mocoi.analysis.decision_thresholds import WITHOUT_A_CHOICE
from monai_mocoi.data import Datalist, ImageDataset, write_predictions
from monai_mocoi.data.enough_images import few_labelled_in_words
from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.distributed import rank, unwrap
from monai_mocoi.engines import ClassifierEvaluator, GradientTrainer, RunEvents, is_whole
from monai_mocoi.files.atomic_write import write_torch
from monai_mocoi.handlers.best_classifier import BestClassifier
from monai_mocoi.handlers.classifier_plots import ClassifierPlots
from monai_mocoi.networks import ClassifierCard, Pretrained
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.runs.checkpoint_files import checkpoint_files, remove_checkpoint
from monai_mocoi.runs.classifier_origin import ClassifierOrigin
from monai_mocoi.runs.made_card import made_card
from monai_mocoi.runs.product_names import VALIDATION_NAME
from monai_mocoi.runs.run_state import first_not_finite, weights_not_finite

logger = logging.getLogger(__name__)


class ClassifierSaver:
    """Write ``labelled.json`` when training starts; at its end the classifier of the chosen epoch (faults A1, A17).

    ``classifier.pt`` is the state dict of the :class:`~monai_mocoi.networks.Classifier`, ``classifier.json`` its
    card with thresholds, recalibration and operating points, and ``validation_predictions.csv`` what these were chosen
    on. A run that ends early writes none of the three. The checkpoints of a finished run are removed last of all:
    until its manifest says that it is finished, they are the way to go on.

    Args:
        folder: of the run.
        network: the classifier, bare or in DistributedDataParallel.
        validator: predicts the validation images; its loader must give all of them.
        chosen: the :class:`~monai_mocoi.handlers.BestClassifier`; not asked by a linear evaluation.
        labelled: which images had labels, and how they were drawn: ``LabelSubset.record``.
        plots: draws the predictions of the chosen classifier when all is written; None: nothing is drawn.
        settings, weights, datalist, training: see :class:`~monai_mocoi.runs.classifier_origin.ClassifierOrigin`.

    A weight that is NaN or infinite is a NotFiniteError; only ``labelled.json`` is written then.
    """

    writes: ClassVar[dict[str, str]] = {
        "{folder}/classifier.pt": "the classifier of the chosen epoch or penalty",
        "{folder}/classifier.json": "what must be known to use it",
        "{folder}/labelled.json": "which images had labels, and how they were drawn",
        "{folder}/validation_predictions.csv": "what thresholds and recalibration were chosen on",
        "{folder}/typical_features.safetensors": "what its images look like, to notice others",
        "{folder}/seen_images.json": "which images it has seen, for the owner of the key",
    }

    def __init__(
        self,
        folder: str | os.PathLike[str],
        network: nn.Module,
        validator: ClassifierEvaluator,
        chosen: BestClassifier | None,
        labelled: Mapping[str, Any],
        settings: Mapping[str, Any],
        weights: Pretrained | None = None,
        datalist: Datalist | None = None,
        plots: ClassifierPlots | None = None,
        training: ImageDataset | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.module = unwrap(network)
        self.validator = validator
        self.chosen = chosen
        self.labelled = LabelledImages.of(labelled)
        self.plots = plots
        path = self.folder / CLASSIFIER_NAME
        self.origin = ClassifierOrigin(path, settings, self.labelled, weights, datalist, training)

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.BEGIN_PRODUCTS, self._start)
        engine.add_event_handler(RunEvents.WRITE_PRODUCTS, self._save)
        engine.add_event_handler(RunEvents.CLOSE_RUN, self._remove_checkpoints)

    def _start(self, engine: Workflow) -> None:
        if rank() == 0:
            self.labelled.write(self.folder / LabelledImages.FILE)
            self.origin.look()

    def _remove_checkpoints(self, engine: Workflow) -> None:
        if rank() == 0 and is_whole(engine):
            for path in checkpoint_files(self.folder / "checkpoints"):
                remove_checkpoint(path)

    def _save(self, engine: Workflow) -> None:
        if not is_whole(engine):
            return
        chosen: Any = engine  # a linear evaluation chooses by itself
        if self.chosen is not None and isinstance(engine, GradientTrainer):
            chosen = self.chosen
        chosen.restore()
        if (name := first_not_finite(self.module)) is not None:
            raise weights_not_finite(engine.state.iteration, name)
        # Not validator.run: its handlers would tell TensorBoard of the chosen epoch as if it were the last.
        predictions = self.validator.predict()
        if rank() > 0:
            return
        summary = chosen.summary()
        card = made_card(
            predictions,
            self.module.stage,
            self.module.trainable,
            summary,
            dict(self.validator.state.metrics),
            epochs=engine.state.epoch,
            iterations=engine.state.iteration,
            **self.origin.facts(self.module, self.validator),
        )
        if without := card.thresholds_without_choice:
            why = "No threshold can be chosen for %s: validation has no positive or no negative image of it."
            logger.warning(why + " %.1f is taken.", ", ".join(without), WITHOUT_A_CHOICE)
        write_predictions(self.folder / VALIDATION_NAME, predictions)
        card.write(self.folder / ClassifierCard.FILE)
        state = {k: v.detach().cpu().contiguous() for k, v in self.module.state_dict().items()}
        write_torch(self.folder / CLASSIFIER_NAME, state)
        logger.info("Classifier: %s (%s)", self.folder / CLASSIFIER_NAME, _in_words(summary))
        if card.labelled_images is not None and (few := few_labelled_in_words(card.labelled_images)):
            logger.warning("%s", few)  # again, beside the command that comes next
        if self.plots is not None:
            epoch = summary.get("epoch", engine.state.epoch)
            self.plots.draw_chosen(self.validator, epoch, _in_words(summary), card.thresholds)


def _in_words(summary: Mapping[str, Any]) -> str:
    where = f"epoch {summary['epoch']}" if "epoch" in summary else f"penalty {summary['penalty']:g}"
    if summary.get("value") is None:
        return f"{where}, not chosen on validation"
    return f"{where}, chosen by {summary['metric']} {summary['value']:.3f}"
