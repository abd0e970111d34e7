"""Sources: a short code for each number, which leads to its run folders and to the commands that made them."""

import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.runs.product_names import ANALYSIS_NAME
from monai_mocoi.study.grid import DEMO
from monai_mocoi.study_report.blocks import Link, Section, Shown, Table
from monai_mocoi.study_report.found_runs import FoundRuns
from monai_mocoi.study_report.masked_words import masked
from monai_mocoi.study_report.tested_run import TestedRun

_OF_FINETUNING = ("trainable", "stage", "label_fraction", "label_seed", "validation_labels", "seed")
_BUNDLE = re.compile(r'"bundle":\s*"([\w.-]+)"')


class Sources:
    """Numbers the runs in the order in which they are asked for: ``R1``, ``R2``, ..."""

    def __init__(self, found: FoundRuns, out: Path) -> None:
        self.found, self.out = found, out
        self.codes: dict[str, str] = {}
        self.kinds: dict[str, TestedRun | None] = {}

    def of(self, place: str, run: TestedRun | None = None) -> Link:
        """The code of a run folder, as a link to its row."""
        code = self.codes.setdefault(place, f"R{len(self.codes) + 1}")
        self.kinds.setdefault(place, run)
        return Link(code, f"#{code}")

    def of_runs(self, runs: Any) -> list[Link]:
        """Codes of tested runs."""
        return [self.of(run.place, run) for run in runs]

    def section(self) -> Section:
        """The rows: code, folder and command of each."""
        table = Table(
            "sources", "Run folder and command behind each number", ("code", "run folder", "command"),
            columns=("code", "folder", "command"),
        )  # fmt: skip
        for place, code in self.codes.items():
            command = self._command(place)
            to = self.link(place)
            table.rows.append([code, place if to is None else Link(place, to), command])
            table.values.append([code, place, command])
        section = Section("sources", "Where each number comes from")
        if table.rows:
            table.note = (
                "Folders are relative to the folder that the report was made of; the links work while both stay where "
                "they are. Words in <angle brackets> stand for folders of this machine, which are not told here. All "
                "settings of a run are in its config.json."
            )
            section.blocks.append(table)
        return section.or_say("No number was made.")

    def link(self, place: str) -> str | None:
        """From the report's folder to a folder of the runs; None: it lies neither in their folder nor beside it."""
        root, out = (Path(os.path.abspath(own)) for own in (self.found.root, self.out))
        if root not in out.parents and root.parent != out.parent:
            return None
        return Path(os.path.relpath(root / place, out)).as_posix()

    def _command(self, place: str) -> str:
        node = run.node if (run := self.kinds[place]) else None
        node = node or self.found.node_of(place)
        if node is not None:
            return "; ".join(self._told(words) for words in node.commands)
        return self._made(place, run)

    def _told(self, words: Any) -> str:
        """Without folders of the machine, which could name somebody."""
        known = {}
        for own in self.found.plan.datasets if self.found.plan else ():
            if own.dataset_dir != DEMO:  # several data sets may be drawn
                known[own.dataset_dir] = f"<{own.id}>"
            if own.external_dir:
                known[own.external_dir] = f"<{own.id}, external>"
        told = [masked(word, known) for word in words]
        text = " ".join(word if word.startswith("<") else shlex.quote(word) for word in told)
        return text if text.startswith("mocoi") else f"mocoi {text}"

    def _made(self, place: str, run: TestedRun | None) -> str:
        """Of a run without a plan: its bundle, and the settings that tell it from other runs."""
        folder = self.found.root / place
        above = folder if (folder / "config.json").is_file() else folder.parent
        try:
            bundle = _BUNDLE.search((above / "config.json").read_text(encoding="utf-8"))
        except OSError:
            bundle = None
        name = bundle.group(1) if bundle else "BUNDLE"
        if run is not None and (folder.parent / "linear.json").is_file():
            at = f"--fractions '[{run.fraction:g}]' --draws '[{run.label_seed}]'"
            return f"mocoi linear {name}/finetune {at} --out {shlex.quote(Path(place).parent.as_posix())}"
        if run is None:
            made = {ANALYSIS_NAME: "analyze", "classifier.json": "finetune"}
            return f"mocoi run {name}/{next((made[own] for own in made if (folder / own).is_file()), 'train')}"
        if run.role == "baseline":
            return "mocoi baselines <data set>"
        given = [f"--{key} {run.tested[key]}" for key in _OF_FINETUNING if run.tested.get(key) is not None]
        if run.tested.get("pretrained") == "none":
            given.append("--pretrained none")
        train = f"mocoi run {name}/finetune {' '.join(given)}"
        where = Path(place).parent.as_posix()
        return f"{train}; mocoi run {name}/evaluate --run_dir {shlex.quote(where)}"


def shown_links(links: Sequence[Link]) -> Shown:
    """The codes of several runs in one cell, neighbours as one: ``R1 to R9``, which leads to the first."""
    ranges: list[list[Link]] = []
    for link in sorted(links, key=_number):
        if ranges and _number(link) == _number(ranges[-1][-1]) + 1:
            ranges[-1].append(link)
        else:
            ranges.append([link])
    shown = [Link(own[0].text if len(own) == 1 else f"{own[0].text} to {own[-1].text}", own[0].to) for own in ranges]
    return tuple(shown) if shown else "–"


def _number(link: Link) -> int:
    return int(link.text[1:])
