"""Lines of arms: a metric by label fraction or by stage, an arm a line, with intervals and single runs as points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import fill
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from monai_mocoi.figures.canvas import COLOURS, plain, short
from monai_mocoi.figures.panels import DASHES, MARKERS, SMALL, TEXT, bare, new_panels

_LINE = 48
"""Characters of a title that a panel is wide."""


@dataclass(frozen=True)
class ArmPoint:
    """A place on the axis, the number with its interval (None: none), and the single runs behind it."""

    x: float
    value: float
    interval: tuple[float, float] | None = None
    runs: Sequence[float] = ()


def one_a_place(points: Sequence[ArmPoint]) -> list[ArmPoint]:
    """Join the points of several encoders at a place: their mean, without interval, and each as a single run."""
    by_place: dict[float, list[ArmPoint]] = {}
    for point in points:
        by_place.setdefault(point.x, []).append(point)
    joined = []
    for x, own in by_place.items():
        values = [point.value for point in own]
        joined.append(own[0] if len(own) == 1 else ArmPoint(x, sum(values) / len(values), None, values))
    return joined


@dataclass(frozen=True)
class ArmPanel:
    """A panel: its title, and the points of each arm."""

    title: str
    arms: Mapping[str, Sequence[ArmPoint]] = field(default_factory=dict)


def arm_lines_figure(
    panels: Sequence[ArmPanel], order: Sequence[str], ylabel: str, xlabel: str, ticks: Mapping[float, str], log: bool
) -> Figure:
    """Draw panels side by side.

    ``order``: all arms, so that one has the same colour and marker everywhere. ``ticks``: texts of the places on the
    axis; ``log``: places are shares on a logarithmic axis.
    """
    figure, axes_of = new_panels(len(panels), 3.8, 3.3, a_row=2)
    shown = [arm for arm in order if any(arm in panel.arms for panel in panels)]
    for axes, panel in zip(axes_of, panels, strict=True):
        for place, arm in enumerate(shown):
            if points := panel.arms.get(arm):
                shift = 0.3 / max(len(shown), 1) * (place - (len(shown) - 1) / 2)
                _draw(axes, points, order.index(arm), shift, log, plain(short(arm)))
        axes.set_title(fill(plain(panel.title), _LINE), loc="left", fontsize=TEXT)
        _axis(axes, ticks, log)
        axes.set_xlabel(xlabel, fontsize=TEXT)
        axes.set_ylabel(ylabel, fontsize=TEXT)
        axes.grid(axis="y", alpha=0.3, linewidth=0.6)
        bare(axes)
    labelled = {label: line for axes in axes_of for line, label in zip(*axes.get_legend_handles_labels(), strict=True)}
    known = [plain(short(arm)) for arm in shown]
    names = [name for name in known if name in labelled]
    figure.legend(
        [labelled[name] for name in names],
        names,
        loc="outside upper left",
        fontsize=TEXT,
        frameon=False,
        ncols=3 if len(names) > 2 else 2,
    )
    return figure


def _draw(axes: Axes, points: Sequence[ArmPoint], number: int, shift: float, log: bool, label: str) -> None:
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    at = np.array([point.x for point in points])
    at = at * 10**shift if log else at + shift
    values = np.array([point.value for point in points])
    style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 4.5, "zorder": 3}
    axes.plot(at, values, **style, linestyle=DASHES[number % len(DASHES)], linewidth=1.2, label=label)
    for x, point in zip(at, points, strict=True):
        if point.interval is not None:
            axes.plot([x, x], point.interval, color=colour, linewidth=1.1, zorder=2)
        if len(point.runs) > 1:
            beside = x * 10**0.02 if log else x + 0.05
            axes.plot(
                [beside] * len(point.runs), point.runs, marker, color=colour, markersize=2.6, markerfacecolor="white",
                markeredgewidth=0.7, linestyle="none", zorder=2,
            )  # fmt: skip


def _axis(axes: Axes, ticks: Mapping[float, str], log: bool) -> None:
    if log:
        axes.set_xscale("log")
        axes.set_xlim(min(ticks) / 1.6, max(ticks) * 1.6)
    else:
        axes.set_xlim(min(ticks) - 0.5, max(ticks) + 0.5)
    axes.xaxis.set_major_locator(FixedLocator(list(ticks)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels(list(ticks.values()), fontsize=SMALL)
