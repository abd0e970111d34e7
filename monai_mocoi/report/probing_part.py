"""Layer-wise probing as a part of an analysis: the features of what is labelled, and the cells in the log."""

import logging
from pathlib import Path
from typing import Any

import torch

from monai_mocoi.analysis import pooled_features, probe_stages, probing_draws
from monai_mocoi.analysis.stage_features import Features
from monai_mocoi.data import Datalist, LabelSubset, labelled_items
from monai_mocoi.data.datalist_form import SPLITS
from monai_mocoi.data.prepared_dataset import evaluation_dataset
from monai_mocoi.errors import NothingLearntError, SettingsError
from monai_mocoi.networks import StageEncoder
from monai_mocoi.report.analysed_network import AnalysedNetwork
from monai_mocoi.report.analysis_pictures import AnalysisPictures
from monai_mocoi.report.analysis_request import AnalysisRequest
from monai_mocoi.runs.product_names import PROBING

logger = logging.getLogger(__name__)


def placed(request: AnalysisRequest, network: AnalysedNetwork) -> StageEncoder:
    """The encoder in the wanted memory format.

    Only now: a draw fills a weight in the order of its memory, and would give others in this format.
    """
    wanted = torch.channels_last if request.channels_last else torch.contiguous_format
    return network.encoder.to(memory_format=wanted)  # type: ignore[call-overload]


def label_draws(request: AnalysisRequest, datalist: Datalist) -> list[LabelSubset]:
    """Draw what is probed with; fractions that draw too few images to learn from are left out."""
    if not request.probe_fractions:
        raise SettingsError("probe_fractions is empty: give one or more, such as [0.1, 1.0].")
    draws: list[LabelSubset] = []
    for fraction in sorted(set(request.probe_fractions)):
        try:
            draws += probing_draws(datalist, [fraction], request.probe_seeds, request.validation_labels)
        except NothingLearntError as error:
            drawn = f"{error.images} of {len(labelled_items(datalist.training))} labelled images"
            needs = f"more images to learn from than {drawn}: larger probe_fractions, or other probe_seeds"
            request.left_out.append({"part": "probing", "probe_fraction": fraction, "needs": needs})
            logger.info("probing: fraction %g would be %s: left out (probe_fractions)", fraction, drawn)
    if not draws:
        request.leave_out("probing", "labels to learn from: raise probe_fractions, or take other probe_seeds")
    return draws


def probing(
    request: AnalysisRequest, network: AnalysedNetwork, folder: Path, pictures: AnalysisPictures
) -> dict[str, Any]:
    """Probe the encoder before fine-tuning with the request's draws of labels."""
    probed, draws = request.probed, request.draws
    splits = probed.splits()
    features: dict[str, Features] = {}
    rows: dict[str, list[int]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        # Of training and validation only what some draw labels: the features of the rest are not needed.
        asked = {item["name"] for draw in draws for item in draw.datalist.splits()[split]}
        wanted = [row for row, item in enumerate(splits[split]) if item["name"] in asked]
        if not wanted:
            continue
        dataset = evaluation_dataset([splits[split][row] for row in wanted], network.preparation, **request.reading)
        logger.info("Features of %s: %d images of %s", network.name, len(dataset), split)
        features[split] = pooled_features(placed(request, network), dataset, **request.computing)
        rows[split] = [wanted[row] for row in dataset.rows]
    found = probe_stages(
        features,
        probed,
        draws,
        request.metric,
        rows=rows,
        folder=folder / PROBING,
        about=network.about,
        **vars(request.interval_settings),
    )
    pictures.probing(found)
    for row in found["summary"]:
        if (value := row["metrics"][request.metric]["value"]) is not None:
            share = f"{100 * row['label_fraction']:g} %"
            logger.info("Probing, %s of the labels, stage %s: %s %.3f", share, row["stage"], request.metric, value)
    return found
