"""Evaluation saver: predictions, metrics with their intervals, and which classifier they are of."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from monai_mocoi import data
from monai_mocoi.analysis import IntervalSettings, evaluate_fully, report_lines, report_warnings
from monai_mocoi.data.enough_images import few_scored_in_words
from monai_mocoi.distributed import rank
from monai_mocoi.engines import ClassifierEvaluator, RunEvents
from monai_mocoi.figures.evaluation import remove_evaluation, write_evaluation
from monai_mocoi.networks import classifier_path
from monai_mocoi.runs.evaluated_classifier import EvaluatedClassifier
from monai_mocoi.runs.next_command import lines_after_an_evaluation
from monai_mocoi.runs.product_folders import check_evaluation_folder
from monai_mocoi.runs.product_names import PREDICTIONS_NAME
from monai_mocoi.runs.provenance import made_by
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
        classifier, run_dir: its card, and its folder (None: what is beside it is not looked at).
        dataset_sha256: hash of the ``datalist.json`` that is tested; None: unknown.
        skipped_images: descriptions of images of the split that could not be read.
        resamples, seed, interval, level, min_positives, min_negatives: :class:`~monai_mocoi.analysis.IntervalSettings`.
        next_of: ``run``, ``bundle`` and ``dataset_dir`` for the commands that are logged at the end; None: none.
        dataset_folder, images: of the images; those that are tested and can be read.
        subgroups, age_bands: see :func:`~monai_mocoi.data.chosen_columns`; without a column there are no subgroups.
        recalibrate: measure the recalibrated probabilities; ``predictions.csv``, ``external`` and decisions stay those
            of the network's own. The texts "true" and "false" are accepted.
        target_sensitivity, target_specificity, decision_thresholds: see :func:`~monai_mocoi.analysis.evaluate_fully`.
        external, dataset, dataset_name: of :func:`~monai_mocoi.data.match_labels`; the images, to measure their
            statistics; a name. For another data set, ``metrics.json`` has ``external``
            (:func:`~monai_mocoi.analysis.external_report`). None: not compared.

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
    age_bands: Sequence[float] = data.AGE_BANDS
    recalibrate: bool | str = False
    target_sensitivity: Sequence[float] = (0.9,)
    target_specificity: Sequence[float] = (0.9,)
    decision_thresholds: Sequence[float] | None = None
    external: data.LabelMatch | None = None
    dataset: data.ImageDataset | None = None
    dataset_name: str | None = None

    def __post_init__(self) -> None:
        weights = None if self.run_dir is None else classifier_path(self.run_dir)
        self.known = EvaluatedClassifier(dict(self.classifier), weights)
        self.elsewhere = self.external if self.external is not None and self.external.external else None
        self.recalibrated = as_flag("recalibrate", self.recalibrate)
        if self.recalibrated and self.elsewhere is not None:
            self.known.check_recalibration(self.elsewhere.classes)
        limits = self.min_positives, self.min_negatives
        self.settings = IntervalSettings(self.resamples, self.seed, self.interval, self.level, *limits)
        data.check_age_bands(self.age_bands)
        by = self.subgroups
        self.columns = data.chosen_columns(os.fspath(by) if isinstance(by, os.PathLike) else by, self.images)

    def attach(self, engine: ClassifierEvaluator) -> None:
        """Register on an evaluator."""
        engine.add_event_handler(RunEvents.OPEN_RUN, lambda: check_evaluation_folder(self.folder, self.overwrite))
        engine.add_event_handler(RunEvents.FINISH_RUN, self._save)  # the last file: where it is, all are

    def _save(self, engine: ClassifierEvaluator) -> None:
        folder, predictions = Path(self.folder), engine.predictions
        if rank() > 0 or predictions is None:
            return
        remove_evaluation(folder)  # it would be of other predictions
        data.write_predictions(folder / PREDICTIONS_NAME, predictions)
        content = self.content(engine.name, predictions)
        write_evaluation(folder, content)
        for line in report_lines(engine.name, content):
            logger.info("%s", line)
        for warning in report_warnings(engine.name, content):
            logger.warning("%s", warning)
        if few := few_scored_in_words(predictions.labels, predictions.classes):
            logger.warning("%s: %s, whatever the numbers above.", engine.name, few)
        if self.skipped_images:
            logger.warning("%d images could not be read and are not evaluated.", len(self.skipped_images))
        logger.info("Predictions and metrics: %s", folder)
        if self.next_of and any(number["value"] is not None for number in content["overall"].values()):
            for line in lines_after_an_evaluation(folder, engine.name, self.elsewhere is not None, **self.next_of):
                logger.info("%s", line)

    def content(self, split: str, predictions: data.Predictions) -> dict[str, Any]:
        """The evaluation, and which classifier it is of, as plain values."""
        known, classes = self.known, predictions.classes
        # The columns of the images that were predicted, in their order.
        row_of = {item["name"]: row for row, item in enumerate(self.images)} if self.columns.values else {}
        values = {name: [own[row_of[i]] for i in predictions.images] for name, own in self.columns.values.items()}
        report = evaluate_fully(
            predictions,
            known.thresholds(classes),
            known.record("recalibration", classes),
            self.recalibrated,
            known.operating_points(classes, (self.target_sensitivity, self.target_specificity)),
            self.decision_thresholds,
            replace(self.columns, values=values),
            list(self.age_bands),
            **vars(self.settings),
        )
        if split == "validation":
            report["operating_points"]["note"] = "The thresholds were chosen on these very images."
        content = {"format": 1, "split": split, "dataset_sha256": self.dataset_sha256, "tested": known.tested}
        content["skipped_images"] = [dict(image) for image in self.skipped_images]
        if self.external is not None and self.external.unlabelled:
            content["unlabelled_images"] = self.external.unlabelled
        if (overlap := known.overlap(split, Path(self.dataset_folder), self.images)) is not None:
            content["pretraining_overlap"] = overlap
        content |= report
        if self.elsewhere is not None:
            content["external"] = known.external(self.elsewhere, predictions, report, self.dataset_name, self.dataset)
        return {**content, "seed": self.seed, **made_by()}
