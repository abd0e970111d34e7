"""Principal components of encoders' features: what they vary by, and whether columns of the images tell from them."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from monai_mocoi.analysis import choose_by_patient, how_well_told
from monai_mocoi.analysis.principal_components import principal_components
from monai_mocoi.analysis.stage_features import Features
from monai_mocoi.data.ages import Value
from monai_mocoi.data.columns import item_columns
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.data.levels import NoLevels, column_levels
from monai_mocoi.data.prepared_dataset import evaluation_dataset
from monai_mocoi.report.analysed_network import AnalysedNetwork
from monai_mocoi.report.analysis_pictures import AnalysisPictures
from monai_mocoi.report.analysis_request import AnalysisRequest

LABEL, BRIGHTNESS = "label", "mean brightness"
MOST_COLUMNS = 6  # of the datalist, in its order
_FINDINGS = 5

Column = list[str | float | None]


def image_columns(
    items: Sequence[Mapping[str, Any]], labels: Sequence[str], images: ImageDataset
) -> tuple[dict[str, Column], dict[str, str]]:
    """Collect the columns of images: label, the datalist's first six that make groups, and mean brightness.

    A datalist's columns are shown as the groups of :func:`~monai_mocoi.data.column_levels`. A column that could name a
    patient is left out: one of more than 20 words, or one of which most values belong to one patient alone (except
    ages). Returns by name one value per image (values 0..1, all readable), None where it is not known; and the reason
    of each column that is left out, without its values.
    """
    columns: dict[str, Column] = {}
    if any("label" in item for item in items):
        columns[LABEL] = _label_words([item.get("label") for item in items], labels)
    patients = [str(item["patient"]) for item in items]
    grouped: dict[str, Column] = {}
    left_out: dict[str, str] = {}
    for name, values in item_columns(items).items():
        if len(set(values) - {None}) < 2:
            continue
        try:
            own = _groups(name, values, patients)
            if len(grouped) == MOST_COLUMNS:
                raise NoLevels(f"{MOST_COLUMNS} columns before it are shown, as many as there may be")
            grouped[name if name not in (LABEL, BRIGHTNESS) else f"{name} (datalist)"] = own
        except NoLevels as reason:
            left_out[name] = str(reason)
    columns |= grouped
    columns[BRIGHTNESS] = [float(torch.as_tensor(images[i]["image"]).mean()) for i in range(len(images))]
    return columns, left_out


def _groups(name: str, values: Sequence[Value], patients: Sequence[str]) -> Column:
    """The group of each image; NoLevels: there is none, or values (edges of quartiles too) could name a patient."""
    levels = column_levels(name, values)
    owners: dict[Value, set[str]] = {}
    for value, patient in zip(values, patients, strict=True):
        if value is not None:
            owners.setdefault(value, set()).add(patient)
    alone = sum(len(own) == 1 for own in owners.values())
    if levels.kind != "ages" and 2 * alone > len(owners):
        raise NoLevels(f"{alone} of its {len(owners)} values belong to one patient alone, and could name him or her")
    return [None if place < 0 else levels.names[place] for place in levels.index]


def _label_words(values: Sequence[Any], labels: Sequence[str]) -> Column:
    if not any(isinstance(value, list) for value in values):
        return [None if value is None else labels[value] for value in values]
    known = [[None] * len(labels) if value is None else value for value in values]
    has = [[name for name, one in zip(labels, value, strict=True) if one] for value in known]
    often = {name for name, _ in Counter(own[0] for own in has if len(own) == 1).most_common(_FINDINGS)}
    words: Column = []
    for own, value in zip(has, known, strict=True):
        if len(own) == 1:
            words.append(own[0] if own[0] in often else "another")
        elif not own and None in value:
            words.append(None)
        else:
            words.append("several" if own else "none")
    return words


SHOWN_STAGES = (1, 4)  # whose principal components are drawn
IN_PROJECTOR, TOLD_BY = 50, 10
"""Components: of TensorBoard's projector (all 2,048 features of 2,000 images would be a file of 40 MB), and those from
which columns are predicted."""

logger = logging.getLogger(__name__)


def embedding(
    request: AnalysisRequest,
    pictures: AnalysisPictures,
    networks: Sequence[AnalysedNetwork],
    features: Sequence[Features],
    rows: Sequence[int],
) -> dict[str, Any]:
    """Draw the components of each network's features, of ``rows`` of the split; what ``analysis.json`` says of them."""
    items = [request.items[row] for row in rows]
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
