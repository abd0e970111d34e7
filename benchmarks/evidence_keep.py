"""Keeping of a study: its report made anew, and of it what is small enough for the repository."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.evidence_files import MASKED_PLAN, PLAN, SENTENCES
from benchmarks.evidence_plan import masked_plan
from benchmarks.floors import write_floors
from monai_mocoi.errors import StudyError
from monai_mocoi.files.folder_swap import replaced
from monai_mocoi.study import StudyPlan
from monai_mocoi.study.done_marker import read_marker
from monai_mocoi.study_report import StudyResults, write_study_report
from monai_mocoi.study_report.blocks import Bullets, Section, Text
from monai_mocoi.study_report.found_runs import find_runs
from monai_mocoi.study_report.section_limits import limits_section
from monai_mocoi.study_report.section_verdict import verdict_section
from monai_mocoi.study_report.used_runs import keep_used

TABLES: tuple[str, ...] = ("arms", "linear_", "finetune_", "paired_differences", "probing", "baselines", "floors")
TABLES += ("pretraining", "steps", "test_patients_", "labelled_", "sources")
FIGURES = ("label_efficiency_", "paired_differences", "probing_", "pretraining")


def keep(study: Path, evidence: Path) -> Path:
    """Keep what is small in ``evidence/NAME``. Raises MocoiError: no plan, a changed one, or no test by it."""
    if not (study / PLAN).is_file():
        raise StudyError(f"{study} has no {PLAN}: only a study that was planned before it ran is evidence.")
    check_planned_before(study)
    with tempfile.TemporaryDirectory() as temporary:
        report = Path(temporary) / "report"
        results = write_study_report(study, report)
        plan = results.found.plan
        assert plan is not None
        write_floors(results, report / "tables")
        write_steps(study, plan, report / "tables")
        with replaced(evidence / plan.name) as made:
            (made / MASKED_PLAN).write_text(as_text(masked_plan(plan)), encoding="utf-8")
            for folder, suffix, prefixes in (("tables", "csv", TABLES), ("figures", "svg", FIGURES)):
                (made / folder).mkdir()
                for path in sorted((report / folder).glob(f"*.{suffix}")):
                    if path.stem.startswith(prefixes):
                        shutil.copyfile(path, made / folder / path.name)
            (made / SENTENCES).write_text(as_text(sentences(results)), encoding="utf-8")
    return evidence / plan.name


def as_text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def check_planned_before(study: Path) -> None:
    """Refuse (StudyError) a study without a done marker: nothing shows that it was planned before.

    Tests of a step without one, which was run by hand or has not ended, are in no number.
    """
    found = find_runs(study)
    keep_used(found)
    if not found.confirmed:
        raise StudyError(
            f"{study} cannot be kept as evidence (it has no done marker): nothing shows that its plan was made before "
            "its tests. Have its steps run by mocoi study run."
        )


def write_steps(study: Path, plan: StudyPlan, tables: Path) -> None:
    """Write ``steps.csv``: of each kind of step how many are done, and their time by the clock, of their markers."""
    rows: dict[str, list[float]] = {}
    for node in plan.nodes:
        own = rows.setdefault(node.kind, [0, 0, 0.0])
        own[0] += 1
        if marker := read_marker(study, plan, node):
            own[1] += 1
            own[2] += float(marker.get("seconds", 0))
    with (tables / "steps.csv").open("w", encoding="utf-8", newline="") as file:
        written = csv.writer(file, lineterminator="\n")
        written.writerow(("step", "planned", "done", "seconds"))
        written.writerows([kind, own[0], own[1], round(own[2], 1)] for kind, own in rows.items())


def sentences(results: StudyResults) -> dict[str, Any]:
    """What the report says in words, and how many of the planned tests it is made of."""
    plan = results.found.plan
    planned = sum(len(node.cells) for node in plan.nodes) if plan else 0
    counts = {"planned": planned, "missing": sum(results.found.missing().values()), "trained_by": trained_by(results)}
    return {**counts, "verdict": told(verdict_section(results)), "limits": told(limits_section(results))}


def trained_by(results: StudyResults) -> dict[str, list[str]]:
    """Commits of the code that trained, versions of PyTorch and MONAI, and devices, as the run folders have them."""
    runs = results.found.manifests.values()
    parts = [(own.commit, own.versions) for own in runs if own.epochs]
    parts += [(part.get("commit"), part.get("versions")) for own in runs for part in own.continued or ()]
    versions = {f"{name} {known[name]}" for _, known in parts for name in ("torch", "monai") if known and name in known}
    return {
        "commits": sorted({(commit or "not known")[:12] for commit, _ in parts}),
        "versions": sorted(versions, reverse=True),
        "devices": sorted({f"{own.device}, {own.threads} threads" for own in runs if own.epochs}),
    }


def told(section: Section) -> list[tuple[str, str]]:
    """Kind and text of all its sentences; "bullet": of a list."""
    texts: list[tuple[str, str]] = []
    for block in section.blocks:
        if isinstance(block, Text):
            texts.append((block.kind, block.text))
        elif isinstance(block, Bullets):
            texts += [("bullet", own.text) for own in block.sentences]
    return texts
