"""An evaluation's numbers in words: for the log, the terminal and the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FEW = 3  # classes that get a line each


def number_in_words(number: Mapping[str, Any], digits: int = 3) -> str:
    """``0.812 (0.774 to 0.846)``, or why there is no number or interval."""
    if number["value"] is None:
        return f"none: {number['reason']}"
    if number["interval"] is None:
        return f"{number['value']:.{digits}f} (no interval: {number['reason']})"
    low, high = number["interval"]
    certain = " - no certainty" if "note" in number else ""
    return f"{number['value']:.{digits}f} ({low:.{digits}f} to {high:.{digits}f}){certain}"


def calibration_in_words(report: Mapping[str, Any]) -> list[str]:
    """Calibration, before and after recalibration: a line a class of up to three, else one line for all.

    Args:
        report: of :func:`~monai_mocoi.analysis.evaluate_fully`; without its keys there are no lines.
    """
    found = report.get("calibration")
    if not found or not found["classes"]:
        return []
    kind = " of the recalibrated probabilities" if found["probabilities"] == "recalibrated" else ""
    mended = found.get("recalibrated", {})
    lines = _calibration_of(found["classes"], f"calibration{kind}")
    if mended.get("classes"):
        lines += _calibration_of(mended["classes"], f"after recalibration ({mended['method']}, on validation)")
    elif "reason" in mended:
        lines.append(f"not recalibrated: {mended['reason']}")
    if sums := found.get("sums"):
        lines.append(
            f"the probabilities of {sums['images_not_1']} images do not sum to 1 ({sums['lowest']:.3f} to "
            f"{sums['highest']:.3f}): are they those of a softmax?"
        )
    return lines


def _calibration_of(classes: Mapping[str, Any], title: str) -> list[str]:
    known = {name: own for name, own in classes.items() if "slope" in own}
    if not known:
        return [f"{title}: {own['reason']}" for own in list(classes.values())[:1]]
    if len(known) <= _FEW:
        return [
            f"{title}, {name}: intercept {number_in_words(own['intercept'], 2)}, slope "
            f"{number_in_words(own['slope'], 2)}, Brier {number_in_words(own['brier'])}"
            for name, own in known.items()
        ]
    ranges = []
    for measure, digits in (("intercept", 2), ("slope", 2), ("brier", 3)):
        values = [own[measure]["value"] for own in known.values() if own[measure]["value"] is not None]
        if values:
            word = measure.replace("brier", "Brier")
            ranges.append(f"{word} {min(values):.{digits}f} to {max(values):.{digits}f}")
    return [f"{title}, {len(known)} classes: {', '.join(ranges)}"]


def operating_points_in_words(report: Mapping[str, Any]) -> list[str]:
    """What the thresholds chosen on validation give: a line each of up to three classes, or why there are none.

    Args:
        report: as for :func:`calibration_in_words`.
    """
    found = report.get("operating_points")
    if not found:
        return []
    if "reason" in found:
        return [f"no operating points: {found['reason']}"]
    lines = []
    for name, points in list(found["classes"].items())[:_FEW]:
        for point in points:
            wanted = f"{name}, for {point['target']} {point['at_least']:g} on validation"
            if "threshold" not in point:
                lines.append(f"{wanted}: {point['reason']}")
                continue
            lines.append(
                f"{wanted} (threshold {point['threshold']:.4g}): sensitivity "
                f"{number_in_words(point['sensitivity'])}, specificity {number_in_words(point['specificity'])}"
            )
    if (more := len(found["classes"]) - _FEW) > 0:
        lines.append(f"operating points of {more} more classes are in metrics.json")
    return lines
