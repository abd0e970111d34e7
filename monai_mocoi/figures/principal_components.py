"""Figure of principal components: images as points, coloured by label and by source."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from monai_mocoi.figures.canvas import COLOURS, plain, short
from monai_mocoi.figures.panels import SMALL, TEXT, new_panels

MOST_POINTS = 4000  # more images are drawn from at random, for a picture in which points still can be seen
_LEVELS = 6  # of a column of texts; the rarer ones are one more
_OTHER, _UNKNOWN = "other", "not known"
_MEASURES = {"auc": "AUC", "r2": "R²"}


def principal_components_figure(
    scores: Mapping[int, NDArray[np.float64]],
    explained: Mapping[int, NDArray[np.float64]],
    columns: Mapping[str, Sequence[str | float | None]],
    told: Mapping[int, Mapping[str, Mapping[str, Any]]],
) -> Figure:
    """Draw a row of panels for each stage, a panel for each column (texts or numbers; None is not known).

    ``scores``, ``explained``: by stage ``(images, components)``, and the share of variance of each component.
    ``told``: by stage and column, of :func:`~monai_mocoi.analysis.how_well_told`, for the titles.
    """
    stages = list(scores)
    figure, panels = new_panels(len(stages) * len(columns), 2.5, 2.35, a_row=len(columns))
    images = len(scores[stages[0]])
    shown = np.random.default_rng(0).permutation(images)[:MOST_POINTS]  # else the last class hides the first
    for place, axes in enumerate(panels):
        stage, column = stages[place // len(columns)], list(columns)[place % len(columns)]
        points = scores[stage][shown][:, :2]
        if points.shape[1] < 2:
            points = np.column_stack([points, np.zeros(len(points))])
        values = [columns[column][i] for i in shown]
        last_row = place >= len(panels) - len(columns)
        _draw(figure, axes, points, values, legend=last_row)
        shares = [100 * share for share in explained[stage][:2]]
        axes.set_xlabel(f"component 1 ({shares[0]:.0f} % of variance)", fontsize=SMALL)
        if place % len(columns) == 0:
            second = f"component 2 ({shares[1]:.0f} %)" if len(shares) > 1 else ""
            axes.set_ylabel(f"stage {stage}\n{second}", fontsize=SMALL)
        axes.set(xticks=[], yticks=[])
        own = told[stage][column]
        value = "not measured" if own["value"] is None else f"{_MEASURES[own['measure']]} {own['value']:.2f}"
        axes.set_title(f"{plain(short(column))}: {value}", fontsize=TEXT, loc="left")
    return figure


def _draw(figure: Figure, axes: Axes, points: NDArray[np.float64], values: Sequence[Any], legend: bool) -> None:
    known = [value for value in values if value is not None]
    style: dict[str, Any] = {"s": 6, "linewidths": 0, "alpha": 0.7, "rasterized": True}
    if known and all(isinstance(value, int | float) for value in known):
        numbers = np.array([np.nan if value is None else value for value in values], dtype=np.float64)
        has = np.isfinite(numbers)
        low, high = np.quantile(numbers[has], [0.02, 0.98])
        x, y = points[has].T
        drawn = axes.scatter(x, y, c=numbers[has], cmap="cividis", vmin=low, vmax=high, **style)
        if legend:
            place = axes.inset_axes((0.1, -0.24, 0.8, 0.045))
            bar = figure.colorbar(drawn, cax=place, orientation="horizontal", extend="both")
            bar.ax.tick_params(labelsize=SMALL)
            bar.outline.set_visible(False)
            bar.solids.set(alpha=1)  # type: ignore[union-attr]
        return
    often = [level for level, _ in Counter(map(str, known)).most_common()]
    kept = often if len(often) <= _LEVELS + 1 else often[:_LEVELS]
    names = [_UNKNOWN if value is None else str(value) if str(value) in kept else _OTHER for value in values]
    levels = [*kept, *(name for name in (_OTHER, _UNKNOWN) if name in names)]
    colours = {
        name: "0.7" if name in (_OTHER, _UNKNOWN) else COLOURS[i % len(COLOURS)] for i, name in enumerate(levels)
    }
    axes.scatter(points[:, 0], points[:, 1], c=[colours[name] for name in names], **style)
    if legend:
        for name, colour in colours.items():
            axes.scatter([], [], c=colour, s=14, marker="o", label=plain(short(name)))
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), fontsize=SMALL, frameon=False, ncols=2,
                    handletextpad=0.2, columnspacing=0.8)  # fmt: skip
