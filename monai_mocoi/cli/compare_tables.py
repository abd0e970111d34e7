"""Tables of ``mocoi compare``: paired differences of predictions, or of probings, on the terminal."""

from collections.abc import Mapping
from typing import Any

from monai_mocoi.analysis import few_patients_in_words, unknown_in_report
from monai_mocoi.cli.reporting import console


def show(result: Mapping[str, Any], comparisons: int = 1) -> None:
    """Print a comparison of predictions (with ``notes``) or of probings, one of so many with the ``first`` one."""
    out = console()
    made, cells = result["intervals"], result.get("cells")
    out.print(f"A: {result['first']}\nB: {result['second']}")
    out.print(f"{result['images']} images of {result['patients']} patients, the same in both; {result['metric']}")
    if cells is None:
        rows = [(result["metric"], result["overall"]), *result["classes"].items()]
        corrected = len(rows) - 1  # the overall difference is not one of them
    else:
        rows = [(f"stage {cell['stage']}, {cell['label_fraction']:g} of the labels", cell) for cell in cells]
        corrected = len(rows)
    header = ["", *(["draws"] if cells else []), "A", "B", "B - A", f"{100 * made['level']:g}% interval", "p"]
    holm = corrected > 1 or comparisons > 1
    table = [[*header, *(["by Holm"] if holm else [])], *(_cells(name, own, holm) for name, own in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *others in table:
        cells_of_row = [first.ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(others, widths[1:], strict=True))]
        out.print("  ".join(cells_of_row).rstrip())
    redrawn = f", {made['redrawn']} redrawn" if made["redrawn"] else ""
    out.print(f"Paired, over patients: {made['method']}, {made['resamples']} resamples{redrawn}, seed {made['seed']}.")
    if corrected > 1:
        whose = "the classes' p-values," if cells is None else "the p-values"
        out.print(f"By Holm: {whose} corrected for their number, {corrected}.")
    if comparisons > 1:
        out.print(f"By Holm: the p-value of {result['metric']}, corrected for {comparisons} comparisons with A.")
    if cells is not None:
        out.print(
            "A and B are means over the draws of labels, the same in both. Interval and p-value include the variation "
            "in drawing test patients, not that in drawing labels, nor that of another pretraining."
        )
    for name, difference in rows:
        if "note" in difference:
            out.print(f"{name}: {difference['note']}")
    for line in (*unknown_in_report(result), *few_patients_in_words(result)):
        out.print(line)
    for own in result["left_out_classes"]:
        counts = f"{own['positives']} positive, {own['negatives']} negative images"
        out.print(f"Not evaluated: {own['class']} ({counts}: {own['reason']})")
    for line in ("", *result["notes"]) if "notes" in result else ():
        out.print(line)
    if comparisons > 1:
        out.print()


def _cells(name: str, difference: Mapping[str, Any], holm: bool) -> list[str]:
    low, high = difference["interval"]
    corrected = f"{difference['p_value_holm']:.3g}" if "p_value_holm" in difference else ""
    return [
        name,
        *([str(difference["draws"])] if "draws" in difference else []),
        f"{difference['first']:.3f}",
        f"{difference['second']:.3f}",
        f"{difference['value']:+.3f}",
        f"{low:+.3f} to {high:+.3f}",
        f"{difference['p_value']:.3g}",
        *([corrected] if holm else []),
    ]
