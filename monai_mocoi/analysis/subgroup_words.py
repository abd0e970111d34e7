"""Subgroups of an evaluation in words: how many there are, the clearest gap, and which gaps are significant."""

import math
from collections.abc import Mapping
from typing import Any

from monai_mocoi.analysis.subgroup_measures import SUBGROUP_MEASURES
from monai_mocoi.analysis.subgroups import gaps_of
from monai_mocoi.analysis.wording import value_in_words

_MEASURES = {"auc": "AUC", "sensitivity": "sensitivity", "specificity": "specificity"}
_MOST_WARNINGS = 5


def subgroups_in_words(report: Mapping[str, Any]) -> list[str]:
    """Say what was looked at and what was found; of :func:`~monai_mocoi.analysis.evaluate_subgroups`."""
    groups = [own for column in report["columns"].values() for own in column["groups"].values()]
    measured = sum("auc" in own for own in groups)
    lines = []
    if groups:
        named = ", ".join(report["columns"])
        lines.append(f"Subgroups by {named} ({report['source']}): {len(groups)}, of which {measured} are large enough.")
    if left_out := report["left_out_columns"]:
        lines.append("  no subgroups by " + "; ".join(f"{own['column']}: {own['reason']}" for own in left_out))
    for what, count in (("images have no row in it", "images_without_row"), ("of its rows are unused", "unused_rows")):
        if report[count]:
            lines.append(f"  {report['source']}: {report[count]} {what}")
    if gaps := gaps_of(report):
        lines.append(f"  clearest gap of {len(gaps)}: {_gap('auc', gaps[0])}")
    # With many gaps the least p-value of so many resamples, times the number of gaps, may be above the level.
    most, resamples = max(report["corrected_for"].values(), default=0), report["intervals"]["resamples"]
    if most * 2 / (resamples + 1) > _alpha(report):
        needed = math.ceil(2 * most / _alpha(report))
        line = f"{resamples} resamples cannot show any of {most} gaps once they are corrected: set resamples to"
        lines.append(f"  {line} {needed}")
    return lines


def subgroup_warnings(report: Mapping[str, Any]) -> list[str]:
    """Name the significant gaps: whose corrected p-value is at most 1 - level."""
    alpha = _alpha(report)
    shown = [
        f"Subgroups differ: {_gap(measure, gap)}"
        for measure in SUBGROUP_MEASURES
        for gap in gaps_of(report, measure)
        if gap[3]["p_value_holm"] <= alpha
    ]
    more = len(shown) - _MOST_WARNINGS
    return shown[:_MOST_WARNINGS] + (
        [f"{more} more significant gaps: see subgroups in metrics.json."] if more > 0 else []
    )


def _gap(measure: str, found: tuple[str, str, str, Mapping[str, Any]]) -> str:
    column, group, reference, gap = found
    return (
        f"{_MEASURES[measure]} in {column} {group} {gap['group']:.3f}, in {reference} {gap['reference']:.3f}: "
        f"{value_in_words(gap, '+')}, p {gap['p_value']:.3g}, by Holm {gap['p_value_holm']:.3g}"
    )


def _alpha(report: Mapping[str, Any]) -> float:
    return float(round(1 - report["intervals"]["level"], 12))
