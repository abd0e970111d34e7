"""Kept files of a study: plan, sentences, small tables and figures of its report, from which the page is made."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

PLAN, MASKED_PLAN, SENTENCES = "plan.json", "plan_masked.json", "sentences.json"
FIRST = ("idc", "idc_longer", "idc_resnet50", "xray", "fundus")
"""Studies in the order of the page, fixed before there were results; others follow by name."""


@dataclass(frozen=True)
class KeptStudy:
    """A folder of files of one study; nothing else is read for the page."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @cached_property
    def plan(self) -> dict[str, Any]:
        """The plan without the folders of the machine; its hash was checked when it was kept."""
        return self._json(MASKED_PLAN)

    @cached_property
    def told(self) -> dict[str, Any]:
        """The report's sentences: ``verdict`` and ``limits``, each a list of kind and text; counts of tests."""
        return self._json(SENTENCES)

    @property
    def primary(self) -> str:
        """The sentence of the primary comparison."""
        return next(text for kind, text in self.told["verdict"] if kind == "lead").removeprefix("Primary comparison. ")

    @property
    def about(self) -> str:
        """What was studied, and what was known before; written by hand beside the study, ``about_NAME.md``."""
        path = self.folder.with_name(f"about_{self.name}.md")
        return path.read_text(encoding="utf-8").strip() if path.is_file() else ""

    @property
    def has_primary(self) -> bool:
        """Whether all planned runs of the primary comparison are there, so that its sentence is its result."""
        rows = [row for row in self.table("paired_differences") if row["primary"] == "1" and row["difference"]]
        return any(int(row["runs"]) == int(row["runs_asked"]) for row in rows)

    @property
    def notes(self) -> list[str]:
        """What kind of evidence it is, and how far it holds."""
        return [text for kind, text in self.told["verdict"] if kind == "note"]

    @property
    def across(self) -> list[str]:
        """What is said of the primary comparison beside its sentence: what other pretrainings may give."""
        kinds = [kind for kind, _ in self.told["verdict"]]
        of_primary = self.told["verdict"][: kinds.index("head") if "head" in kinds else len(kinds)]
        return [text for kind, text in of_primary if kind == ""]

    def table(self, name: str) -> list[dict[str, str]]:
        """The rows of a table; none where the report has no such table."""
        path = self.folder / "tables" / f"{name}.csv"
        if not path.is_file():
            return []
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def figures(self) -> list[Path]:
        return sorted((self.folder / "figures").glob("*.svg"))

    def _json(self, name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return content


def kept_studies(evidence: Path) -> list[KeptStudy]:
    """The studies that have results, in the order of the page."""
    found = [KeptStudy(path.parent) for path in evidence.glob(f"*/{SENTENCES}")]
    return sorted(found, key=lambda own: (FIRST.index(own.name) if own.name in FIRST else len(FIRST), own.name))


def planned_studies(evidence: Path) -> list[dict[str, Any]]:
    """The files of studies, as they are written, in the order of the page."""
    files = sorted(evidence.glob("study_*.yaml"))
    found = [{**yaml.safe_load(path.read_text(encoding="utf-8")), "file": path.name} for path in files]
    return sorted(found, key=lambda own: FIRST.index(own["name"]) if own["name"] in FIRST else len(FIRST))
