"""Numbers of an evaluation in words: for the log, the terminal, figures and the model card."""

from collections.abc import Mapping
from typing import Any

from monai_mocoi.analysis.interval_settings import FEW_PATIENTS

_FEW = 3  # classes that get a line each


def value_in_words(number: Mapping[str, Any], sign: str = "", digits: int = 3) -> str:
    """``0.812 (0.774 to 0.846)``, or the value alone; ``sign="+"``: positive numbers have a sign."""
    low, high = number["interval"] or (None, None)
    interval = "" if low is None else f" ({low:{sign}.{digits}f} to {high:{sign}.{digits}f})"
    return f"{number['value']:{sign}.{digits}f}{interval}"


def number_in_words(number: Mapping[str, Any], digits: int = 3) -> str:
    """A NUMBER of a report: as :func:`value_in_words`, or why there is no value or interval."""
    if number["value"] is None:
        return f"none: {number['reason']}"
    words = value_in_words(number, digits=digits)
    if number["interval"] is None:
        return f"{words} (no interval: {number['reason']})"
    return words + (" - uncertain" if "note" in number else "")


def few_patients_in_words(report: Mapping[str, Any]) -> list[str]:
    """One sentence that warns of intervals over too few patients, or none; of an evaluation or a comparison."""
    if not (few := report.get("few_patients")):
        return []
    text = "{class}: positives of {positive_patients}, negatives of {negative_patients}"
    counts = "; ".join(text.format(**own) for own in few)
    return [
        f"Few patients ({counts}): with fewer than {FEW_PATIENTS} the intervals are too narrow, also those of all "
        "classes together. Do not rely on them; test on more patients."
    ]


def unknown_in_report(report: Mapping[str, Any]) -> list[str]:
    """One sentence on classes that are not known of all images, or none; of the same reports."""
    named = {own["class"]: own for own in report["left_out_classes"]} | dict(report.get("classes", {}))
    counts = ", ".join(f"{name} {own['unknown']}" for name, own in named.items() if own.get("unknown"))
    return [f"Not known of some images, and measured over the others: {counts}."] if counts else []


def calibration_in_words(report: Mapping[str, Any]) -> list[str]:
    """Calibration, before and after recalibration: a line for each of up to three classes, else one line for all."""
    found = report.get("calibration")
    if not found or not found["classes"]:
        return []
    kind = " of the recalibrated probabilities" if found["probabilities"] == "recalibrated" else ""
    after = found.get("recalibrated", {})
    lines = _calibration_of(found["classes"], f"calibration{kind}")
    if after.get("classes"):
        lines += _calibration_of(after["classes"], f"after recalibration ({after['method']}, on validation)")
    elif "reason" in after:
        lines.append(f"not recalibrated: {after['reason']}")
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
    """What the thresholds chosen on validation give: a line for each of up to three classes, or why there are none."""
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
