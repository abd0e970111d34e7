"""The page of evidence: what the saved files of studies give, by one template.

    python -m benchmarks.evidence runs/evidence/idc ...   # report anew, keep what is small, and write docs/evidence.md
    python -m benchmarks.evidence                         # the page alone, from what is kept
    python -m benchmarks.evidence --hash runs/evidence/idc    # of its plan without folders: the same on every machine

What is kept of a study is in benchmarks/evidence/NAME: its plan without the folders of our machine, its sentences, its
tables and figures, no image.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks import evidence_differences as differences
from benchmarks import evidence_tables as tables
from benchmarks.evidence_files import KeptStudy, kept_studies, planned_studies

HERE = Path(__file__).resolve().parent
EVIDENCE = HERE / "evidence"
PAGE = HERE.parent / "docs" / "evidence.md"
FIGURES = HERE.parent / "docs" / "evidence"
"""Copies of the figures that the page shows: the site has no files from outside docs/."""
TRIED = "tried.md"
"""In the folder of the evidence: what was tried to make the recipe better; written by hand."""


def page(evidence: Path) -> str:
    """The page in Markdown.

    Args:
        evidence: a folder with study_*.yaml, and a folder of each study that has results; there may be none.
    """
    environment = Environment(
        loader=FileSystemLoader(HERE), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    tried = evidence / TRIED
    return environment.get_template("evidence_page.j2").render(
        studies=[section(kept) for kept in kept_studies(evidence)],
        planned=planned_studies(evidence),
        tried=tried.read_text(encoding="utf-8").strip() if tried.is_file() else "",
    )


def quoted_sentence(evidence: Path) -> str:
    """The sentence that README quotes: the primary comparison of the first study, whatever it says; empty: none yet."""
    kept = kept_studies(evidence)
    return kept[0].primary if kept and kept[0].has_primary else ""


def section(kept: KeptStudy) -> dict[str, Any]:
    """What the template is told of a study."""
    return {
        "kept": kept,
        "plan": kept.plan,
        "datasets": [of_dataset(kept, dataset["id"]) for dataset in kept.plan["datasets"]],
        "shortcuts": tables.shortcuts(kept),
        "recipes": differences.recipes(kept),
        "corrected": differences.corrected_for(kept),
        "compute": tables.compute(kept),
        "figures": [(path.stem, tables.in_words(path.stem)) for path in kept.figures() if shown(path.stem)],
    }


def of_dataset(kept: KeptStudy, dataset: str) -> dict[str, Any]:
    """The tables of one data set, in Markdown; empty where there are no numbers."""
    return {
        "id": dataset,
        "labelled": tables.labelled(kept, dataset),
        "linear": tables.label_efficiency(kept, "linear", dataset),
        "linear_not_run": tables.not_run(kept, "linear", dataset),
        "finetune": tables.label_efficiency(kept, "finetune", dataset),
        "finetune_not_run": tables.not_run(kept, "finetune", dataset),
        "floors": tables.floors(kept, dataset),
        "paired": differences.paired(kept, dataset),
        "probing": tables.probing(kept, dataset),
    }


def shown(name: str) -> bool:
    """Whether the page shows a figure; the others are kept beside the tables."""
    return name.startswith("label_efficiency") or (name.startswith("probing") and name.endswith("_f1"))


def write_page(evidence: Path = EVIDENCE, to: Path = PAGE, figures: Path = FIGURES) -> None:
    """Write the page, and the figures that it shows."""
    text = page(evidence)
    shutil.rmtree(figures, ignore_errors=True)
    for kept in kept_studies(evidence):
        for path in kept.figures():
            if shown(path.stem):
                (figures / kept.name).mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, figures / kept.name / path.name)
    to.write_text(text, encoding="utf-8")


def main(words: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.evidence", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="*", type=Path, metavar="STUDY", help="folders of studies, with plan.json")
    parser.add_argument("--hash", action="store_true", help="print the hash of each plan without folders, no more")
    given = parser.parse_args(words)
    if given.hash:
        from benchmarks.evidence_plan import MASKED_HASH, masked_plan
        from monai_mocoi.study import read_plan

        for folder in given.studies:
            print(f"{masked_plan(read_plan(folder))[MASKED_HASH]}  {folder}")
        return 0
    for folder in given.studies:
        from benchmarks.evidence_keep import keep  # torch, which the page alone does without

        print(f"Kept: {keep(folder, EVIDENCE)}")
    write_page()
    print(f"Written: {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
