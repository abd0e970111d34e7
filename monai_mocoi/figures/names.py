"""Titles, names and numbers that are short enough for a figure."""

import textwrap

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from monai_mocoi.data import Predictions
from monai_mocoi.figures.canvas import RGB, plain, rendered

WIDTH = 5.0  # inches, of curves and tables
_LONGEST_NAME = 24
_LINE = 58  # letters that fit a title's line


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


def parts_of(columns: NDArray[np.intp], most: int) -> list[NDArray[np.intp]]:
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
