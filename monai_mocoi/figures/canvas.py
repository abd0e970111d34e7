"""Canvas: figures without a display or matplotlib's global state, and titles and names that are short enough for them.

A figure goes to TensorBoard as an RGB array (:func:`rendered`), or to a folder as PNG and SVG (:func:`save_figure`).
"""

import io
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from monai_mocoi.data import Predictions
from monai_mocoi.files.atomic_write import write_bytes

RGB = NDArray[np.uint8]
Columns = TypeVar("Columns", NDArray[np.intp], list[Any])

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
    """Write ``<name>.png`` (200 pixels an inch) and ``<name>.svg`` to a folder; equal figures give equal bytes."""
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


WIDTH = 5.0  # inches, of curves and tables
_LONGEST_NAME, _LINE = 24, 58  # letters; those that fit a title's line


def short(name: str) -> str:
    """A class's name, cut where it is too long for a figure."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 3] + "..."


def in_words(probability: float) -> str:
    """A probability or threshold in short, with more digits near 0 and 1: ``0.031``, ``0.42``, ``0.997``."""
    if 0 < probability < 0.0001:
        return "<0.0001"
    if probability < 0.1:
        return f"{probability:.2g}"
    return f"{probability:.2f}" if probability <= 0.9 else f"{probability:.3f}"


def class_name(predictions: Predictions, column: int, limits: NDArray[np.float64] | None = None) -> str:
    """A class's name, with its threshold where there are limits."""
    name = plain(short(predictions.classes[column]))
    return name if limits is None else f"{name}, from {in_words(limits[column])}"


def parts_of(columns: Columns, most: int) -> list[Columns]:
    """The columns in parts of ``most``."""
    return [columns[start : start + most] for start in range(0, len(columns), most)]


def finished(figure: Figure, title: str, about: str) -> RGB:
    """Put the title and what the figure is about above it, from its left edge, and render it."""
    figure.axes[0].set_title("")
    top = 1 - 0.06 / figure.get_figheight()
    text = "\n".join([title, *(textwrap.fill(line, _LINE) for line in about.split("\n") if line)])
    figure.text(0.012, top, plain(text), fontsize=11, va="top", linespacing=1.25)
    return rendered(figure)


def title_height(own: int, about: str) -> float:
    """Inches that a title of so many lines, and what the figure is about, take."""
    return 0.15 + 0.2 * (own + sum(len(textwrap.wrap(line, _LINE)) for line in about.split("\n")))
