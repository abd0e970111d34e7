"""Runs by hand: whether a planned test without a done marker is whole, and of the very steps that the plan names."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from monai_mocoi.errors import StudyError
from monai_mocoi.study import Node, StudyPlan
from monai_mocoi.study.plan_record import PlannedArm
from monai_mocoi.study.planned_files import file_sha256
from monai_mocoi.study_report.found_runs import FoundRuns
from monai_mocoi.study_report.recorded_settings import SettingsOf, other_settings, read_json
from monai_mocoi.study_report.tested_run import TestedRun

_TRAINED = ("pretrain", "finetune")  # kinds of steps with a run folder of their own
_NETWORK = "--network_def"  # begins what gives a command another network than that of its architecture


def why_not_by_hand(found: FoundRuns, run: TestedRun, settings_of: SettingsOf | None) -> str:
    """Why a planned test cannot be used without its marker; empty: all that its folders record is as planned.

    ``settings_of``: how the settings of planned commands are worked out; None: they are not, and no test can be used.
    """
    plan, node = found.plan, run.node
    if plan is None or node is None:
        return "it is not in the plan"
    cell = next(own for own in node.cells if own.folder == run.place)
    planned: dict[str, Any] = {"label_fraction": cell.fraction, "label_seed": cell.label_seed, "stage": cell.stage}
    planned |= {"trainable": "head" if cell.evaluation == "linear" else "all", "seed": node.pretrain_seed}
    for name, value in planned.items():
        if value is not None and run.tested.get(name) != value:
            return f"its metrics.json does not have the planned {name}"
    if reason := _other_encoder(found, plan, run, node):
        return reason
    reasons = (_other_step(found, plan, step, settings_of) for step in _steps(plan, node))
    return next(filter(None, reasons), "")


def _steps(plan: StudyPlan, node: Node) -> list[Node]:
    """The pretraining of its encoder, if there is one, the steps that it needs, and itself."""
    needed = {node.id, *node.inputs}
    own = node.dataset, node.arm, node.pretrain_seed
    return [
        step
        for step in plan.nodes
        if step.id in needed or (step.kind == "pretrain" and (step.dataset, step.arm, step.pretrain_seed) == own)
    ]


def _other_step(found: FoundRuns, plan: StudyPlan, step: Node, settings_of: SettingsOf | None) -> str:
    """Whether a step did not come to its end, or had other settings than its first command gives."""
    folder = found.root / step.run_dir
    if step.kind in _TRAINED:
        manifest = found.manifests.get(step.run_dir)
        if manifest is None or manifest.status != "finished":
            return f"{step.run_dir} holds no finished run"
        planned = next((own.dataset_sha256 for own in plan.datasets if own.id == step.dataset), None)
        if planned is not None and manifest.dataset_sha256 != planned:
            return f"the data set (datalist.json) of {step.run_dir} is not the one that was planned"
        recorded = read_json(folder / "config.json")
    elif step.kind == "linear" or (folder / "linear.json").is_file():
        request = read_json(folder / "linear.json")
        whole = isinstance(request, Mapping) and isinstance(request.get("settings"), Mapping)
        recorded = {**request["settings"], "evaluation": request.get("evaluation")} if whole else None
    else:
        return ""  # a test, which its metrics.json describes
    return other_settings(recorded, step, found.root, settings_of)


def _other_encoder(found: FoundRuns, plan: StudyPlan, run: TestedRun, node: Node) -> str:
    """Whether its encoder is not that of the arm: one that the study made, as it lies there now."""
    arm, began = next((own for own in plan.arms if own.id == node.arm), None), run.tested.get("pretrained")
    steps = _steps(plan, node)
    if arm is not None and _is_other(run.tested.get("architecture"), arm, steps):
        return "its classifier is of another architecture"
    if arm is None or arm.kind in ("random", "supervised"):
        return "" if began == "none" else "it did not begin with random weights"
    made = [step.run_dir for step in steps if step.kind == "pretrain"]
    if not made:
        same = arm.weights_sha256 == file_sha256(arm.weights) and began == os.path.basename(arm.weights or "")
        return "" if same else "it did not begin with the planned weights, or these are not there any more"
    card = found.cards.get(made[0])
    if card is None or card.method != arm.method:
        return f"{made[0]} holds no encoder of the planned method"
    if _is_other(card.architecture, arm, steps):
        return f"{made[0]} holds an encoder of another architecture"
    from monai_mocoi.study.encoder_now import encoder_sha256  # torch, which a study with markers does not wait for

    try:
        now = encoder_sha256(found.root / made[0] / "encoder.pt")
    except StudyError:
        return "the encoder that it began with cannot be read"
    same = run.tested.get("pretrained_sha256") == now
    return "" if same else "it began with another encoder than the one that is there"


def _is_other(architecture: object, arm: PlannedArm, steps: Sequence[Node]) -> bool:
    """Whether it is not the arm's; nothing is known of old files, and of networks that the study itself describes."""
    described = any(word.startswith(_NETWORK) for step in steps for words in step.commands for word in words)
    return None not in (architecture, arm.architecture) and architecture != arm.architecture and not described
