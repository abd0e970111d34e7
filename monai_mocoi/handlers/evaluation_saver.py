"""The product of an evaluation: the predictions, the metrics with their intervals, and which classifier they are of."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from ignite.engine import Events

from monai_mocoi.analysis import IntervalSettings, evaluate_fully, report_lines, report_warnings
from monai_mocoi.data import (
    AGE_BANDS,
    Columns,
    ImageDataset,
    LabelMatch,
    Predictions,
    check_age_bands,
    chosen_columns,
    write_predictions,
)
from monai_mocoi.data.enough_images import few_scored_in_words
from monai_mocoi.distributed import rank
from monai_mocoi.engines import ClassifierEvaluator
from monai_mocoi.figures.evaluation import remove_evaluation, write_evaluation
from monai_mocoi.handlers.after_evaluation import commands_after
from monai_mocoi.networks import classifier_path
from monai_mocoi.runs.evaluated_classifier import EvaluatedClassifier
from monai_mocoi.runs.product_folders import check_evaluation_folder
from monai_mocoi.runs.product_names import PREDICTIONS_NAME
from monai_mocoi.runs.provenance import package_versions
from monai_mocoi.runs.setting_ranges import as_flag

logger = logging.getLogger(__name__)


class EvaluationSaver:
    """Write predictions, figures and ``metrics.json`` when a :class:`~monai_mocoi.engines.ClassifierEvaluator` ends.

    ``metrics.json`` holds what :func:`~monai_mocoi.analysis.evaluate_fully` gives, the split, the hash of the data set,
    which classifier was tested (fault A1: of which epoch, chosen by what, with which labels), and the versions. It is
    written last: where it exists, the evaluation is whole. The log shows the numbers.

    Args:
        folder: see :func:`~monai_mocoi.runs.check_evaluation_folder`, which is asked again when the run starts.
        classifier: the classifier's sidecar, from :func:`~monai_mocoi.networks.read_classifier_sidecar`.
        dataset_sha256: hash of the ``datalist.json`` that is tested; None: unknown.
        skipped_images: descriptions of images of the split that could not be read and are not scored.
        overwrite: see :func:`~monai_mocoi.runs.check_evaluation_folder`.
        run_dir: of the classifier; with ``seen_images.json`` in it, ``metrics.json`` has ``pretraining_overlap``: how
            many of the images it has seen in training or pretraining
            (:func:`~monai_mocoi.data.pretraining_overlap`). None: not looked at.
        dataset_folder: of the images.
        images: those that are tested and can be read.
        recalibrate: measure the recalibrated probabilities. ``predictions.csv``, ``external`` and decisions stay those
            of the probabilities as the network gives them. The texts "true" and "false" are accepted.
        target_sensitivity, target_specificity: wanted ones; their thresholds are chosen on the
            ``validation_predictions.csv`` beside the classifier, or are those of its sidecar.
        decision_thresholds: of the decision curve, see :func:`~monai_mocoi.analysis.describe_decision_curve`.
        external: the images and labels matched with the classifier's, from :func:`~monai_mocoi.data.match_labels`: the
            number of images without a label is ``unlabelled_images``; for another data set, ``metrics.json`` has
            ``external`` (:func:`~monai_mocoi.analysis.external_report`): a comparison with the classifier's own test
            (``evaluation-test`` in its run folder) and training. None: nothing is compared.
        dataset: with ``external``, the images as they are tested, to measure their statistics; None: not measured.
        dataset_name: with ``external``, of the data set.
        subgroups: see :func:`~monai_mocoi.data.chosen_columns`: where there are columns, ``metrics.json`` has the
            ``subgroups`` of :func:`~monai_mocoi.analysis.evaluate_subgroups`, and the folder their figure.
        age_bands: see :func:`~monai_mocoi.analysis.evaluate_subgroups`.
        resamples, seed, interval, level, min_positives, min_negatives: see
            :class:`~monai_mocoi.analysis.IntervalSettings`.
        next_of: ``run``, ``bundle`` and ``dataset_dir`` for the commands that are logged at the end
            (:func:`~monai_mocoi.handlers.after_evaluation.commands_after`); None: none.

    Raises:
        EvaluationError: a setting out of range.
        SettingsError: ``recalibrate``, and ``external`` has only classes that there is no recalibration of.
        WeightsError: ``run_dir`` has no classifier.
        DatasetError: columns or bands of ages that cannot be used.
    """

    writes: ClassVar[dict[str, str]] = {
        "{folder}/predictions.csv": "probabilities of every image",
        "{folder}/metrics.json": "metrics with their intervals",
        "{folder}/reliability.png, .svg": "whether probabilities mean what they say",
        "{folder}/decision_curve.png, .svg": "net benefit beside treating all and none",
        "{folder}/subgroups.png, .svg": "measures by sex, age, view..., where there are such columns",
    }

    def __init__(
        self,
        folder: str | os.PathLike[str],
        classifier: Mapping[str, Any],
        dataset_sha256: str | None = None,
        skipped_images: Sequence[Mapping[str, Any]] = (),
        overwrite: bool | str = False,
        resamples: int = 2000,
        seed: int = 0,
        interval: str = "bca",
        level: float = 0.95,
        min_positives: int = 25,
        min_negatives: int = 25,
        next_of: Mapping[str, Any] | None = None,
        run_dir: str | os.PathLike[str] | None = None,
        dataset_folder: str | os.PathLike[str] = ".",
        images: Sequence[Mapping[str, Any]] = (),
        subgroups: str | os.PathLike[str] | Sequence[str] | None = None,
        age_bands: Sequence[float] = AGE_BANDS,
        recalibrate: bool | str = False,
        target_sensitivity: Sequence[float] = (0.9,),
        target_specificity: Sequence[float] = (0.9,),
        decision_thresholds: Sequence[float] | None = None,
        external: LabelMatch | None = None,
        dataset: ImageDataset | None = None,
        dataset_name: str | None = None,
    ) -> None:
        self.external = external if external is not None and external.external else None
        self.unlabelled = 0 if external is None else external.unlabelled
        self.dataset = dataset
        self.dataset_name = dataset_name
        self.folder = Path(folder)
        self.classifier = EvaluatedClassifier(dict(classifier), None if run_dir is None else classifier_path(run_dir))
        self.dataset_sha256 = dataset_sha256
        self.skipped_images = [dict(image) for image in skipped_images]
        self.overwrite = overwrite
        self.next_of = next_of
        self.dataset_folder = Path(dataset_folder)
        self.images = list(images)
        self.recalibrate = as_flag("recalibrate", recalibrate)
        if self.recalibrate and self.external is not None:
            self.classifier.check_recalibration(self.external.classes)
        self.targets = list(target_sensitivity), list(target_specificity)
        self.decision_thresholds = decision_thresholds
        self.settings = IntervalSettings(resamples, seed, interval, level, min_positives, min_negatives)
        check_age_bands(age_bands)
        self.age_bands = list(age_bands)
        self.columns = chosen_columns(os.fspath(subgroups) if isinstance(subgroups, os.PathLike) else subgroups, images)

    def attach(self, engine: ClassifierEvaluator) -> None:
        """Register on an evaluator."""
        engine.add_event_handler(Events.STARTED, lambda: check_evaluation_folder(self.folder, self.overwrite))
        engine.add_event_handler(Events.COMPLETED, self._save)

    def _columns_of(self, predictions: Predictions) -> Columns:
        """The columns of the images that were predicted, in their order."""
        row_of = {item["name"]: row for row, item in enumerate(self.images)}
        rows = [row_of[image] for image in predictions.images] if self.columns.values else []
        return replace(
            self.columns, values={name: [own[row] for row in rows] for name, own in self.columns.values.items()}
        )

    def _save(self, engine: ClassifierEvaluator) -> None:
        predictions = engine.predictions
        if rank() > 0 or predictions is None:
            return
        remove_evaluation(self.folder)  # it would be of other predictions
        write_predictions(self.folder / PREDICTIONS_NAME, predictions)
        content = self._content(engine.name, predictions)
        write_evaluation(self.folder, content)
        for line in report_lines(engine.name, content):
            logger.info("%s", line)
        warnings = report_warnings(engine.name, content)
        if few := few_scored_in_words(predictions.labels, predictions.classes):
            warnings.append(f"{engine.name}: {few}, whatever the numbers above.")
        if self.skipped_images:
            warnings.append(f"{len(self.skipped_images)} images could not be read and are not evaluated.")
        for warning in warnings:
            logger.warning("%s", warning)
        logger.info("Predictions and metrics: %s", self.folder)
        if self.next_of and any(number["value"] is not None for number in content["overall"].values()):
            for line in commands_after(self.folder, engine.name, self.next_of, self.external is not None):
                logger.info("%s", line)

    def _content(self, split: str, predictions: Predictions) -> dict[str, Any]:
        """Of ``metrics.json``."""
        classifier, classes = self.classifier, predictions.classes
        report = evaluate_fully(
            predictions,
            classifier.thresholds(classes),
            classifier.record("recalibration", classes),
            self.recalibrate,
            classifier.operating_points(classes, self.targets),
            self.decision_thresholds,
            self._columns_of(predictions),
            self.age_bands,
            **vars(self.settings),
        )
        if split == "validation":
            report["operating_points"]["note"] = "The thresholds were chosen on these very images."
        overlap = classifier.overlap(split, self.dataset_folder, self.images)
        external = None
        if self.external is not None:
            external = classifier.external(self.external, predictions, report, self.dataset_name, self.dataset)
        return {
            "format": 1,
            "split": split,
            "dataset_sha256": self.dataset_sha256,
            "tested": classifier.tested,
            "skipped_images": self.skipped_images,
            **({"unlabelled_images": self.unlabelled} if self.unlabelled else {}),
            **({} if overlap is None else {"pretraining_overlap": overlap}),
            **report,
            **({} if external is None else {"external": external}),
            "seed": self.settings.seed,
            "python": platform.python_version(),
            "versions": package_versions(),
        }
