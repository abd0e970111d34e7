"""Pictures and tables of an analysis: figures as files and in TensorBoard, its projector, and rows of CSV files."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from monai_mocoi.analysis.principal_components import PrincipalComponents
from monai_mocoi.data import Predictions
from monai_mocoi.data.dataset import ImageDataset
from monai_mocoi.figures.canvas import parts_of, rendered, save_figure
from monai_mocoi.figures.feature_reuse import reuse_figure, reuse_matrix_figure
from monai_mocoi.figures.output_distance import output_distance_figures, probing_figure
from monai_mocoi.figures.principal_components import principal_components_figure
from monai_mocoi.handlers.summary_writer import LazySummaryWriter
from monai_mocoi.runs.product_names import FIGURES

_THUMBNAIL = 32
_COLUMNS_A_FIGURE = 4


class AnalysisPictures:
    """Draw into the folder of an analysis and TensorBoard."""

    most_embedded = 2000  # images, in the projector

    def __init__(self, folder: Path, writer: LazySummaryWriter) -> None:
        self.folder, self.writer = folder / FIGURES, writer

    def reuse(self, reuses: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
        """CKA as tables of colours and stage by stage."""
        self._keep(reuse_matrix_figure(reuses, names), "feature_reuse_matrix")
        self._keep(reuse_figure(reuses, names), "feature_reuse")

    def probing(self, probing: Mapping[str, Any]) -> None:
        """The metric by stage."""
        if (figure := probing_figure(probing)) is not None:
            self._keep(figure, "probing")

    def distance(
        self, first: Predictions, second: Predictions, distance: Mapping[str, Any], names: tuple[str, str]
    ) -> None:
        """Distribution functions."""
        figures = output_distance_figures(first, second, distance, names)
        for place, figure in enumerate(figures):
            self._keep(figure, "output_distance" + (f"_{place + 1}" if len(figures) > 1 else ""))

    def components(
        self,
        name: str,
        components: Mapping[int, PrincipalComponents],
        columns: Mapping[str, Sequence[str | float | None]],
        told: Mapping[int, Mapping[str, Mapping[str, Any]]],
    ) -> None:
        """Images along the first two components, coloured by each column, four a figure."""
        scores, explained = ({s: getattr(c, key) for s, c in components.items()} for key in ("scores", "explained"))
        for place, part in enumerate(parts_of(list(columns.items()), _COLUMNS_A_FIGURE)):
            figure = principal_components_figure(scores, explained, dict(part), told)
            self._keep(figure, f"components_{name}" + (f"_{place + 1}" if place else ""))

    def project(
        self,
        name: str,
        components: Mapping[int, PrincipalComponents],
        columns: Mapping[str, Sequence[str | float | None]],
        images: ImageDataset,
        shown: NDArray[np.int64],
        rows: Sequence[int],
    ) -> None:
        """Points for the projector tab, of the last stage: a thumbnail and the columns beside each, named by its row.

        ``columns``, ``images``: one value per image; values 0..1. ``shown``, ``rows``: positions of the images to show;
        of each position, the row in the split, from 0.
        """
        stage = max(components)
        points = torch.from_numpy(components[stage].scores[shown])
        small = [torch.as_tensor(images[i]["image"]).float()[None] for i in shown]
        shrink = partial(torch.nn.functional.interpolate, size=(_THUMBNAIL, _THUMBNAIL), mode="area")
        pictures = torch.cat([shrink(own) for own in small]).expand(-1, 3, -1, -1).clamp(0, 1)
        table = [[str(rows[i]), *(_cell(own[i]) for own in columns.values())] for i in shown]
        self.writer.add_embedding(
            points, table, pictures, tag=f"{name}_stage{stage}", metadata_header=["row", *columns]
        )

    def _keep(self, figure: Figure, name: str) -> None:
        save_figure(figure, self.folder, name)
        self.writer.add_image(name, rendered(figure), dataformats="HWC")


def _cell(value: str | float | None) -> str:
    """Without what would break a line of the table."""
    if value is None:
        return "not known"
    return f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split())


def _cells(*values: float | None) -> list[str]:
    return ["" if value is None else repr(float(value)) for value in values]


def reuse_rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    """A row for each run and pair of stages."""
    nulls = ("sd", "permuted", "exchanged")
    yield ["finetuned", "stage_before", "stage_after", "cka", "low", "high", *(f"null_{name}" for name in nulls)]
    for name, own in found.items():
        for before, row in zip(own["stages"], own["matrix"], strict=True):
            for after, number in zip(own["stages"], row, strict=True):
                ends = number["interval"] or [None, None]
                yield [name, before, after, *_cells(number["value"], *ends, *(number["null"][key] for key in nulls))]


def distance_rows(found: Mapping[str, Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    """A row for each class, and one for their mean, of each pair."""
    null = ("null_mean", "null_limit")
    yield ["classifier", "from", "class", "distance", "low", "high", *null, "p_value", "at"]
    for name, own in found.items():
        for label, number in {"(mean)": own["overall"], **own["classes"]}.items():
            ends, null_ends = number["interval"] or [None, None], [number["null"][key] for key in ("mean", "limit")]
            values = number["value"], *ends, *null_ends, number["p_value"], number.get("at")
            yield [name, "all_labels", label, *_cells(*values)]
