"""A classifier in use: checks before it; its sidecar, and what lies beside its weights: validation, own test."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi import analysis, data
from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.distributed import rank
from monai_mocoi.errors import DatasetError, SettingsError
from monai_mocoi.networks.classifier_card import PACKAGED_NAME, TESTED, ClassifierCard
from monai_mocoi.runs.product_names import METRICS_NAME, OWN_TEST_NAME, PREDICTIONS_NAME, VALIDATION_NAME
from monai_mocoi.runs.setting_ranges import as_flag

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class EvaluatedClassifier:
    """What is known of a classifier: its sidecar, from :func:`~monai_mocoi.networks.read_classifier_card`."""

    sidecar: Mapping[str, Any]
    weights: Path | None  # None: unknown

    @property
    def tested(self) -> dict[str, Any]:
        """What ``metrics.json`` says of it."""
        return {name: self.sidecar[name] for name in ClassifierCard.told_in(TESTED) if name in self.sidecar}

    def thresholds(self, classes: Sequence[str]) -> dict[str, float] | None:
        """Of these classes; None: it has none."""
        known = self.sidecar.get("thresholds")
        return None if known is None else {name: known[name] for name in classes if name in known}

    def record(self, name: str, classes: Sequence[str]) -> dict[str, Any] | None:
        """A record of its sidecar for these classes, which may be fewer than its own in another hospital."""
        return data.record_of(self.sidecar.get(name), classes)

    def check_recalibration(self, classes: Sequence[str]) -> None:
        """Refuse (SettingsError), before any image is predicted, to recalibrate where none of these classes can be."""
        if (reason := analysis.why_not_fitted(self.record("recalibration", classes))) is not None:
            raise SettingsError(
                f"recalibrate is true, but nothing can be recalibrated of {', '.join(classes)}, the classes that this "
                f"data set has. {reason} Set recalibrate to false."
            )

    def operating_points(self, classes: tuple[str, ...], targets: Sequence[Sequence[float]]) -> dict[str, Any] | None:
        """Chosen on the validation predictions beside the weights, or those of the sidecar; None: there are none."""
        beside = None if self.weights is None else self.weights.with_name(VALIDATION_NAME)
        if beside is not None and beside.is_file():
            validation = data.read_predictions(beside)
            common = tuple(name for name in classes if name in validation.classes)
            # Of the classes of one softmax all or none are known.
            if common and (part := data.predictions_of(validation, common)).classes == common:
                return analysis.choose_operating_points(part, *targets)
        return analysis.wanted_points(self.record("operating_points", classes), *targets)

    def overlap(self, split: str, folder: Path, images: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
        """How many of the images it has seen in training or pretraining; None: unknown."""
        from_random = (self.sidecar.get("start") or {}).get("kind") == "none"
        if self.weights is None or (from_random and "seen_images" not in self.sidecar):
            return None
        return data.pretraining_overlap(self.weights, self.sidecar, folder, {split: images})

    def external(
        self,
        match: data.LabelMatch,
        predictions: data.Predictions,
        report: Mapping[str, Any],
        dataset_name: str | None,
        dataset: data.ImageDataset | None,
    ) -> dict[str, Any]:
        """What ``metrics.json`` has under ``external``: this test beside the classifier's own."""
        own, why = self._own_test()
        inputs = self.sidecar.get("input_statistics")
        here = None if inputs is None or dataset is None else analysis.summarise_inputs(dataset)
        return {
            "dataset": dataset_name,
            "classifier_dataset": self.sidecar.get("dataset"),
            "missing_classes": list(match.missing),
            "ignored_labels": list(match.ignored),
            "own_test": {"images": len(own.images), "patients": len(set(own.patients))} if own else None,
            "own_test_missing": why,
            **analysis.external_report(predictions, report, own, self._training_counts(), inputs, here),
        }

    def _own_test(self) -> tuple[data.Predictions | None, str | None]:
        """The predictions of the classifier's own test, or why there are none to compare with."""
        if self.weights is None:
            return None, "the place of the classifier is not known"
        if self.weights.name == PACKAGED_NAME:  # a package takes no predictions along, and takes none in
            return None, "the own test of a package is in its model card (docs/README.md)"
        folder = self.weights.parent / OWN_TEST_NAME
        again = f"run evaluate.json on its own data set (it writes {OWN_TEST_NAME})"
        if not (folder / METRICS_NAME).is_file():
            return None, f"the classifier was not tested on its own test images: {again}, then this again"
        try:
            metrics = json.loads((folder / METRICS_NAME).read_text(encoding="utf-8"))
            of_this = json.loads(json.dumps(self.tested, default=str)) == metrics.get("tested")
            if not of_this or metrics.get("dataset_sha256") != self.sidecar.get("dataset_sha256"):
                return None, f"{OWN_TEST_NAME} is of another classifier or data set: {again}, overwriting it"
            return data.read_predictions(folder / PREDICTIONS_NAME), None
        except (OSError, ValueError, AttributeError) as error:
            return None, f"{OWN_TEST_NAME} cannot be read ({type(error).__name__}): {again}, overwriting it"

    def _training_counts(self) -> dict[str, Any] | None:
        """``images`` and ``positives`` by class: of ``labelled.json``, or of a package's sidecar; None: unknown."""
        if (packaged := self.sidecar.get("training_counts")) is not None or self.weights is None:
            return packaged
        try:
            labelled = LabelledImages.read(self.weights.with_name(LabelledImages.FILE))
        except DatasetError:
            return None
        return (labelled.counts or {}).get("training")


def warn_of_demo_classifier(classifier: Mapping[str, Any], images: Any) -> None:
    """Warn if a classifier (its sidecar) that was trained on phantoms is given ``images``; None: the data set's own."""
    if images is not None and (classifier.get("settings") or {}).get("demo") is True:
        logger.warning(
            "THIS CLASSIFIER WAS TRAINED ON GENERATED PHANTOMS (dataset_dir 'demo'): what it says about other images "
            "means nothing. Take one that was trained on medical images."
        )


def check_recalibration(record: Mapping[str, Any] | None, recalibrate: bool | str) -> None:
    """Say what recalibration will do, if it is asked for; SettingsError: there is nothing to recalibrate by.

    ``record`` is ``recalibration`` of a classifier's sidecar; ``recalibrate`` may be the text "true" or "false".
    """
    if not as_flag("recalibrate", recalibrate):
        return
    if (reason := analysis.why_not_fitted(record)) is not None:
        raise SettingsError(
            f"recalibrate is true, but this classifier's probabilities cannot be recalibrated. {reason} Leave "
            "recalibrate out, or fine-tune with more validation images."
        )
    if rank() > 0 or record is None:
        return
    how = f"{record['method']}, fitted on {record['images']} validation images of {record['patients']} patients"
    logger.info("Probabilities are recalibrated (%s); decisions stay as they are.", how)
    for name, line in record.get("classes", {}).items():
        if "reason" in line:
            logger.warning("The probability of %s stays as it is: %s", name, line["reason"])
