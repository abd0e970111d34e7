"""Report folder: one HTML page that loads nothing, a CSV file of each table, and each figure as PNG and SVG."""

import base64
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from monai_mocoi import __version__
from monai_mocoi.errors import StudyError
from monai_mocoi.figures.canvas import save_figure
from monai_mocoi.files.atomic_write import write_bytes, write_csv
from monai_mocoi.files.folder_swap import replaced
from monai_mocoi.study_report.blocks import Bullets, Link, Picture, Section, Table, Text
from monai_mocoi.study_report.compared_metric import Metric
from monai_mocoi.study_report.recorded_settings import SettingsOf
from monai_mocoi.study_report.report_place import FIGURES, PAGE_NAME, TABLES, check_report_place
from monai_mocoi.study_report.section_analyses import distance_section, probing_section, reuse_section
from monai_mocoi.study_report.section_chosen import chosen_section
from monai_mocoi.study_report.section_data import data_section
from monai_mocoi.study_report.section_limits import limits_section
from monai_mocoi.study_report.section_paired import paired_section
from monai_mocoi.study_report.section_pretraining import compute_section, pretraining_section
from monai_mocoi.study_report.section_results import evaluation_section, label_efficiency_section
from monai_mocoi.study_report.section_verdict import verdict_section
from monai_mocoi.study_report.sources import shown_links
from monai_mocoi.study_report.study_results import StudyResults, study_results

_SECTIONS: tuple[Callable[[StudyResults], Section], ...] = (
    verdict_section,
    data_section,
    label_efficiency_section,
    lambda study: evaluation_section(study, "linear"),
    lambda study: evaluation_section(study, "finetune"),
    paired_section,
    probing_section,
    reuse_section,
    distance_section,
)


def write_study_report(
    runs: str | os.PathLike[str],
    out: str | os.PathLike[str],
    metric: Metric | None = None,
    arm: str | None = None,
    overwrite: bool = False,
    settings_of: SettingsOf | None = None,
) -> StudyResults:
    """Write the report of all runs below a folder; returns what it was made of.

    Args:
        runs: a study's folder, or any folder with run folders below it.
        out: the report's folder, which is made whole or not at all: ``report.html``, ``tables/``, ``figures/``.
        metric: what is compared; None: that of the plan, or the macro AUC.
        arm: shown in detail; None: that of the primary comparison.
        overwrite: replace an earlier report.
        settings_of: gives all settings of a planned command in the study's folder; None: tests that were run by hand,
            whose recorded settings are compared with these, are not used.

    Raises:
        RunFolderError: ``out`` cannot be used, or there is nothing to report on.
        StudyError: the plan or the metric cannot be used; the plan was changed; there is no such arm.
    """
    check_report_place(runs, out, overwrite)
    folder = Path(out)
    study = study_results(runs, folder, metric, settings_of)
    if arm is not None and arm not in {run.arm for run in study.found.tested}:
        raise StudyError(f"there is no tested run of the arm {arm!r}: choose one of {', '.join(study.arms)}.")
    sections = [make(study) for make in _SECTIONS]
    sections += [chosen_section(study, arm), pretraining_section(study), compute_section(study), limits_section(study)]
    sections.append(study.sources.section())
    with replaced(folder) as made:
        write_bytes(made / PAGE_NAME, page_of(study, sections, made).encode())
    return study


def _is(kind: type, own: object) -> bool:
    return isinstance(own, kind)


def page_of(study: StudyResults, sections: list[Section], folder: Path) -> str:
    """Write tables and figures, and return the page that holds them."""
    loader = FileSystemLoader(Path(__file__).parent)
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    kinds: dict[str, type] = {"text": Text, "bullets": Bullets, "table": Table, "picture": Picture}
    kinds |= {"link": Link, "links": tuple}
    tests: dict[str, Any] = {name: partial(_is, kind) for name, kind in kinds.items()}
    environment.tests.update(tests)
    environment.globals["codes"] = shown_links
    pictures: dict[str, str] = {}
    for block in (block for section in sections for block in section.blocks):
        if isinstance(block, Table):
            write_csv(folder / TABLES / f"{block.name}.csv", block.csv_rows())
        elif isinstance(block, Picture):
            save_figure(block.figure, folder / FIGURES, block.name)
            svg = (folder / FIGURES / f"{block.name}.svg").read_bytes()
            pictures[block.name] = "data:image/svg+xml;base64," + base64.b64encode(svg).decode()
    plan = study.found.plan
    runs = [run for run in study.found.tested if run.role == "test"]
    facts: dict[str, Any] = {
        "tested runs": f"{len(runs):,}",
        "arms": str(len({run.arm for run in runs})),
        "data sets": str(len(study.datasets)),
        "test patients": f"{sum(own.patients for own in study.sets.values()):,}",
    }
    title = f"Study {plan.name}" if plan else "Comparison of runs"
    content: dict[str, Any] = {
        "title": title,
        "facts": facts,
        "sections": sections,
        "pictures": pictures,
        "version": __version__,
    }
    return environment.get_template("report.html.j2").render(**content, tables=TABLES, figures=FIGURES)
