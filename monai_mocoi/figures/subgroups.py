"""Forest plot of subgroups: the AUC of each group, and its gap to the column's largest group."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from monai_mocoi.figures.canvas import COLOURS, new_figure, plain

SUBGROUPS_NAME = "subgroups"  # of the figure's files, without ending

_ROW, _MARGIN = 0.24, 1.0  # inches
_LONGEST_NAME = 26
_LEFT, _MIDDLE = (0.31, 0.26), (0.62, 0.26)  # left and width of the two panels, of the figure's width
_END = (0.985 - _MIDDLE[0]) / _MIDDLE[1]  # of the texts beside the second one, of its width


def subgroup_figure(report: Mapping[str, Any]) -> Figure | None:
    """Draw the groups of all columns, one a row; None: no group was measured.

    Left the mean AUC of the group's classes, right the gap to the reference, over the classes of both, each with its
    interval; a filled marker where the gap is significant after Holm's correction.
    """
    if not any("auc" in own for column in report["columns"].values() for own in column["groups"].values()):
        return None
    rows = sum(1 + len(column["groups"]) + _has_unknown(column) for column in report["columns"].values())
    height = _MARGIN + _ROW * rows
    figure, areas = new_figure(7.2, height)
    bottom, span = 0.62 / height, _ROW * rows / height
    areas.set_position((_LEFT[0], bottom, _LEFT[1], span))
    gaps = figure.add_axes((_MIDDLE[0], bottom, _MIDDLE[1], span))
    alpha = 1 - report["intervals"]["level"] + 1e-12
    row = 0
    for name, column in report["columns"].items():
        _write(areas, -0.02, row, plain(_short(name)), ha="right", weight="bold")
        row += 1
        for group, own in column["groups"].items():
            _draw_group(areas, gaps, row, group, own, group == column["reference"], alpha)
            row += 1
        if _has_unknown(column):
            _write(areas, -0.02, row, f"unknown ({_counts(column['unknown'])})", ha="right", color="0.45")
            row += 1
    for axes in (areas, gaps):
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_yticks([])
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["left", "top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
        axes.locator_params(axis="x", nbins=5)
    gaps.axvline(0, color="0.4", linewidth=0.8)
    level = f"{100 * report['intervals']['level']:g}% interval over patients"
    areas.set_xlabel(f"mean AUC, the group's own classes\n({level})", fontsize=8)
    gaps.set_xlabel("group - reference, classes of both\n(filled: shown, by Holm)", fontsize=8)
    for axes, place, title in ((areas, -0.02, "group (images / patients)"), (gaps, _END, "p, by Holm")):
        axes.text(place, 1 + 0.1 / (_ROW * rows), title, transform=axes.transAxes, fontsize=8, ha="right", va="bottom")
    return figure


def _draw_group(
    areas: Axes, gaps: Axes, row: int, name: str, own: Mapping[str, Any], is_reference: bool, alpha: float
) -> None:
    _write(areas, -0.02, row, plain(f"{_short(name)} ({_counts(own)})"), ha="right")
    if "auc" not in own:
        behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.4}
        _write(areas, 0.02, row, "too small", ha="left", color="0.45", bbox=behind)
        return
    _draw_number(areas, row, own["auc"], COLOURS[0], True)
    if is_reference:
        _write(gaps, _END, row, "reference", ha="right", color="0.45")
    elif gap := own.get("gaps", {}).get("auc"):
        shown = gap["p_value_holm"] <= alpha
        _draw_number(gaps, row, gap, COLOURS[1], shown)
        _write(gaps, _END, row, f"{gap['p_value_holm']:.2g}", ha="right", weight="bold" if shown else "normal")


def _has_unknown(column: Mapping[str, Any]) -> bool:
    return bool(column.get("unknown")) and column["unknown"]["images"] != 0


def _counts(own: Mapping[str, Any]) -> str:
    return "< 5 patients" if own["images"] is None else f"{own['images']:,} / {own['patients']:,}"


def _draw_number(axes: Axes, row: int, number: Mapping[str, Any], colour: str, filled: bool) -> None:
    axes.plot(number["interval"], [row, row], color=colour, linewidth=1.4, solid_capstyle="butt")
    style: dict[str, Any] = {"color": colour, "markerfacecolor": colour if filled else "white"}
    axes.plot(number["value"], row, marker="o", markersize=5, **style)


def _write(axes: Axes, place: float, row: int, text: str, **style: Any) -> None:
    axes.text(place, row, text, transform=axes.get_yaxis_transform(), fontsize=8, va="center", **style)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
