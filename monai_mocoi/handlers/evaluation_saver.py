"""The product of an evaluation: the predictions, the metrics with their intervals, and which classifier they are of."""

from __future__ import annotations

import json
import logging
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ignite.engine import Events

from monai_mocoi.analysis import (
    IntervalSettings,
    choose_operating_points,
    evaluate_fully,
    evaluate_subgroups,
    external_report,
    external_warnings,
    external_words,
    few_patients_in_words,
    subgroup_warnings,
    subgroups_in_words,
    summarise_inputs,
    unknown_in_report,
    wanted_points,
    why_not_fitted,
)
from monai_mocoi.analysis.evaluation_words import calibration_in_words, number_in_words, operating_points_in_words
from monai_mocoi.data import (
    AGE_BANDS,
    ImageDataset,
    LabelMatch,
    Predictions,
    check_age_bands,
    chosen_columns,
    overlap_in_words,
    overlap_warnings,
    predictions_of,
    pretraining_overlap,
    read_predictions,
    record_of,
    write_predictions,
)
from monai_mocoi.data.enough_images import few_scored_in_words
from monai_mocoi.data.label_fraction import LABELLED_NAME
from monai_mocoi.data.labels import left_out_in_words
from monai_mocoi.distributed import rank
from monai_mocoi.engines import ClassifierEvaluator
from monai_mocoi.errors import SettingsError
from monai_mocoi.figures.evaluation import remove_evaluation_figures, save_evaluation_figures
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.handlers.after_evaluation import after_evaluation
from monai_mocoi.networks import classifier_path, guessing_warning
from monai_mocoi.networks.classifier_place import PACKAGED_NAME
from monai_mocoi.own_command import command
from monai_mocoi.runs.product_folders import check_evaluation_folder
from monai_mocoi.runs.product_names import METRICS_NAME, OWN_TEST_NAME, PREDICTIONS_NAME, VALIDATION_NAME
from monai_mocoi.runs.provenance import package_versions
from monai_mocoi.runs.setting_ranges import as_flag

logger = logging.getLogger(__name__)

_OF_CLASSIFIER = (
    *("method", "selected", "stage", "trainable", "label_fraction", "label_seed", "validation_labels", "pretrained"),
    *("pretrained_sha256", "dataset_sha256", "thresholds_without_choice", "epochs", "start", "seed", "validation"),
    "labelled_images",
)


class EvaluationSaver:
    """Write predictions, figures and ``metrics.json`` when a :class:`~monai_mocoi.engines.ClassifierEvaluator` ends.

    ``metrics.json`` holds what :func:`~monai_mocoi.analysis.evaluate_fully` gives, and with it the split, the
    hash of the data set, which classifier was tested (fault A1: of which epoch, chosen by what, with which labels), and
    the versions. It is written last: where it stands, the evaluation is whole. The log shows the numbers.

    Args:
        folder: see :func:`~monai_mocoi.runs.check_evaluation_folder`, which is asked again when the run starts.
        classifier: the classifier's sidecar, from :func:`~monai_mocoi.networks.read_classifier_sidecar`.
        dataset_sha256: hash of the ``datalist.json`` that is tested; None: unknown.
        skipped_images: descriptions of images of the split that could not be read and are not scored.
        overwrite: see :func:`~monai_mocoi.runs.check_evaluation_folder`.
        run_dir: where the classifier lies: by ``seen_images.json`` beside it, ``metrics.json`` tells as
            ``pretraining_overlap`` how many of the images it has seen in its training or pretraining
            (:func:`~monai_mocoi.data.pretraining_overlap`). None: it is not looked at.
        dataset_folder: of the images.
        images: those that are tested; such as can be read.
        recalibrate: measure the probabilities as the classifier's ``recalibration`` mends them. ``predictions.csv``
            and ``external`` have them as the network gives them all the same, and decisions do not change. The texts
            "true" and "false" will do.
        target_sensitivity, target_specificity: wanted ones; their thresholds are chosen on the
            ``validation_predictions.csv`` beside the classifier, or are those of its sidecar.
        decision_thresholds: of the decision curve, see :func:`~monai_mocoi.analysis.describe_decision_curve`.
        external: the images and labels set beside the classifier's, from :func:`~monai_mocoi.data.match_labels`: how
            many images of the split have no label is written down as ``unlabelled_images``, if there are any; where
            they are of another data set, ``metrics.json`` has ``external``
            (:func:`~monai_mocoi.analysis.external_report`): the numbers beside those of the classifier's own test
            (``evaluation-test`` in its run folder), the prevalences and the pictures beside those of training. None:
            nothing is compared.
        dataset: with ``external``, the images as they are tested, to measure their pictures; None: they are not.
        dataset_name: with ``external``, of the data set.
        subgroups: see :func:`~monai_mocoi.data.chosen_columns`: where there are columns, ``metrics.json`` has the
            ``subgroups`` of :func:`~monai_mocoi.analysis.evaluate_subgroups`, and the folder their figure.
        age_bands: see :func:`~monai_mocoi.analysis.evaluate_subgroups`.
        resamples, seed, interval, level, min_positives, min_negatives: see
            :class:`~monai_mocoi.analysis.IntervalSettings`.
        next_of: ``run``, ``bundle`` and ``dataset_dir`` for
            :func:`~monai_mocoi.handlers.after_evaluation.after_evaluation`, whose command is logged at the end; None:
            nothing is logged.

    Raises:
        EvaluationError: a setting out of range.
        SettingsError: ``recalibrate``, and ``external`` has only classes that there is no recalibration of.
        WeightsError: ``run_dir`` has no classifier.
        DatasetError: columns or bands of ages that cannot be used.
    """

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
        self.classifier = dict(classifier)
        self.dataset_sha256 = dataset_sha256
        self.skipped_images = [dict(image) for image in skipped_images]
        self.overwrite = overwrite
        self.next_of = next_of
        self.weights = None if run_dir is None else classifier_path(run_dir)
        self.dataset_folder = Path(dataset_folder)
        self.images = list(images)
        self.recalibrate = as_flag("recalibrate", recalibrate)
        self._check_recalibration()
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

    def _check_recalibration(self) -> None:
        """Before any image is predicted: of the classes of another hospital alone."""
        if not self.recalibrate or self.external is None:
            return
        if (reason := why_not_fitted(record_of(self.classifier.get("recalibration"), self.external.classes))) is None:
            return
        raise SettingsError(
            f"recalibrate is true, but nothing can be recalibrated of {', '.join(self.external.classes)}, the classes "
            f"that this data set has. {reason} Leave --recalibrate out."
        )

    def _overlap(self, split: str) -> dict[str, Any] | None:
        """At the end, as other processes would have to wait for it."""
        from_random = (self.classifier.get("start") or {}).get("kind") == "none"
        if self.weights is None or (from_random and "seen_images" not in self.classifier):
            return None
        return pretraining_overlap(self.weights, self.classifier, self.dataset_folder, {split: self.images})

    def _operating_points(self, classes: tuple[str, ...]) -> dict[str, Any] | None:
        """Of these classes, which are not all of the classifier's where another hospital lacks a finding."""
        beside = None if self.weights is None else self.weights.with_name(VALIDATION_NAME)
        if beside is not None and beside.is_file():
            validation = read_predictions(beside)
            common = tuple(name for name in classes if name in validation.classes)
            # Of softmax classes all or none are known.
            if common and (part := predictions_of(validation, common)).classes == common:
                return choose_operating_points(part, *self.targets)
        return wanted_points(record_of(self.classifier.get("operating_points"), classes), *self.targets)

    def _beside_own(
        self, predictions: Predictions, report: Mapping[str, Any], tested: Mapping[str, Any]
    ) -> dict[str, Any] | None:
        """What ``metrics.json`` says under ``external``; None for the classifier's own data set."""
        if self.external is None:
            return None
        own, why = self._own_test(tested)
        training = None if self.weights is None else _training_counts(self.weights.parent)
        inputs = self.classifier.get("input_statistics")
        found = external_report(
            predictions,
            report,
            own,
            training,
            inputs,
            None if inputs is None or self.dataset is None else summarise_inputs(self.dataset),
        )
        return {
            "dataset": self.dataset_name,
            "classifier_dataset": self.classifier.get("dataset"),
            "missing_classes": list(self.external.missing),
            "ignored_labels": list(self.external.ignored),
            "own_test": {"images": len(own.images), "patients": len(set(own.patients))} if own else None,
            "own_test_missing": why,
            **found,
        }

    def _own_test(self, tested: Mapping[str, Any]) -> tuple[Predictions | None, str | None]:
        """The predictions of the classifier's own test, or why there are none to compare with."""
        if self.weights is None:
            return None, "where the classifier lies is not known"
        if self.weights.name == PACKAGED_NAME:  # a package takes no predictions along, and takes none in
            return None, "the own test of a package is in its model card (docs/README.md)"
        folder = self.weights.parent / OWN_TEST_NAME
        again = f"run evaluate.json on its own data set (it writes {OWN_TEST_NAME})"
        if not (folder / METRICS_NAME).is_file():
            return None, f"the classifier was not tested on its own test images: {again}, then this again"
        try:
            metrics = json.loads((folder / METRICS_NAME).read_text(encoding="utf-8"))
            of_this = json.loads(json.dumps(dict(tested), default=str)) == metrics.get("tested")
            if not of_this or metrics.get("dataset_sha256") != self.classifier.get("dataset_sha256"):
                return None, f"{OWN_TEST_NAME} is of another classifier or data set: {again} with --overwrite true"
            return read_predictions(folder / PREDICTIONS_NAME), None
        except (OSError, ValueError, AttributeError) as error:
            return None, f"{OWN_TEST_NAME} cannot be read ({type(error).__name__}): {again} with --overwrite true"

    def _subgroups(self, predictions: Predictions, thresholds: Mapping[str, float] | None) -> dict[str, Any] | None:
        """The report of the subgroups; None: there are no columns."""
        if not self.columns.values:
            return None
        row_of = {item["name"]: row for row, item in enumerate(self.images)}
        rows = [row_of[image] for image in predictions.images]
        values = {name: [own[row] for row in rows] for name, own in self.columns.values.items()}
        columns = replace(self.columns, values=values)
        return evaluate_subgroups(predictions, columns, thresholds, self.age_bands, **vars(self.settings))

    def _save(self, engine: ClassifierEvaluator) -> None:
        predictions = engine.predictions
        if rank() > 0 or predictions is None:
            return
        (self.folder / METRICS_NAME).unlink(missing_ok=True)  # it would be of other predictions
        remove_evaluation_figures(self.folder)
        write_predictions(self.folder / PREDICTIONS_NAME, predictions)
        thresholds = self.classifier.get("thresholds")
        if thresholds is not None:
            thresholds = {name: thresholds[name] for name in predictions.classes if name in thresholds}
        report = evaluate_fully(
            predictions,
            thresholds,
            record_of(self.classifier.get("recalibration"), predictions.classes),
            self.recalibrate,
            self._operating_points(predictions.classes),
            self.decision_thresholds,
            **vars(self.settings),
        )
        if engine.name == "validation":
            report["operating_points"]["note"] = "The thresholds were chosen on these very images."
        subgroups = self._subgroups(predictions, thresholds)
        save_evaluation_figures(self.folder, report if subgroups is None else {**report, "subgroups": subgroups})
        overlap = self._overlap(engine.name)
        tested = {name: self.classifier[name] for name in _OF_CLASSIFIER if name in self.classifier}
        content = {
            "format": 1,
            "split": engine.name,
            "dataset_sha256": self.dataset_sha256,
            "tested": tested,
            "skipped_images": self.skipped_images,
            **({"unlabelled_images": self.unlabelled} if self.unlabelled else {}),
            **({} if overlap is None else {"pretraining_overlap": overlap}),
            **report,
            **({} if (external := self._beside_own(predictions, report, tested)) is None else {"external": external}),
            **({} if subgroups is None else {"subgroups": subgroups}),
            "seed": self.settings.seed,
            "python": platform.python_version(),
            "versions": package_versions(),
        }
        write_json(self.folder / METRICS_NAME, content)
        for line in (describe_tested(tested), *describe_report(engine.name, content)):
            logger.info("%s", line)
        if (seen := overlap_in_words(overlap, engine.name)) is not None:
            logger.info("%s", seen)
        warnings = [*few_patients_in_words(report), *overlap_warnings(overlap, engine.name)]
        if subgroups is not None:
            for line in subgroups_in_words(subgroups):
                logger.info("%s", line)
            warnings += subgroup_warnings(subgroups)
        if external is not None:
            for line in _external_lines(external, self.recalibrate):
                logger.info("%s", line)
            warnings += external_warnings(external)
        if (warning := guessing_warning(self.classifier.get("start"))) is not None:
            warnings.append(warning)
        if few := few_scored_in_words(predictions.labels, predictions.classes):
            warnings.append(f"{engine.name}: {few}, whatever the numbers above.")
        for warning in warnings:
            logger.warning("%s", warning)
        if self.skipped_images:
            logger.warning("%d images could not be read and are not scored.", len(self.skipped_images))
        logger.info("Predictions and metrics: %s", self.folder)
        if self.next_of and any(number["value"] is not None for number in report["overall"].values()):
            words = {name: str(self.next_of[name]) for name in ("bundle", "dataset_dir")}
            if engine.name == "test" and words["dataset_dir"] != "demo":
                shortcuts = command("baselines", words["dataset_dir"])
                logger.info("What view, colour and other shortcuts tell alone, to be compared with: %s", shortcuts)
            run, external_set = Path(self.next_of["run"]), self.external is not None
            if following := after_evaluation(self.folder, run, engine.name, **words, external=external_set):
                logger.info("Next: %s", following)


def _training_counts(folder: Path) -> dict[str, Any] | None:
    """``images`` and ``positives`` by class: of the run's ``labelled.json``, or of a package's sidecar."""
    try:
        if (packaged := (folder / PACKAGED_NAME).with_suffix(".json")).is_file():
            return dict(json.loads(packaged.read_text(encoding="utf-8"))["training_counts"])
        return dict(json.loads((folder / LABELLED_NAME).read_text(encoding="utf-8"))["counts"]["training"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _external_lines(external: Mapping[str, Any], recalibrate: bool) -> list[str]:
    """Own test beside external, in a few lines."""
    own = external["own_test"]
    beside = "" if own is None else f", beside its own test ({own['images']} images of {own['patients']} patients)"
    beside += f", by the probabilities {external['probabilities']}" if recalibrate else ""
    lines = [f"On another data set, {external['dataset']!r}{beside}:", *external_words(external)]
    if own is None:
        lines.append(f"  nothing to compare the numbers with: {external['own_test_missing']}.")
    elif external["compared_classes"] is None:
        lines.append("  the numbers cannot be compared: no class is scored in both, or softmax classes differ.")
    return lines


def describe_tested(tested: Mapping[str, Any]) -> str:
    """Which classifier was tested, in words.

    Args:
        tested: of a classifier's sidecar; what is missing is left out.
    """
    selected = tested.get("selected") or {}
    if "epoch" in selected:
        words = f"the classifier of epoch {selected['epoch']}"
    elif "penalty" in selected:
        words = f"the linear classifier of penalty {selected['penalty']:g}"
    else:
        words = "a classifier of unknown epoch"
    if selected.get("value") is not None:
        words += f", chosen by {selected['metric']} {selected['value']:.3f}"
        words += f" ({selected['over']})" if "over" in selected else ""
    elif selected:
        words += ", not chosen on validation"
    if tested.get("label_fraction") is not None:
        words += f"; label fraction {tested['label_fraction']:g}"
    return f"Tested: {words}."


def describe_report(split: str, report: Mapping[str, Any]) -> list[str]:
    """The numbers for all classes together and the AUC of each, one a line.

    Args:
        split: its name.
        report: of :func:`~monai_mocoi.analysis.evaluate_predictions`.
    """
    made = report["intervals"]
    lines = [
        f"{split}: {report['images']} images of {report['patients']} patients; {made['level']:.0%} intervals over "
        f"patients ({made['method']}, {made['resamples']} resamples)"
    ]
    classes = report["classes"]
    named = report["overall"] | {f"AUC {name}": classes[name]["auc"] for name in classes if "auc" in classes[name]}
    width = max(map(len, named))
    without_value: dict[str, list[str]] = {}
    for name, number in named.items():
        if number["value"] is None:
            without_value.setdefault(number["reason"], []).append(name)
    shared = {reason: names for reason, names in without_value.items() if len(names) > 1}
    lines += [
        f"  {name:<{width}}  {number_in_words(number)}"
        for name, number in named.items()
        if number["value"] is not None or number["reason"] not in shared
    ]
    lines += [f"  {reason} So there is no {', '.join(names)}." for reason, names in shared.items()]
    if without := report.get("unlabelled_images"):
        lines.append("  " + left_out_in_words(split, without))
    told = (*unknown_in_report(report), *calibration_in_words(report), *operating_points_in_words(report))
    lines += [f"  {line}" for line in told]
    if left_out := report["left_out_classes"]:
        lines.append("  not scored: " + ", ".join(f"{c['class']} ({c['positives']} positive)" for c in left_out))
    return lines
