"""The parts of an analysis that are made of features: reuse, probing, and principal components."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.analysis import choose_by_patient, pooled_features, pooled_maps
from monai_mocoi.analysis.feature_reuse import feature_reuse
from monai_mocoi.analysis.stage_features import MOST_MAP_IMAGES, Features
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.prepared_dataset import evaluation_dataset
from monai_mocoi.files.atomic_write import write_csv
from monai_mocoi.report.analysed_network import AnalysedNetwork, label_of
from monai_mocoi.report.analysis_pictures import AnalysisPictures, reuse_rows
from monai_mocoi.report.analysis_request import AnalysisRequest
from monai_mocoi.report.embedding_part import embedding
from monai_mocoi.report.probing_part import placed, probing
from monai_mocoi.runs.product_names import REUSE_TABLE

logger = logging.getLogger(__name__)


def feature_parts(
    request: AnalysisRequest,
    before: AnalysedNetwork,
    after: Sequence[AnalysedNetwork],
    folder: Path,
    pictures: AnalysisPictures,
) -> dict[str, Any]:
    """The chosen parts of the networks before and after fine-tuning; what ``analysis.json`` says of them."""
    networks, items = [before, *after], request.items
    datasets = [evaluation_dataset(items, network.preparation, **request.reading) for network in networks]
    # One set of images for all: where bad ones are left out, each network's preparation may meet others.
    rows = sorted(set.intersection(*(set(dataset.rows) for dataset in datasets)))
    features = []
    for network, dataset in zip(networks, datasets, strict=True):
        logger.info("Features of %s: %d images", network.name, len(dataset))
        found = pooled_features(placed(request, network), dataset, **request.computing)
        kept = _places(dataset, rows)
        features.append({stage: own[kept] for stage, own in found.items()})
    result: dict[str, Any] = {
        "images": len(rows),
        "patients": len({items[row]["patient"] for row in rows}),
        "skipped_images": len(items) - len(rows),
        "networks": {network.name: network.about for network in networks},
    }
    if "reuse" in request.made:
        compared, own_rows = features, rows
        if request.pooling == "map":
            compared, own_rows = _maps(request, networks, datasets, rows)
        found_of = _reuse(request, after, compared, own_rows)
        write_csv(folder / REUSE_TABLE, reuse_rows(found_of))
        labels = [label_of(network.about, network.name) for network in after]
        pictures.reuse(list(found_of.values()), labels if len(set(labels)) == len(labels) else list(found_of))
        result["feature_reuse"] = found_of
    if "probing" in request.made:
        result["probing"] = probing(request, before, folder, pictures)
    if "embedding" in request.made:
        result["embedding"] = embedding(request, pictures, networks, features, rows)
    return result


def _maps(
    request: AnalysisRequest,
    networks: Sequence[AnalysedNetwork],
    datasets: Sequence[ImageDataset],
    rows: Sequence[int],
) -> tuple[list[Features], list[int]]:
    """Features that still tell where in an image they are, of fewer images; and these images' rows."""
    most, patients = request.max_images or MOST_MAP_IMAGES, [request.items[row]["patient"] for row in rows]
    kept = [rows[i] for i in choose_by_patient(patients, most, request.interval_settings.seed)]
    maps = [
        pooled_maps(placed(request, network), dataset, _places(dataset, kept), **request.computing)
        for network, dataset in zip(networks, datasets, strict=True)
    ]
    return maps, kept


def _reuse(
    request: AnalysisRequest, after: Sequence[AnalysedNetwork], features: Sequence[Features], rows: Sequence[int]
) -> dict[str, Any]:
    images, patients = ([request.items[row][key] for row in rows] for key in ("name", "patient"))
    intervals = request.interval_settings
    how = request.kernel, request.pooling, intervals.level, intervals.seed, request.max_images
    found = {
        network.name: feature_reuse(features[0], own, images, images, patients, *how)
        for network, own in zip(after, features[1:], strict=True)
    }
    for name, own in found.items():
        line = ", ".join(f"{stage}: {number['value']:.2f}" for stage, number in own["same_stage"].items())
        logger.info("Reuse by stage, %s: %s", name, line)
    return found


def _places(dataset: ImageDataset, rows: Sequence[int]) -> list[int]:
    """Where rows of the split are in a data set that may lack some."""
    place = {row: i for i, row in enumerate(dataset.rows)}
    return [place[row] for row in rows]
