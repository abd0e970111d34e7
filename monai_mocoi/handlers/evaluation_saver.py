"""The product of an evaluation: the predictions, the metrics with their intervals, and which classifier they are of."""

from __future__ import annotations

import logging
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(eq=False)
class EvaluationSaver:
    """Write predictions, figures and ``metrics.json`` when a :class:`~monai_mocoi.engines.ClassifierEvaluator` ends.

    ``metrics.json`` holds what :func:`~monai_mocoi.analysis.evaluate_fully` gives, the split, the hash of the data set,
    which classifier was tested (fault A1: of which epoch, chosen by what, with which labels), and the versions. It is
    written last: where it exists, the evaluation is whole. The log shows the numbers.

    Args:
        folder, overwrite: see :func:`~monai_mocoi.runs.check_evaluation_folder`, which is asked when the run starts.
        classifier: the classifier's sidecar, from :func:`~monai_mocoi.networks.read_classifier_sidecar`.
        dataset_sha256: hash of the ``datalist.json`` that is tested; None: unknown.
        skipped_images: descriptions of images of the split that could not be read and are not evaluated.
        resamples, seed, interval, level, min_positives, min_negatives: see
            :class:`~monai_mocoi.analysis.IntervalSettings`.
        next_of: ``run``, ``bundle`` and ``dataset_dir`` for the commands that are logged at the end; None: none.
        run_dir: of the classifier: with ``seen_images.json`` beside it, ``metrics.json`` has ``pretraining_overlap``
            (:func:`~monai_mocoi.data.pretraining_overlap`). None: not looked at.
        dataset_folder, images: of the images; those that are tested and can be read.
        subgroups: see :func:`~monai_mocoi.data.chosen_columns`; without a column there are no ``subgroups``.
        age_bands: see :func:`~monai_mocoi.analysis.evaluate_subgroups`.
        recalibrate: measure the recalibrated probabilities. ``predictions.csv``, ``external`` and decisions stay those
            of the probabilities as the network gives them. The texts "true" and "false" are accepted.
        target_sensitivity, target_specificity: wanted ones; their thresholds are chosen on the
            ``validation_predictions.csv`` beside the classifier, or are those of its sidecar.
        decision_thresholds: of the decision curve, see :func:`~monai_mocoi.analysis.evaluate_fully`.
        external: the images and labels matched with the classifier's, from :func:`~monai_mocoi.data.match_labels`: for
            another data set, ``metrics.json`` has ``external`` (:func:`~monai_mocoi.analysis.external_report`). None:
            nothing is compared.
        dataset, dataset_name: with ``external``, the images as they are tested, to measure their statistics; a name.

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

    folder: str | os.PathLike[str]
    classifier: Mapping[str, Any]
    dataset_sha256: str | None = None
    skipped_images: Sequence[Mapping[str, Any]] = ()
    overwrite: bool | str = False
    resamples: int = 2000
    seed: int = 0
    interval: str = "bca"
    level: float = 0.95
    min_positives: int = 25
    min_negatives: int = 25
    next_of: Mapping[str, Any] | None = None
    run_dir: str | os.PathLike[str] | None = None
    dataset_folder: str | os.PathLike[str] = "."
    images: Sequence[Mapping[str, Any]] = ()
    subgroups: str | os.PathLike[str] | Sequence[str] | None = None
    age_bands: Sequence[float] = AGE_BANDS
    recalibrate: bool | str = False
    target_sensitivity: Sequence[float] = (0.9,)
    target_specificity: Sequence[float] = (0.9,)
    decision_thresholds: Sequence[float] | None = None
    external: LabelMatch | None = None
    dataset: ImageDataset | None = None
    dataset_name: str | None = None

    def __post_init__(self) -> None:
        weights = None if self.run_dir is None else classifier_path(self.run_dir)
        self._of = EvaluatedClassifier(dict(self.classifier), weights)
        self._elsewhere = self.external if self.external is not None and self.external.external else None
        self._recalibrate = as_flag("recalibrate", self.recalibrate)
        if self._recalibrate and self._elsewhere is not None:
            self._of.check_recalibration(self._elsewhere.classes)
        self._settings = IntervalSettings(
            self.resamples, self.seed, self.interval, self.level, self.min_positives, self.min_negatives
        )
        check_age_bands(self.age_bands)
        by = self.subgroups
        self._columns = chosen_columns(os.fspath(by) if isinstance(by, os.PathLike) else by, self.images)

    def attach(self, engine: ClassifierEvaluator) -> None:
        """Register on an evaluator."""
        engine.add_event_handler(Events.STARTED, lambda: check_evaluation_folder(self.folder, self.overwrite))
        engine.add_event_handler(Events.COMPLETED, self._save)

    def _columns_of(self, predictions: Predictions) -> Columns:
        """The columns of the images that were predicted, in their order."""
        row_of = {item["name"]: row for row, item in enumerate(self.images)} if self._columns.values else {}
        return replace(
            self._columns,
            values={name: [own[row_of[i]] for i in predictions.images] for name, own in self._columns.values.items()},
        )

    def _save(self, engine: ClassifierEvaluator) -> None:
        predictions = engine.predictions
        if rank() > 0 or predictions is None:
            return
        folder = Path(self.folder)
        remove_evaluation(folder)  # it would be of other predictions
        write_predictions(folder / PREDICTIONS_NAME, predictions)
        content = self._content(engine.name, predictions)
        write_evaluation(folder, content)
        for line in report_lines(engine.name, content):
            logger.info("%s", line)
        warnings = report_warnings(engine.name, content)
        if few := few_scored_in_words(predictions.labels, predictions.classes):
            warnings.append(f"{engine.name}: {few}, whatever the numbers above.")
        if self.skipped_images:
            warnings.append(f"{len(self.skipped_images)} images could not be read and are not evaluated.")
        for warning in warnings:
            logger.warning("%s", warning)
        logger.info("Predictions and metrics: %s", folder)
        if self.next_of and any(number["value"] is not None for number in content["overall"].values()):
            for line in commands_after(folder, engine.name, self.next_of, self._elsewhere is not None):
                logger.info("%s", line)

    def _content(self, split: str, predictions: Predictions) -> dict[str, Any]:
        """Of ``metrics.json``."""
        classifier, classes = self._of, predictions.classes
        report = evaluate_fully(
            predictions,
            classifier.thresholds(classes),
            classifier.record("recalibration", classes),
            self._recalibrate,
            classifier.operating_points(classes, (self.target_sensitivity, self.target_specificity)),
            self.decision_thresholds,
            self._columns_of(predictions),
            list(self.age_bands),
            **vars(self._settings),
        )
        if split == "validation":
            report["operating_points"]["note"] = "The thresholds were chosen on these very images."
        overlap = classifier.overlap(split, Path(self.dataset_folder), self.images)
        external = None
        if self._elsewhere is not None:
            external = classifier.external(self._elsewhere, predictions, report, self.dataset_name, self.dataset)
        unlabelled = 0 if self.external is None else self.external.unlabelled
        return {
            "format": 1,
            "split": split,
            "dataset_sha256": self.dataset_sha256,
            "tested": classifier.tested,
            "skipped_images": [dict(image) for image in self.skipped_images],
            **({"unlabelled_images": unlabelled} if unlabelled else {}),
            **({} if overlap is None else {"pretraining_overlap": overlap}),
            **report,
            **({} if external is None else {"external": external}),
            "seed": self.seed,
            "python": platform.python_version(),
            "versions": package_versions(),
        }
