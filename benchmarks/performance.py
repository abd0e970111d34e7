"""The page of figures: what the saved JSON of the measurements gives, by one template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.cost_model import measured_gpu, measured_speeds
from benchmarks.cost_model import table as growth_table
from benchmarks.figures import Figure, Row
from benchmarks.registry import MEASUREMENTS, Measurement

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "performance.md"
ASSUMED_GPU = 1500
"""Images a second through the training step of a GPU at 224 px, where none was at hand to measure it."""
TRIED = "tried.md"
"""What was tried and did not help; written by hand."""


def page(results: Path) -> str:
    """The page in Markdown.

    Args:
        results: a folder with the JSON file of each measurement, by its name; some may be missing.
    """
    found = {m.name: read(results / f"{m.name}.json") for m in MEASUREMENTS if (results / f"{m.name}.json").is_file()}
    machines: list[str] = []
    for saved in found.values():
        if (words := machine_in_words(saved)) not in machines:
            machines.append(words)
    sections = [section(m, found[m.name], machines) if m.name in found else unmeasured(m) for m in MEASUREMENTS]
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    tried = (HERE / TRIED).read_text(encoding="utf-8").strip()
    speeds = measured_speeds(found)
    gpu = measured_gpu(found)
    growth = "\n".join(growth_table(speeds, gpu or ASSUMED_GPU, found["loop"]["machine"]["cores"])) if speeds else ""
    return environment.get_template("performance_page.j2").render(
        sections=sections, machines=machines, tried=tried, growth=growth, speeds=speeds,
        gpu=number(gpu or ASSUMED_GPU), gpu_is_measured=gpu is not None,
    )  # fmt: skip


def read(file: Path) -> dict[str, Any]:
    """What was saved of a measurement."""
    return json.loads(file.read_text(encoding="utf-8"))


def section(measurement: Measurement, saved: dict[str, Any], machines: list[str]) -> dict[str, Any]:
    """What the template is told of a measurement."""
    load = "" if saved["load"] is None else f"; load {saved['load']} at its start"
    where = f", on machine {machines.index(machine_in_words(saved)) + 1}" if len(machines) > 1 else ""
    quick = "**Quick: only to see that it runs; the figures say nothing.** " if saved["quick"] else ""
    return {
        "title": measurement.title,
        "about": measurement.about,
        "table": "\n".join(table([Row.from_json(row) for row in saved["rows"]])),
        "made": f"{quick}`{saved['command']}`{where}; seed {saved['seed']}{load}.",
    }


def unmeasured(measurement: Measurement) -> dict[str, Any]:
    """The same of a measurement of which nothing is saved."""
    made = f"Not measured yet: `python -m benchmarks --only {measurement.name}`."
    return {"title": measurement.title, "about": measurement.about, "table": "", "made": made}


def table(rows: list[Row]) -> Iterator[str]:
    """A Markdown table of rows; its last column says which limits are met, if there are any."""
    headings = list(dict.fromkeys(heading for row in rows for heading in row.figures))
    limited = any(limit(figure) for row in rows for figure in row.figures.values())
    columns = ["", *(headings or [""]), *(["limit"] if limited else [])]
    yield "| " + " | ".join(columns) + " |"
    yield "|---" * len(columns) + "|"
    for row in rows:
        if row.skipped:
            cells = [f"not measured: {row.skipped}"] + [""] * (len(columns) - 2)
        else:
            cells = [in_words(row.figures[heading]) if heading in row.figures else "" for heading in headings]
            cells += ["; ".join(filter(None, map(limit, row.figures.values())))] if limited else []
        yield "| " + " | ".join([row.case, *cells]) + " |"


def in_words(figure: Figure) -> str:
    """Median, with the smallest and the largest of the rounds."""
    if len(figure.values) == 1:
        return number(figure.median)
    return f"{number(figure.median)} ({number(min(figure.values))} to {number(max(figure.values))})"


def limit(figure: Figure) -> str:
    """The limit of a figure, and whether its median keeps it; empty where there is none."""
    limits = [("at least", figure.at_least), ("at most", figure.at_most)]
    words = " and ".join(f"{words} {value:g}" for words, value in limits if value is not None)
    return f"{words}: {'met' if figure.is_met else '**missed**'}" if words else ""


def number(value: float) -> str:
    """A value with three digits, as one writes it."""
    digits = f"{value:.3g}"
    return f"{float(digits):,.0f}" if abs(value) >= 100 else digits


def machine_in_words(saved: dict[str, Any]) -> str:
    """Hardware and versions of a measurement, in one line."""
    machine, versions = saved["machine"], saved["versions"]
    gpu = machine.get("gpu")
    graphics = f"{gpu['count']} x {gpu['name']} ({gpu['memory_gib']} GiB)" if gpu else "no GPU"
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads']} threads",
        f"{machine['memory_gib']} GiB of memory, {graphics}, {machine['system']}",
    ]
    return "; ".join([*parts, ", ".join(f"{name} {version}" for name, version in versions.items())])
