"""The product of fine-tuning and linear evaluation: the classifier that counts, and what a user of it must know."""

from __future__ import annotations

import io
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from monai.engines import Workflow
from torch import nn

from monai_mocoi.analysis import choose_operating_points, fit_recalibration, summarise_inputs
from monai_mocoi.analysis.decision_thresholds import WITHOUT_A_CHOICE, chosen_thresholds
from monai_mocoi.analysis.typical_features import typical_features
from monai_mocoi.data import (
    Datalist,
    ImageDataset,
    SeenImages,
    overlap_in_words,
    overlap_warnings,
    pretraining_overlap,
    write_predictions,
)
from monai_mocoi.data.enough_images import few_labelled_in_words
from monai_mocoi.data.seen_images import read_seen_images, try_to_take_down
from monai_mocoi.distributed import rank, unwrap
from monai_mocoi.engines import ClassifierEvaluator, GradientTrainer, RunEvents, is_whole
from monai_mocoi.errors import DatasetError, FeatureError, WeightsNotFiniteError
from monai_mocoi.files.atomic_write import write_bytes, write_json
from monai_mocoi.handlers.classifier_plots import ClassifierPlots
from monai_mocoi.networks.identified import IDENTIFIED, is_identified
from monai_mocoi.runs.checkpoint_files import checkpoint_files, remove_checkpoint
from monai_mocoi.runs.product_names import VALIDATION_NAME
from monai_mocoi.runs.run_state import first_not_finite

logger = logging.getLogger(__name__)


class Chosen(Protocol):
    """Who knows which classifier counts."""

    def restore(self) -> None:
        """Put its weights into the network."""

    def summary(self) -> dict[str, Any]:
        """What was chosen, and by what."""


class ClassifierSaver:
    """Write ``labelled.json`` when training starts; at its end the classifier of the chosen epoch (faults A1, A17).

    ``classifier.pt`` is the state dict of the :class:`~monai_mocoi.networks.Classifier`, ``classifier.json`` its
    sidecar with the decision thresholds, a recalibration of the probabilities and operating points, and
    ``validation_predictions.csv`` what all of these were chosen on. A run that ends
    before its end writes none of the three. The checkpoints of a finished run are removed, last of all: until its
    manifest says that it is finished, they are the way to go on.

    Attach it on every process.

    Args:
        folder: of the run.
        network: the classifier, bare or in DistributedDataParallel.
        validator: predicts the validation images; its loader must give all of them.
        chosen: the :class:`~monai_mocoi.handlers.BestClassifier`; not asked in a linear evaluation, which chooses by
            itself, and None there.
        labelled: which images had labels, and how they were drawn: ``LabelSubset.record``.
        sidecar: plain values that a user of the classifier needs.
        pretrained: file of the weights that the encoder started from; "none" or None: random ones.
        pretrained_sidecar: what its JSON file says.
        datalist: the images of this run, without those that cannot be read: how many of the test images those weights
            have seen is told at the start, and written to the sidecar as ``pretraining_overlap``
            (:func:`~monai_mocoi.data.pretraining_overlap`); ``seen_images.json`` holds what they have seen and the
            training and validation images of this run, so that an evaluation can tell the same. None: it is not
            looked at.
        plots: draws the predictions of the chosen classifier, with its thresholds, when all is written; None: nothing
            is drawn.
        training: the images that the classifier was fitted to, without augmentation. What they look like, and how
            usual validation images are among them, is looked at once more at the end: ``typical_features`` in the
            sidecar (:mod:`monai_mocoi.analysis.typical_features`) and ``input_statistics``
            (:mod:`monai_mocoi.analysis.input_shift`). None: it is not looked at.

    Raises:
        WeightsNotFiniteError: a weight is NaN or infinite; nothing is written but ``labelled.json``.
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
        chosen: Chosen | None,
        labelled: Mapping[str, Any],
        sidecar: Mapping[str, Any],
        pretrained: str | os.PathLike[str] | None = None,
        pretrained_sidecar: Mapping[str, Any] | None = None,
        datalist: Datalist | None = None,
        plots: ClassifierPlots | None = None,
        training: ImageDataset | None = None,
    ) -> None:
        self.training = training
        self.folder = Path(folder)
        self.module = unwrap(network)
        self.validator = validator
        self.chosen = chosen
        self.labelled = dict(labelled)
        self.sidecar = dict(sidecar)
        self.pretrained = None if pretrained is None or str(pretrained) == "none" else Path(pretrained)
        self.pretrained_sidecar = pretrained_sidecar
        self.datalist = datalist
        self.plots = plots
        self._overlap: dict[str, Any] | None = None
        self._seen: SeenImages | None = None

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(RunEvents.BEGIN_PRODUCTS, self._start)
        engine.add_event_handler(RunEvents.WRITE_PRODUCTS, self._save)
        engine.add_event_handler(RunEvents.CLOSE_RUN, self._remove_checkpoints)

    def _start(self, engine: Workflow) -> None:
        if rank() > 0:
            return
        write_json(self.folder / "labelled.json", self.labelled)
        self._look_for_overlap()

    def _look_for_overlap(self) -> None:
        if self.datalist is None:
            return
        self._seen = try_to_take_down(self.datalist, "training")
        if self.pretrained is None:
            return
        splits = {"validation": self.datalist.validation, "test": self.datalist.test}
        beside = self.pretrained, self.pretrained_sidecar
        self._overlap = pretraining_overlap(*beside, self.datalist.folder, splits)
        before, reason = read_seen_images(*beside)
        self._seen = before if self._seen is None else self._seen.after(before, reason)
        for warning in overlap_warnings(self._overlap):
            logger.warning("%s", warning)
        if (line := overlap_in_words(self._overlap)) is not None:
            logger.info("%s", line)

    def _remove_checkpoints(self, engine: Workflow) -> None:
        if rank() > 0 or not is_whole(engine):
            return
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
            raise WeightsNotFiniteError(engine.state.iteration, name)
        # Not validator.run: its handlers would tell TensorBoard of the chosen epoch as if it were the last.
        predictions = self.validator.predict()
        if rank() > 0:
            return
        thresholds, without = chosen_thresholds(predictions)
        if without:
            logger.warning(
                "No threshold can be chosen for %s: validation has no positive or no negative image of it. %.1f is "
                "taken.",
                ", ".join(without),
                WITHOUT_A_CHOICE,
            )
        summary = chosen.summary()
        sidecar = {
            "format": 1,
            "kind": predictions.kind,
            "labels": list(predictions.classes),
            "stage": self.module.stage,
            "trainable": self.module.trainable,
            "thresholds": thresholds,
            "thresholds_without_choice": without,
            "recalibration": fit_recalibration(predictions),
            "operating_points": choose_operating_points(predictions),
            "selected": summary,
            "validation": dict(self.validator.state.metrics),
            "epochs": engine.state.epoch,
            "iterations": engine.state.iteration,
            "labelled_images": self.labelled.get("counts", {}).get("training", {}).get("images"),
            **self.sidecar,
        }
        if self._overlap is not None:
            sidecar["pretraining_overlap"] = self._overlap
        if is_identified(self.pretrained) or (self.datalist is not None and self.datalist.identified):
            sidecar[IDENTIFIED] = True
        if self._seen is not None:
            sidecar["seen_images"] = self._seen.write_beside(self.folder / "classifier.pt")
        if self.training is not None:
            sidecar |= self._looks(self.training)
        write_predictions(self.folder / VALIDATION_NAME, predictions)
        text = json.dumps(sidecar, indent=2, allow_nan=False, default=str) + "\n"
        write_bytes(self.folder / "classifier.json", text.encode())
        content = io.BytesIO()
        torch.save({k: v.detach().cpu().contiguous() for k, v in self.module.state_dict().items()}, content)
        write_bytes(self.folder / "classifier.pt", content.getbuffer())
        logger.info("Classifier: %s (%s)", self.folder / "classifier.pt", _in_words(summary))
        if (labelled := sidecar["labelled_images"]) is not None and (few := few_labelled_in_words(labelled)):
            logger.warning("%s", few)  # again, beside the command that comes next
        if self.plots is not None:
            epoch = summary.get("epoch", engine.state.epoch)
            self.plots.draw_chosen(self.validator, epoch, _in_words(summary), thresholds)

    def _looks(self, training: ImageDataset) -> dict[str, Any]:
        """What the run's own images look like; a classifier is not lost for the want of it."""
        loader: Any = self.validator.data_loader
        try:
            found = typical_features(
                self.module,
                training,
                loader.dataset,
                loader.batch_size or 64,
                self.validator.state.device,
                self.validator.autocast,
                loader.num_workers,
            )
            return {
                "typical_features": found.write_beside(self.folder / "classifier.pt"),
                "input_statistics": summarise_inputs(training),
            }
        except (DatasetError, FeatureError, ValueError, OSError) as error:
            why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
            logger.warning(
                "What this run's images look like is not kept (%s): inference will not notice other pictures.",
                why,
            )
            return {}


def _in_words(summary: Mapping[str, Any]) -> str:
    where = f"epoch {summary['epoch']}" if "epoch" in summary else f"penalty {summary['penalty']:g}"
    if summary.get("value") is None:
        return f"{where}, not chosen on validation"
    return f"{where}, chosen by {summary['metric']} {summary['value']:.3f}"
