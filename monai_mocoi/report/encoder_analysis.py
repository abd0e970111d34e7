"""The analysis of an encoder: what of it is kept by fine-tuning, what its stages know, and what they vary by."""

from __future__ import annotations

import csv
import io
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch

from monai_mocoi.analysis import (
    IntervalSettings,
    choose_by_patient,
    compare_outputs,
    how_well_told,
    pooled_features,
    pooled_maps,
    probe_stages,
    probing_draws,
)
from monai_mocoi.analysis.comparison import matched
from monai_mocoi.analysis.feature_reuse import feature_reuse
from monai_mocoi.analysis.principal_components import principal_components
from monai_mocoi.analysis.stage_features import MOST_MAP_IMAGES, Features
from monai_mocoi.data import Datalist, LabelSubset, labelled_items, labelled_part
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.prepared_dataset import evaluation_dataset, with_bits
from monai_mocoi.engines.precision import autocast_dtype
from monai_mocoi.errors import DatasetError, NothingLearntError, SettingsError
from monai_mocoi.files.atomic_write import write_bytes, write_json
from monai_mocoi.files.folder_swap import replaced
from monai_mocoi.handlers.summary_writer import LazySummaryWriter
from monai_mocoi.metrics import SELECTION_METRICS
from monai_mocoi.networks import StageEncoder, check_preprocessing
from monai_mocoi.report.analysed_network import AnalysedNetwork, label_of, names_of, read_after, read_before
from monai_mocoi.report.analysis_pictures import AnalysisPictures
from monai_mocoi.report.image_columns import image_columns
from monai_mocoi.report.tested_classifier import TestedClassifier, read_tested
from monai_mocoi.runs.product_folders import check_analysis_folder
from monai_mocoi.runs.product_names import ANALYSIS_NAME, DISTANCE_TABLE, PROBING, REUSE_TABLE, TENSORBOARD
from monai_mocoi.runs.provenance import package_versions
from monai_mocoi.runs.settings import plain

PARTS = ("reuse", "probing", "ks", "embedding")
SHOWN_STAGES = (1, 4)
"""Whose principal components are drawn."""
IN_PROJECTOR, TOLD_BY = 50, 10
"""Components: of TensorBoard's projector (all 2,048 features of 2,000 images would be a file of 40 MB), and of those
from which it is measured what can be told."""
_SPLITS = ("training", "validation", "test")

Place = str | os.PathLike[str]

logger = logging.getLogger(__name__)


class EncoderAnalysis:
    """What ``analyze.json`` does, in one process.

    Parts, each told of in docs/analysis.md: ``reuse`` (how alike the features before and after fine-tuning are),
    ``probing`` (a linear classifier on each stage of the encoder before), ``ks`` (how far the outputs of a classifier
    of few labels lie from those of one of all) and ``embedding`` (principal components, and TensorBoard's projector).

    Written to the folder, which is there only when all is done: ``feature_reuse.csv``, ``probing/``,
    ``output_distance.csv``, ``figures/`` (PNG and SVG), ``tensorboard/``, and last ``analysis.json``. But for the
    predictions in ``probing/`` no file names an image or a patient: images are rows of the split, from 0.

    Args:
        folder: for all of it; see :func:`~monai_mocoi.runs.product_folders.check_analysis_folder`.
        datalist: of the dataset folder.
        encoder: of the networks' shape; it is only copied.
        pretrained: the encoder before fine-tuning; "none": random weights.
        preparation: of that one's images, see :data:`~monai_mocoi.data.prepared_dataset.PREPARATION`; ``cache_bits``
            may be "auto". Those of a classifier are what its sidecar says.
        finetuned: one or several run folders (or ``classifier.pt``); None, "none" or an empty list: none.
        few_labels, all_labels, all_labels_again: tested classifiers, see
            :func:`~monai_mocoi.report.tested_classifier.read_tested`; the last is the reference, another seed of the
            second. None: none.
        parts: of ``PARTS``; None: all for which there is what they need.
        split: whose images are compared and shown. Probing always tests on ``test``.
        kernel, pooling: of :func:`~monai_mocoi.analysis.feature_reuse.feature_reuse`.
        max_images: for reuse; None: all, of pooling "map" 2,000, of kernel "rbf" 4,000.
        probe_fractions, probe_seeds: of the labels, as ``label_fraction`` and ``label_seed`` of ``finetune.json``.
        validation_labels: see :func:`~monai_mocoi.data.label_subset`.
        metric: that the probing chooses by.
        intervals: values of :class:`~monai_mocoi.analysis.IntervalSettings`, by name. Its seed is that of all draws.
        batch_size, device, precision, channels_last, num_workers: for the features.
        on_bad_image, max_bad_share: see :class:`~monai_mocoi.data.ImageDataset`.
        modality: of the bundle; to warn of an encoder of other images. None: it is not compared.
        overwrite: replace an earlier analysis.
        settings: kept in ``analysis.json``.

    Raises:
        EvaluationError: an interval's setting out of range.
    """

    writes: ClassVar[dict[str, str]] = {
        "{folder}/analysis.json": "all numbers of the analysis",
        "{folder}/feature_reuse.csv": "what fine-tuning left as it was; where there is a fine-tuned run",
        "{folder}/probing/": "what each stage tells of the labels; where there are labels",
        "{folder}/output_distance.csv": "how far few labels are from all; where both runs are tested",
        "{folder}/figures/": "the same drawn, as PNG and SVG",
        "{folder}/tensorboard/": "the same for TensorBoard, with its projector",
    }

    def __init__(
        self,
        folder: Place,
        datalist: Datalist,
        encoder: StageEncoder,
        pretrained: Place | None,
        preparation: Mapping[str, Any],
        finetuned: Place | Sequence[Place] | None = None,
        few_labels: Place | None = None,
        all_labels: Place | None = None,
        all_labels_again: Place | None = None,
        parts: Sequence[str] | None = None,
        split: str = "test",
        kernel: str = "linear",
        pooling: str = "vector",
        max_images: int | None = None,
        probe_fractions: Sequence[float] = (1.0,),
        probe_seeds: Sequence[int] = (1,),
        validation_labels: str = "same",
        metric: str = "macro_auc",
        intervals: Mapping[str, Any] | None = None,
        batch_size: int = 64,
        device: torch.device | str = "cpu",
        precision: str = "auto",
        channels_last: bool = True,
        num_workers: int = 0,
        on_bad_image: str = "stop",
        max_bad_share: float = 0.01,
        modality: str | None = None,
        overwrite: bool | str = False,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder, self.overwrite = Path(folder), overwrite
        self.datalist, self.split = datalist, split
        self.template, self.pretrained, self.preparation = encoder, pretrained, dict(preparation)
        one = isinstance(finetuned, str | os.PathLike)
        places: list[Place] = [finetuned] if one else list(finetuned or ())  # type: ignore[list-item, arg-type]
        self.finetuned = [place for place in places if str(place) != "none"]
        self.places = {"few_labels": few_labels, "all_labels": all_labels, "all_labels_again": all_labels_again}
        self.wanted = [parts] if isinstance(parts, str) else parts
        self.kernel, self.pooling, self.max_images = kernel, pooling, max_images
        self.probe_fractions, self.probe_seeds = list(probe_fractions), list(probe_seeds)
        self.validation_labels, self.metric = validation_labels, metric
        self.intervals = IntervalSettings(**(intervals or {}))
        self.computing: dict[str, Any] = {
            "batch_size": batch_size,
            "device": device,
            "num_workers": num_workers,
            "autocast": autocast_dtype(precision, device),
        }
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.reading = {"on_bad_image": on_bad_image, "max_bad_share": max_bad_share}
        self.modality = modality
        self.settings = plain(settings or {})
        self.parts: list[str] = []
        self.left_out: list[dict[str, Any]] = []
        self.notes: list[str] = []

    def check(self) -> None:
        """Refuse what cannot be done before anything is computed, and read all weights and predictions.

        Raises:
            RunFolderError: the folder is not free.
            SettingsError: an unknown part, or one that was asked for and lacks what it needs.
            DatasetError: no images in the split, or settings of the draws that are out of range.
            WeightsError, PredictionsError, ComparisonError: what is given is not there, or does not fit.
        """
        check_analysis_folder(self.folder, self.overwrite)
        self.items = self.datalist.splits()[self.split]
        if len(self.items) < 2:
            raise DatasetError(
                f"the {self.split} split has {len(self.items)} image(s), but 2 are needed: choose another by --split."
            )
        self._choose_parts()
        if "ks" in self.parts:
            self._read_predictions()
        self.draws: list[LabelSubset] = []
        if "probing" in self.parts:
            self.probed = labelled_part(self.datalist)
            self._draw_labels()
        if {"reuse", "probing", "embedding"} & set(self.parts):
            self._read_networks()

    def run(self) -> dict[str, Any]:
        """Do it; :meth:`check` goes before.

        Returns:
            what ``analysis.json`` holds.
        """
        check_analysis_folder(self.folder, self.overwrite)
        result: dict[str, Any] = {
            "format": 1,
            "dataset": self.datalist.name,
            "dataset_sha256": self.datalist.sha256,
            "split": self.split,
            "parts": self.parts,
            "left_out": self.left_out,
        }
        with replaced(self.folder) as folder:
            writer = LazySummaryWriter(folder / TENSORBOARD)
            try:
                pictures = AnalysisPictures(folder, writer)
                if {"reuse", "probing", "embedding"} & set(self.parts):
                    result |= self._of_features(folder, pictures)
                if "ks" in self.parts:
                    result["output_distance"] = self._output_distance(folder, pictures)
            finally:
                writer.close()
            result |= {"notes": self.notes, "settings": self.settings, "versions": package_versions()}
            write_json(folder / ANALYSIS_NAME, result)
        logger.info("Analysis: %s (figures, tables, and all numbers in %s)", self.folder, ANALYSIS_NAME)
        return result

    def _choose_parts(self) -> None:
        lacks = {
            "reuse": None if self.finetuned else "a fine-tuned run: --finetuned RUN_FOLDER",
            "probing": self._lacks_labels(),
            "ks": None
            if self.places["few_labels"] and self.places["all_labels"]
            else "two tested runs: --few_labels RUN_FOLDER --all_labels RUN_FOLDER",
        }
        wanted = PARTS if self.wanted is None else self.wanted
        for part in wanted:
            if part not in PARTS:
                raise SettingsError(f"parts has {part!r}; choose of {', '.join(PARTS)}.")
            if (reason := lacks.get(part)) is None:
                self.parts.append(part)
            elif self.wanted is not None:
                raise SettingsError(f"parts has {part!r}, which needs {reason}.")
            else:
                self.left_out.append({"part": part, "needs": reason})
                logger.info("Left out: %s, which needs %s.", part, reason)
        if not self.parts:
            raise SettingsError(f"parts is empty; choose of {', '.join(PARTS)}.")

    def _draw_labels(self) -> None:
        """Draw what is probed with; a fraction that draws, with any seed, too few images to learn from is left out."""
        if not self.probe_fractions:
            raise SettingsError("probe_fractions is empty: give one or more, such as [0.1, 1.0].")
        for fraction in sorted(set(self.probe_fractions)):
            try:
                self.draws += probing_draws(self.probed, [fraction], self.probe_seeds, self.validation_labels)
            except NothingLearntError as error:
                drawn = f"{error.images} of {len(labelled_items(self.probed.training))} labelled images"
                needs = f"more images to learn from than {drawn}: larger --probe_fractions, or other --probe_seeds"
                self.left_out.append({"part": "probing", "probe_fraction": fraction, "needs": needs})
                logger.info("probing: fraction %g would be %s: left out (probe_fractions)", fraction, drawn)
        if not self.draws:
            reason = "labels from which something can be learnt: raise probe_fractions, or take other probe_seeds"
            if self.wanted is not None:
                raise SettingsError(f"parts has 'probing', which needs {reason}.")
            self.parts.remove("probing")
            self.left_out.append({"part": "probing", "needs": reason})
            logger.info("Left out: probing, which needs %s.", reason)

    def _lacks_labels(self) -> str | None:
        if not labelled_items(self.datalist.training):
            return "labels of the training images: prepare the dataset folder with them"
        if not labelled_items(self.datalist.test):
            return "test images with labels: prepare the dataset folder with them"
        if self.metric not in SELECTION_METRICS:
            return f"a metric of {', '.join(SELECTION_METRICS)}: --metric"
        return None

    def _read_predictions(self) -> None:
        self.tested: dict[str, TestedClassifier] = {
            name: read_tested(place, self.datalist, self.split, name)
            for name, place in self.places.items()
            if place is not None
        }
        for other in list(self.tested)[1:]:
            matched(self.tested["few_labels"].predictions, self.tested[other].predictions)

    def _read_networks(self) -> None:
        training = self.datalist.training
        places = self.finetuned if "reuse" in self.parts or "embedding" in self.parts else []
        self.after = [
            read_after(self.template, place, name) for place, name in zip(places, names_of(places), strict=True)
        ]
        # Random weights are those that these runs began with, where all have one seed.
        seeds = {int(own.about["seed"]) for own in self.after if own.about.get("seed") is not None}
        seed = seeds.pop() if len(seeds) == 1 else self.intervals.seed
        random = self.pretrained is None or str(self.pretrained) == "none"
        # Random weights know no images: they are shown the pictures that those are shown that started from them.
        preparation = self.after[0].preparation if random and self.after else with_bits(self.preparation, training)
        self.before = read_before(self.template, self.pretrained, preparation, seed)
        self._warn(self.before)

    def _warn(self, before: AnalysedNetwork) -> None:
        own = before.preparation
        compared = {name: own[name] for name in ("mean", "std", "channels", "image_size", "intensity")}
        for warning in check_preprocessing(before.sidecar, **compared, modality=self.modality):
            self._note(warning)
        for after in self.after:
            differing = [name for name, value in own.items() if after.preparation[name] != value]
            if differing:
                self._note(
                    f"{after.name}: its images are prepared otherwise than those of the encoder before "
                    f"({', '.join(differing)}), so that part of the difference between the two may be the pictures'."
                )
            started = after.about.get("pretrained_sha256")
            after.about["started_from_before"] = None if started is None else started == before.about["sha256"]
            if after.about["started_from_before"] is False:
                self._note(
                    f"{after.name} did not start from this encoder: what they share is no reuse. Name the encoder that "
                    "it started from by --pretrained FILE."
                )

    def _note(self, text: str) -> None:
        self.notes.append(text)
        logger.warning("%s", text)

    def _dataset(
        self, network: AnalysedNetwork, items: Sequence[Mapping[str, Any]], normalise: bool = True
    ) -> ImageDataset:
        return evaluation_dataset(items, network.preparation, normalise, **self.reading)

    def _placed(self, network: AnalysedNetwork) -> StageEncoder:
        # Only now: a draw fills a weight in the order of its memory, and would give others in this format.
        return network.encoder.to(memory_format=self.memory_format)  # type: ignore[call-overload]

    def _of_features(self, folder: Path, pictures: AnalysisPictures) -> dict[str, Any]:
        networks = [self.before, *self.after]
        datasets = [self._dataset(network, self.items) for network in networks]
        # One set of images for all: where bad ones are left out, each network's preparation may meet others.
        rows = sorted(set.intersection(*(set(dataset.rows) for dataset in datasets)))
        features = []
        for network, dataset in zip(networks, datasets, strict=True):
            logger.info("Features of %s: %d images", network.name, len(dataset))
            place = {row: i for i, row in enumerate(dataset.rows)}
            kept = [place[row] for row in rows]
            features.append(
                {
                    stage: own[kept]
                    for stage, own in pooled_features(self._placed(network), dataset, **self.computing).items()
                }
            )
        result: dict[str, Any] = {
            "images": len(rows),
            "patients": len({self.items[row]["patient"] for row in rows}),
            "skipped_images": len(self.items) - len(rows),
            "networks": {network.name: network.about for network in networks},
        }
        if "reuse" in self.parts:
            compared, own_rows = features, rows
            if self.pooling == "map":
                compared, own_rows = self._maps(networks, datasets, rows)
            result["feature_reuse"] = self._reuse(folder, pictures, compared, own_rows)
        if "probing" in self.parts:
            result["probing"] = self._probing(folder, pictures)
        if "embedding" in self.parts:
            result["embedding"] = self._embedding(pictures, networks, features, rows)
        return result

    def _maps(
        self, networks: Sequence[AnalysedNetwork], datasets: Sequence[ImageDataset], rows: Sequence[int]
    ) -> tuple[list[Features], list[int]]:
        """Features that still tell where in an image they are, of fewer images; and these images' rows."""
        most = self.max_images or MOST_MAP_IMAGES
        chosen = choose_by_patient([self.items[row]["patient"] for row in rows], most, self.intervals.seed)
        kept = [rows[i] for i in chosen]
        maps = []
        for network, dataset in zip(networks, datasets, strict=True):
            place = {row: i for i, row in enumerate(dataset.rows)}
            positions = [place[row] for row in kept]
            maps.append(pooled_maps(self._placed(network), dataset, positions, **self.computing))
        return maps, kept

    def _reuse(
        self, folder: Path, pictures: AnalysisPictures, features: Sequence[Features], rows: Sequence[int]
    ) -> dict[str, Any]:
        images = [self.items[row]["name"] for row in rows]
        patients = [self.items[row]["patient"] for row in rows]
        seed, level = self.intervals.seed, self.intervals.level
        found = {
            network.name: feature_reuse(
                features[0], own, images, images, patients, self.kernel, self.pooling, level, seed, self.max_images
            )
            for network, own in zip(self.after, features[1:], strict=True)
        }
        write_bytes(folder / REUSE_TABLE, _reuse_table(found).encode())
        labels = [label_of(network.about, network.name) for network in self.after]
        names = labels if len(set(labels)) == len(labels) else list(found)
        pictures.reuse(list(found.values()), names)
        for name, own in found.items():
            logger.info("Reuse by stage, %s: %s", name, _line(own["same_stage"]))
        return found

    def _probing(self, folder: Path, pictures: AnalysisPictures) -> dict[str, Any]:
        splits = self.probed.splits()
        features: dict[str, Features] = {}
        rows: dict[str, list[int]] = {}
        for split in _SPLITS:
            # Of training and validation only what some draw labels: the features of the rest are not needed.
            asked = {item["name"] for draw in self.draws for item in draw.datalist.splits()[split]}
            wanted = [row for row, item in enumerate(splits[split]) if item["name"] in asked]
            if not wanted:
                continue
            dataset = self._dataset(self.before, [splits[split][row] for row in wanted])
            logger.info("Features of %s: %d images of %s", self.before.name, len(dataset), split)
            features[split] = pooled_features(self._placed(self.before), dataset, **self.computing)
            rows[split] = [wanted[row] for row in dataset.rows]
        found = probe_stages(
            features,
            self.probed,
            self.draws,
            self.metric,
            rows=rows | {split: [] for split in _SPLITS if split not in rows},
            folder=folder / PROBING,
            about=self.before.about,
            **vars(self.intervals),
        )
        pictures.probing(found)
        for row in found["summary"]:
            number = row["metrics"][self.metric]
            if number["value"] is not None:
                logger.info(
                    "Probing, %s of the labels, stage %s: %s %.3f",
                    f"{100 * row['label_fraction']:g} %",
                    row["stage"],
                    self.metric,
                    number["value"],
                )
        return found

    def _embedding(
        self,
        pictures: AnalysisPictures,
        networks: Sequence[AnalysedNetwork],
        features: Sequence[Features],
        rows: Sequence[int],
    ) -> dict[str, Any]:
        items = [self.items[row] for row in rows]
        patients = [item["patient"] for item in items]
        plain_images = self._dataset(self.before, items, normalise=False)
        columns, left_out = image_columns(items, self.datalist.labels, plain_images)
        for column, reason in left_out.items():
            self.notes.append(f"column {column!r} of the datalist is not shown: {reason}.")
            logger.info("Column %r of the datalist is not shown: %s.", column, reason)
        result: dict[str, Any] = {}
        shown = choose_by_patient(patients, pictures.most_embedded, self.intervals.seed)
        for network, own in zip(networks, features, strict=True):
            components = {stage: principal_components(own[stage], IN_PROJECTOR) for stage in SHOWN_STAGES}
            told = {
                stage: {
                    name: how_well_told(found.scores[:, :TOLD_BY], own, patients, name) for name, own in columns.items()
                }
                for stage, found in components.items()
            }
            result[network.name] = {
                str(stage): {"explained": found.explained[:TOLD_BY].tolist(), "told": told[stage]}
                for stage, found in components.items()
            }
            pictures.components(network.name, components, columns, told)
            pictures.project(network.name, components, columns, plain_images, shown, rows)
        return result

    def _output_distance(self, folder: Path, pictures: AnalysisPictures) -> dict[str, Any]:
        own = self.intervals
        settings: dict[str, Any] = {"resamples": own.resamples, "seed": own.seed, "level": own.level}
        few, everything = self.tested["few_labels"], self.tested["all_labels"]
        found: dict[str, Any] = {name: tested.about() for name, tested in self.tested.items()}
        found["distance"] = compare_outputs(few.predictions, everything.predictions, **settings)
        found["reference"] = None
        if again := self.tested.get("all_labels_again"):
            found["reference"] = compare_outputs(again.predictions, everything.predictions, **settings)
        tables = {"few_labels": found["distance"], "all_labels_again": found["reference"]}
        write_bytes(folder / DISTANCE_TABLE, _distance_table({k: v for k, v in tables.items() if v}).encode())
        labels = [label_of(tested.tested, tested.name) for tested in (few, everything)]
        pictures.distance(few.predictions, everything.predictions, found["distance"], (labels[0], labels[1]))
        for name, distance in tables.items():
            if distance:
                number = distance["overall"]
                logger.info(
                    "Kolmogorov-Smirnov distance of %s from all_labels: %.3f (by chance %.3f, p %.2g)",
                    name,
                    number["value"],
                    number["null"]["mean"],
                    number["p_value"],
                )
        return found


def _line(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{stage}: {number['value']:.2f}" for stage, number in numbers.items())


def _cells(number: Mapping[str, Any]) -> list[str]:
    ends = number["interval"] or [None, None]
    return ["" if value is None else repr(float(value)) for value in (number["value"], *ends)]


def _reuse_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each run and pair of stages."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    nulls = ("null_sd", "null_permuted", "null_exchanged")
    table.writerow(["finetuned", "stage_before", "stage_after", "cka", "low", "high", *nulls])
    for name, own in found.items():
        for before, row in zip(own["stages"], own["matrix"], strict=True):
            for after, number in zip(own["stages"], row, strict=True):
                null = [number["null"][key.removeprefix("null_")] for key in nulls]
                shown = ["" if value is None else repr(float(value)) for value in null]
                table.writerow([name, before, after, *_cells(number), *shown])
    return text.getvalue()


def _distance_table(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A row for each class, and one for their mean, of each pair."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        ["classifier", "from", "class", "distance", "low", "high", "null_mean", "null_limit", "p_value", "at"]
    )
    for name, own in found.items():
        for label, number in {"(mean)": own["overall"], **own["classes"]}.items():
            null = [repr(number["null"][key]) for key in ("mean", "limit")]
            at = repr(number["at"]) if "at" in number else ""
            table.writerow([name, "all_labels", label, *_cells(number), *null, repr(number["p_value"]), at])
    return text.getvalue()
