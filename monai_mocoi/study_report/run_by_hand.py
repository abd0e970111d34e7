"""Runs by hand: whether a planned test without a done marker is whole, and of the very steps that the plan names."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from monai_mocoi.errors import StudyError
from monai_mocoi.study import Node, StudyPlan
from monai_mocoi.study.planned_files import file_sha256
from monai_mocoi.study_report.found_runs import FoundRuns
from monai_mocoi.study_report.tested_run import TestedRun

_TRAINED = ("pretrain", "finetune")  # kinds of steps with a run folder of their own
_FIRST = ("$", "@")  # letters that an expression begins with


def why_not_by_hand(found: FoundRuns, run: TestedRun) -> str:
    """Why a planned test cannot be used without its marker; empty: all that its folders record is as planned."""
    plan, node = found.plan, run.node
    if plan is None or node is None:
        return "it is not in the plan"
    cell = next(own for own in node.cells if own.folder == run.place)
    planned: dict[str, Any] = {"label_fraction": cell.fraction, "label_seed": cell.label_seed, "stage": cell.stage}
    planned |= {"trainable": "head" if cell.evaluation == "linear" else "all", "seed": node.pretrain_seed}
    for name, value in planned.items():
        if value is not None and run.tested.get(name) != value:
            return f"its metrics.json does not have the planned {name}"
    for step in _steps(plan, node):
        if reason := _other_step(found, plan, step):
            return reason
    return _other_encoder(found, plan, run, node)


def _steps(plan: StudyPlan, node: Node) -> list[Node]:
    """The pretraining of its encoder, if there is one, the steps that it needs, and itself."""
    needed = {node.id, *node.inputs}
    own = node.dataset, node.arm, node.pretrain_seed
    return [
        step
        for step in plan.nodes
        if step.id in needed or (step.kind == "pretrain" and (step.dataset, step.arm, step.pretrain_seed) == own)
    ]


def _other_step(found: FoundRuns, plan: StudyPlan, step: Node) -> str:
    """Whether a step did not come to its end, or had other settings than its first command gives."""
    folder = found.root / step.run_dir
    if step.kind in _TRAINED:
        manifest = found.manifests.get(step.run_dir)
        if manifest is None or manifest.status != "finished":
            return f"{step.run_dir} holds no finished run"
        planned = next((own.dataset_sha256 for own in plan.datasets if own.id == step.dataset), None)
        if planned is not None and manifest.dataset_sha256 != planned:
            return f"the data set (datalist.json) of {step.run_dir} is not the one that was planned"
        recorded = _read(folder / "config.json")
    elif step.kind == "linear" or (folder / "linear.json").is_file():
        request = _read(folder / "linear.json")
        recorded = request.get("settings") if isinstance(request, Mapping) else None
    else:
        return ""  # a test, which its metrics.json describes
    if not isinstance(recorded, Mapping):
        return f"{step.run_dir} does not record its settings"
    for name, word in _given(step.commands[0]):
        if name in recorded and not _is(recorded[name], word):
            return f"{step.run_dir} was made with another {name}"
    return ""


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _given(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Names and values of a command's settings."""
    yield from ((word[2:], value) for word, value in pairwise(words) if word.startswith("--"))


def _is(recorded: Any, word: str) -> bool:
    """Whether a recorded value is that of the word; what an expression gives is not known."""
    if word.startswith(_FIRST):
        return True
    if recorded is None or isinstance(recorded, str):
        return word == ("none" if recorded is None else recorded)
    try:
        return bool(json.loads(word) == recorded)
    except ValueError:
        return False


def _other_encoder(found: FoundRuns, plan: StudyPlan, run: TestedRun, node: Node) -> str:
    """Whether its encoder is not that of the arm: one that the study made, as it lies there now."""
    arm, began = next((own for own in plan.arms if own.id == node.arm), None), run.tested.get("pretrained")
    if arm is None or arm.kind in ("random", "supervised"):
        return "" if began == "none" else "it did not begin with random weights"
    made = [step.run_dir for step in _steps(plan, node) if step.kind == "pretrain"]
    if not made:
        same = arm.weights_sha256 == file_sha256(arm.weights) and began == os.path.basename(arm.weights or "")
        return "" if same else "it did not begin with the planned weights, or these are not there any more"
    card = found.cards.get(made[0])
    if card is None or card.method != arm.method:
        return f"{made[0]} holds no encoder of the planned method"
    from monai_mocoi.study.encoder_now import encoder_sha256  # torch, which a study with markers does not wait for

    try:
        now = encoder_sha256(found.root / made[0] / "encoder.pt")
    except StudyError:
        return "the encoder that it began with cannot be read"
    same = run.tested.get("pretrained_sha256") == now
    return "" if same else "it began with another encoder than the one that is there"
