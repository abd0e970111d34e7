"""Runs below a folder: tested classifiers, pretrained encoders, analyses and baselines, found by their files."""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from monai_mocoi.data.labelled_images import LabelledImages
from monai_mocoi.errors import MocoiError, RunFolderError
from monai_mocoi.networks.encoder_card import EncoderCard
from monai_mocoi.runs.product_names import ANALYSIS_NAME, METRICS_NAME, PREDICTIONS_NAME
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.study import PLAN_NAME, Node, StudyPlan, read_plan
from monai_mocoi.study_report.planned_cells import planned_places
from monai_mocoi.study_report.report_place import check_runs_folder
from monai_mocoi.study_report.tested_run import TestedRun, tested_run

BASELINES_NAME = "baselines.json"
_SKIPPED = {"checkpoints", "tensorboard", "figures", "inference", "probing", "logs", "done"}


@dataclass(frozen=True)
class Document:
    """A JSON file of results: the folder that it is in, relative to the runs, and what it says."""

    place: str
    content: Mapping[str, Any]


@dataclass
class FoundRuns:
    """What there is. ``root``: the folder that all places are relative to. ``problems``: sentences on what is not used.

    ``cards``: of pretrained encoders, ``manifests``: of all run folders, by place. ``datasets``: names by the SHA-256
    of their ``datalist.json``. ``confirmed``: whether a done marker says that a step was run by this plan. ``by_hand``:
    planned tests that are used without such a marker.
    """

    root: Path
    plan: StudyPlan | None = None
    tested: list[TestedRun] = field(default_factory=list)
    analyses: list[Document] = field(default_factory=list)
    baselines: list[Document] = field(default_factory=list)
    cards: dict[str, EncoderCard] = field(default_factory=dict)
    manifests: dict[str, RunManifest] = field(default_factory=dict)
    datasets: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    confirmed: bool = False
    by_hand: int = 0

    def planned(self, place: str) -> dict[str, Any]:
        """What the plan says of a folder: ``dataset``, ``arm`` and ``pretrain_seed`` of the node that wrote it."""
        if (node := self.node_of(place)) is None:
            return {}
        return {"dataset": node.dataset, "arm": node.arm, "pretrain_seed": node.pretrain_seed}

    def node_of(self, place: str) -> Node | None:
        """The node whose run folder is, or holds, this one; of several the innermost, and there the first."""
        nodes = self.plan.nodes if self.plan else ()
        there = [node for node in nodes if place == node.run_dir or place.startswith(f"{node.run_dir}/")]
        return max(there, key=lambda node: len(node.run_dir), default=None)

    def missing(self) -> dict[str, int]:
        """How many tests that were planned are not there, or not used, of each step that lacks some."""
        there = {run.place for run in self.tested}
        lacks = {
            node.id: sum(cell.folder not in there for cell in node.cells)
            for node in (self.plan.nodes if self.plan else ())
        }
        return {name: count for name, count in lacks.items() if count}


def find_runs(folder: str | os.PathLike[str]) -> FoundRuns:
    """Look through a folder and all below it. With a ``plan.json`` in it, arms and cells are those of the plan.

    Raises RunFolderError: there is no such folder, or no tested classifier in it; StudyError: the plan was changed.
    """
    check_runs_folder(folder)
    root = Path(folder)
    if not (root / PLAN_NAME).is_file() and root.name == "runs" and (root.parent / PLAN_NAME).is_file():
        root = root.parent
    found = FoundRuns(root, read_plan(root) if (root / PLAN_NAME).is_file() else None)
    cells = planned_places(found.plan)
    for place, names in _folders(root):
        _look(found, place, names, cells)
    if not any(run.role == "test" for run in found.tested):
        raise RunFolderError(
            f"no folder below {str(folder)!r} holds a test of a classifier ({PREDICTIONS_NAME} with {METRICS_NAME}): "
            "evaluate a fine-tuned run first."
        )
    return found


def _folders(root: Path) -> Iterator[tuple[str, set[str]]]:
    for own, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED and not name.startswith("."))
        yield Path(own).relative_to(root).as_posix(), set(files)


def _look(found: FoundRuns, place: str, names: set[str], cells: Mapping[str, Any]) -> None:
    folder = found.root / place
    try:
        if RunManifest.FILE in names and "datalist.json" not in names:
            manifest = RunManifest.read(folder / RunManifest.FILE)
            if manifest.status is not None:
                found.manifests[place] = manifest
        if EncoderCard.FILE in names:
            found.cards[place] = card = EncoderCard.read(folder / EncoderCard.FILE)
            _name(found, card)
        if "classifier.json" in names:
            _name(found, _mapping(folder / "classifier.json"))
        if {PREDICTIONS_NAME, METRICS_NAME} <= names:
            metrics = _mapping(folder / METRICS_NAME)
            found.tested += [tested_run(place, folder, metrics, cells, _labelled(folder))]
        for name, kept in ((ANALYSIS_NAME, found.analyses), (BASELINES_NAME, found.baselines)):
            if name in names:
                kept.append(Document(place, _mapping(folder / name)))
                _name(found, kept[-1].content)
    except (MocoiError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        found.problems.append(f"{place}: not used, because a file in it cannot be read ({type(error).__name__}).")


def _mapping(path: Path) -> dict[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise TypeError("not a JSON object")
    return content


def _labelled(folder: Path) -> str | None:
    """Hash of the labelled images' names, of the run folder that a test is, or lies in."""
    for own in (folder, folder.parent):
        if (own / LabelledImages.FILE).is_file():
            return LabelledImages.read(own / LabelledImages.FILE).names_sha256
    return None


def _name(found: FoundRuns, content: Mapping[str, Any]) -> None:
    if content.get("dataset_sha256") and content.get("dataset"):
        found.datasets.setdefault(content["dataset_sha256"], content["dataset"])
