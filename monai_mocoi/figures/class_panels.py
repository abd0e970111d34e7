"""Small multiples: one panel a class, all in one figure."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.gridspec import SubplotSpec

from monai_mocoi.figures.canvas import new_figure

PANELS_A_FIGURE = 16
"""Classes of one figure; more of them are spread over several."""
_COLUMNS = 4


def panels(
    classes: Mapping[str, Any], width: float, height: float, head: float = 0.4
) -> Iterator[tuple[Figure, list[tuple[str, Any, SubplotSpec, bool]]]]:
    """Room for each class: panels of ``width`` x ``height`` inches, with ``head`` above all for the legend.

    Yields a figure, and for each of its panels the class, what is drawn, the place, and whether it is the first one.
    """
    items = list(classes.items())
    for start in range(0, len(items), PANELS_A_FIGURE):
        part = items[start : start + PANELS_A_FIGURE]
        columns = min(_COLUMNS, math.ceil(math.sqrt(len(part))))  # near a square: five are three and two
        rows = -(-len(part) // columns)
        figure, axes = new_figure(width * columns + 0.3, height * rows + head)
        axes.remove()
        size = figure.get_size_inches()
        grid = figure.add_gridspec(
            rows,
            columns,
            left=0.72 / size[0],
            right=1 - 0.2 / size[0],
            bottom=0.45 / size[1],
            top=1 - (head + 0.28) / size[1],
            wspace=0.42,
            hspace=0.42,
        )
        yield figure, [(name, own, grid[divmod(i, columns)], i == 0) for i, (name, own) in enumerate(part)]
