"""Linear evaluations of one encoder with many draws of labels: features once, a fit and a test for each draw.

A cell is what ``finetune.json`` with ``trainable`` "head" and then ``evaluate.json`` give for the same labels.
"""

import logging
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi.analysis import LinearEvaluation, summarise_inputs
from monai_mocoi.analysis.wording import number_in_words
from monai_mocoi.data import (
    LabelMatch,
    LabelSubset,
    Predictions,
    check_class_weighting,
    class_weights,
    write_predictions,
)
from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.data.prepared_dataset import evaluation_dataset
from monai_mocoi.engines.classifier_evaluator import logit_metrics
from monai_mocoi.engines.linear_trainer import linear_summary
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.handlers import EvaluationSaver
from monai_mocoi.metrics import SELECTION_METRICS, class_probabilities, selection_metric
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME, ClassifierCard
from monai_mocoi.report.linear_request import LinearRequest, SeenImages
from monai_mocoi.runs.classifier_origin import ClassifierOrigin
from monai_mocoi.runs.evaluated_classifier import EvaluatedClassifier
from monai_mocoi.runs.made_card import made_card
from monai_mocoi.runs.product_names import METRICS_NAME, OWN_TEST_NAME, PREDICTIONS_NAME, VALIDATION_NAME

logger = logging.getLogger(__name__)


def cell_name(fraction: float, label_seed: int) -> str:
    """Name of a cell's folder: ``f0.06-l1``."""
    return f"f{fraction:g}-l{label_seed}"


class LinearCells:
    """The cells of a :class:`LinearRequest`; those that its folder has already are left as they are.

    A cell's ``metrics.json`` is written last: where it is, the cell is whole.

    Raises:
        SettingsError: class weighting of findings, each of which has a classifier of its own.
        DatasetError: labels that do not match those of the tested data set, or images that cannot be read.
    """

    def __init__(self, request: LinearRequest) -> None:
        self.request = request
        check_class_weighting(request.kind, request.class_weighting, "lbfgs")
        self.match = request.match(request.tested)

    def run(self) -> list[Path]:
        """Make what is missing; the folders of all cells."""
        request = self.request
        folder_of = {self._name(draw): Path(request.folder, self._name(draw)) for draw in request.draws}
        todo = [draw for draw in request.draws if not (folder_of[self._name(draw)] / METRICS_NAME).is_file()]
        if todo:
            whole = request.datalist.splits()
            of_draws = {}
            for split in ("training", "validation"):
                asked = {item["name"] for draw in todo for item in draw.datalist.splits()[split]}
                of_draws[split] = request.seen([item for item in whole[split] if item["name"] in asked])
            self._seen, self._tested = of_draws, request.seen(self.match.items)
            if self.match.external:
                self._own = request.match(request.datalist)
                self._own_tested = request.seen(self._own.items)
            for draw in todo:
                self._cell(draw, folder_of[self._name(draw)])
        return list(folder_of.values())

    @staticmethod
    def _name(draw: LabelSubset) -> str:
        return cell_name(draw.record["label_fraction"], draw.record["label_seed"])

    def _cell(self, draw: LabelSubset, folder: Path) -> None:
        request, classes = self.request, self.request.datalist.labels
        items, features, labels = self._seen["training"].part(draw.datalist.training)
        held, chosen_on, known = self._seen["validation"].part(draw.datalist.validation)
        metric = partial(selection_metric, request.metric, request.kind)
        weights = None
        if request.class_weighting:
            weights = class_weights(items, len(classes)).double().numpy()[labels]
        evaluation = LinearEvaluation(request.kind, len(classes), metric, draw.selection)
        fit = evaluation.fit(features, labels, chosen_on, known, sample_weight=weights)
        logits = fit.layer_logits(chosen_on)
        validation = _predictions(held, classes, request.kind, known, class_probabilities(logits, request.kind))
        measured = logit_metrics(logits, known, request.kind, SELECTION_METRICS) if held else {}
        readable = replace(draw.datalist, training=items, validation=held)
        with tempfile.TemporaryDirectory() as beside:  # what an evaluation finds beside a classifier
            weights_file = Path(beside, CLASSIFIER_NAME)
            record = LabelledImages.of(draw.record)
            settings = {**request.settings, **{name: record[name] for name in ("label_fraction", "label_seed")}}
            origin = ClassifierOrigin(weights_file, settings, record, request.weights, readable, None)
            origin.look()
            facts = origin.facts(request.network, None)  # type: ignore[arg-type]  # it is asked about images only
            facts["cache_bits"] = request.preparation["cache_bits"]
            if self.match.external:
                facts["input_statistics"] = summarise_inputs(evaluation_dataset(items, request.preparation))
            of_validation = {f"validation/{name}": value for name, value in measured.items()}
            how = request.network.stage, "head", linear_summary(fit, request.metric), of_validation
            card = made_card(validation, *how, epochs=1, iterations=1, **facts)
            record.write(weights_file.with_name(LabelledImages.FILE))
            write_predictions(weights_file.with_name(VALIDATION_NAME), validation)
            if self.match.external:
                self._write(weights_file.with_name(OWN_TEST_NAME), card, weights_file, self._own, self._own_tested, fit)
            record.write(folder / LabelledImages.FILE)
            content = self._write(folder, card, weights_file, self.match, self._tested, fit)
        logger.info("%s: macro AUC %s", folder.name, number_in_words(content["overall"]["macro_auc"]))

    def _write(
        self, folder: Path, card: ClassifierCard, weights: Path, match: LabelMatch, tested: SeenImages, fit: Any
    ) -> Mapping[str, Any]:
        """Test a fit on images, and write what ``evaluate.json`` writes, without its figures."""
        request = self.request
        items, features, labels = tested.part(match.items)
        said = class_probabilities(fit.layer_logits(features)[:, list(match.outputs)], request.kind)
        predictions = _predictions(items, match.classes, request.kind, labels, said)
        datalist = request.tested if match is self.match else request.datalist
        saver = EvaluationSaver(
            folder,
            card,
            datalist.sha256,
            tested.dataset.skipped,
            dataset_folder=datalist.folder,
            images=items,
            external=match,
            dataset=tested.dataset,
            dataset_name=datalist.name,
            **request.evaluation,
        )
        saver.known = EvaluatedClassifier(dict(card), weights)
        content = saver.content("test", predictions)
        write_predictions(folder / PREDICTIONS_NAME, predictions)
        write_json(folder / METRICS_NAME, content)
        return content


def _predictions(
    items: list[dict[str, Any]], classes: tuple[str, ...], kind: str, labels: np.ndarray, said: np.ndarray
) -> Predictions:
    names, patients = (tuple(item[key] for item in items) for key in ("name", "patient"))
    if not items:
        labels = np.zeros((0, len(classes)) if kind == "multilabel" else 0, dtype=np.int64)
    return Predictions(names, patients, tuple(classes), kind, labels, said)
