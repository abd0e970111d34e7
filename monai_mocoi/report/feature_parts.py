"""The parts of an analysis that are made of features: reuse, probing, and principal components."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.analysis import choose_by_patient, pooled_features, pooled_maps
from monai_mocoi.analysis.feature_reuse import feature_reuse
from monai_mocoi.analysis.stage_features import MOST_MAP_IMAGES, Features
from monai_mocoi.data import Datalist, LabelSubset
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


@dataclass(frozen=True)
class FeatureParts:
    """The parts to make, of the split's items, with the networks before and after, into a folder with its pictures.

    ``probed`` and ``draws`` are the labelled images, and the draws of labels, for probing.
    """

    request: AnalysisRequest
    parts: Sequence[str]
    items: Sequence[Mapping[str, Any]]
    before: AnalysedNetwork
    after: Sequence[AnalysedNetwork]
    probed: Datalist
    draws: Sequence[LabelSubset]
    folder: Path
    pictures: AnalysisPictures

    def run(self) -> dict[str, Any]:
        """All parts; what ``analysis.json`` says of them."""
        networks = [self.before, *self.after]
        datasets = [evaluation_dataset(self.items, network.preparation, **self.request.reading) for network in networks]
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
                    for stage, own in pooled_features(
                        placed(self.request, network), dataset, **self.request.computing
                    ).items()
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
            if self.request.pooling == "map":
                compared, own_rows = self._maps(networks, datasets, rows)
            result["feature_reuse"] = self._reuse(compared, own_rows)
        if "probing" in self.parts:
            result["probing"] = probing(self.request, self.before, self.probed, self.draws, self.folder, self.pictures)
        if "embedding" in self.parts:
            result["embedding"] = embedding(
                self.request, self.pictures, networks, features, [self.items[row] for row in rows], rows
            )
        return result

    def _maps(
        self, networks: Sequence[AnalysedNetwork], datasets: Sequence[ImageDataset], rows: Sequence[int]
    ) -> tuple[list[Features], list[int]]:
        """Features that still tell where in an image they are, of fewer images; and these images' rows."""
        most = self.request.max_images or MOST_MAP_IMAGES
        chosen = choose_by_patient(
            [self.items[row]["patient"] for row in rows], most, self.request.interval_settings.seed
        )
        kept = [rows[i] for i in chosen]
        maps = []
        for network, dataset in zip(networks, datasets, strict=True):
            place = {row: i for i, row in enumerate(dataset.rows)}
            positions = [place[row] for row in kept]
            maps.append(pooled_maps(placed(self.request, network), dataset, positions, **self.request.computing))
        return maps, kept

    def _reuse(self, features: Sequence[Features], rows: Sequence[int]) -> dict[str, Any]:
        images = [self.items[row]["name"] for row in rows]
        patients = [self.items[row]["patient"] for row in rows]
        seed, level = self.request.interval_settings.seed, self.request.interval_settings.level
        found = {
            network.name: feature_reuse(
                features[0],
                own,
                images,
                images,
                patients,
                self.request.kernel,
                self.request.pooling,
                level,
                seed,
                self.request.max_images,
            )
            for network, own in zip(self.after, features[1:], strict=True)
        }
        write_csv(self.folder / REUSE_TABLE, reuse_rows(found))
        labels = [label_of(network.about, network.name) for network in self.after]
        names = labels if len(set(labels)) == len(labels) else list(found)
        self.pictures.reuse(list(found.values()), names)
        for name, own in found.items():
            logger.info("Reuse by stage, %s: %s", name, _line(own["same_stage"]))
        return found


def _line(numbers: Mapping[str, Mapping[str, Any]]) -> str:
    return ", ".join(f"{stage}: {number['value']:.2f}" for stage, number in numbers.items())
