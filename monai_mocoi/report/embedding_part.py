"""Principal components of encoders' features: what they vary by, and whether columns can be predicted from them."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from monai_mocoi.analysis import choose_by_patient, how_well_told
from monai_mocoi.analysis.principal_components import principal_components
from monai_mocoi.analysis.stage_features import Features
from monai_mocoi.data.prepared_dataset import evaluation_dataset
from monai_mocoi.report.analysed_network import AnalysedNetwork
from monai_mocoi.report.analysis_pictures import AnalysisPictures
from monai_mocoi.report.analysis_request import AnalysisRequest
from monai_mocoi.report.image_columns import image_columns

SHOWN_STAGES = (1, 4)
"""Whose principal components are drawn."""
IN_PROJECTOR, TOLD_BY = 50, 10
"""Components: of TensorBoard's projector (all 2,048 features of 2,000 images would be a file of 40 MB), and those from
which columns are predicted."""

logger = logging.getLogger(__name__)


def embedding(
    request: AnalysisRequest,
    pictures: AnalysisPictures,
    networks: Sequence[AnalysedNetwork],
    features: Sequence[Features],
    items: Sequence[Mapping[str, Any]],
    rows: Sequence[int],
) -> dict[str, Any]:
    """Draw the components of each network's features; returns what ``analysis.json`` says of them.

    ``networks``: the encoder before fine-tuning first; ``features``: of each, by stage; ``items``, ``rows``: the
    images, in their order, and of each its row in the split.
    """
    patients = [item["patient"] for item in items]
    plain_images = evaluation_dataset(items, networks[0].preparation, normalise=False, **request.reading)
    columns, left_out = image_columns(items, request.datalist.labels, plain_images)
    for column, reason in left_out.items():
        request.notes.append(f"column {column!r} of the datalist is not shown: {reason}.")
        logger.info("Column %r of the datalist is not shown: %s.", column, reason)
    result: dict[str, Any] = {}
    shown = choose_by_patient(patients, pictures.most_embedded, request.interval_settings.seed)
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
