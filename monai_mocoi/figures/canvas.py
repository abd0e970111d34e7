"""Canvas: figures without matplotlib's global state and without a display.

A figure goes to TensorBoard as an RGB array (:func:`rendered`), or to a folder as PNG and SVG (:func:`save_figure`).
"""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from monai_mocoi.files.atomic_write import write_bytes

RGB = NDArray[np.uint8]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000")
"""Eight that people with any kind of colour blindness tell apart (Okabe and Ito 2008), the strongest first. Where there
are more than these, or print may be grey, lines differ by their markers or dashes too."""

_DPI = 200  # of files: a column of a paper is 3.5 inches


def new_figure(width: float, height: float) -> tuple[Figure, Axes]:
    """A figure with one pair of axes; sizes in inches."""
    # Not pyplot, which would keep every figure and might look for a display.
    figure = Figure(figsize=(width, height), dpi=100)
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def rendered(figure: Figure) -> RGB:
    """The figure as ``(height, width, 3)``, 100 pixels an inch; afterwards it is empty."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    with _any_script():
        canvas.draw()
    picture = np.asarray(canvas.buffer_rgba())[..., :3].copy()
    figure.clear()
    return picture


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``<name>.png`` (200 pixels an inch) and ``<name>.svg`` to a folder, which is made if it is missing.

    The same figure gives the same bytes; it stays as it is. Returns the two files; raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for ending, metadata in (("png", {"Software": None}), ("svg", {"Date": None, "Creator": None})):
        content = io.BytesIO()
        with _any_script(), matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
            figure.savefig(content, format=ending, dpi=_DPI, metadata=metadata)
        files.append(folder / f"{name}.{ending}")
        write_bytes(files[-1], content.getbuffer())
    return files


def plain(text: str) -> str:
    """A text in which matplotlib sees no formula."""
    return text.replace("$", r"\$")


@contextmanager
def _any_script() -> Iterator[None]:
    with warnings.catch_warnings():
        # A name in a script that the font lacks is shown as boxes; one line of warning a letter would say no more.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield
