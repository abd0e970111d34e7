"""Feature reuse and probing of several encoders, as tables in the form of the paper's, from their ``analysis.json``.

    python -m benchmarks.paper_tables NAME=ANALYSIS_FOLDER [NAME=ANALYSIS_FOLDER ...]

Nothing is computed here: every number, with its interval and null, stands in the ``analysis.json`` that
``analyze.json`` wrote. An encoder without a probing or without runs to compare is left out of that table.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


def short(value: float) -> str:
    """``.97``, as the paper prints it; ``-.01``, ``1.00``."""
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.2f}"


def cell(number: Mapping[str, Any]) -> str:
    """Value and interval."""
    if number["value"] is None:
        return "none"
    if number["interval"] is None:
        return short(number["value"])
    low, high = map(short, number["interval"])
    return f"{short(number['value'])} ({low} to {high})"


def table(header: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Lines of Markdown."""
    yield f"| {' | '.join(header)} |"
    yield f"|{'---|' * len(header)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def reuse_rows(name: str, analysis: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each fine-tuned run: the stages, and beside them what unrelated features would have."""
    for run, found in analysis.get("feature_reuse", {}).items():
        about = analysis["networks"][run]
        stages = [found["same_stage"][str(stage)] for stage in found["stages"]]
        nulls = [abs(own["null"]["exchanged"] or own["null"]["permuted"]) for own in stages]
        fraction = f"{100 * about['label_fraction']:g} %"
        yield [name, fraction, *map(cell, stages), f"up to {max(nulls):.3f} (sd {stages[0]['null']['sd']:.4f})"]


def probing_rows(name: str, analysis: Mapping[str, Any]) -> Iterator[list[str]]:
    """A row for each label fraction: the stages' means over the draws."""
    probing = analysis.get("probing")
    if probing is None:
        return
    metric = probing["metric"]
    for fraction in sorted({row["label_fraction"] for row in probing["summary"]}):
        rows = {str(row["stage"]): row for row in probing["summary"] if row["label_fraction"] == fraction}
        yield [name, f"{100 * fraction:g} %", *(cell(rows[stage]["metrics"][metric]) for stage in rows)]


def main() -> None:
    parser = argparse.ArgumentParser(description="Tables of several analyses, in the paper's form.")
    parser.add_argument("analyses", nargs="+", metavar="NAME=FOLDER")
    found = {}
    for word in parser.parse_args().analyses:
        name, _, folder = word.partition("=")
        found[name] = json.loads((Path(folder) / "analysis.json").read_text(encoding="utf-8"))
    reuse = [row for name, analysis in found.items() for row in reuse_rows(name, analysis)]
    header = ["Encoder", "Labels", "stage 1", "stage 2", "stage 3", "stage 4", "unrelated features"]
    print(*table(header, reuse), "", sep="\n")
    probing = [row for name, analysis in found.items() for row in probing_rows(name, analysis)]
    print(*table(["Encoder", "Labels", "stage 1", "stage 2", "stage 3", "stage 4", "all four"], probing), sep="\n")


if __name__ == "__main__":
    main()
