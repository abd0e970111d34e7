"""What all nodes of a plan are made of: words of commands, names of cells, resources."""

import json
from typing import Any

from monai_mocoi.study.plan_record import Cell, Node, NodeKind, Resources
from monai_mocoi.study.study_file import MINUTES, Arm, Study, StudyDataset

Commands = tuple[tuple[str, ...], ...]


def made_node(
    study: Study,
    id: str,
    kind: NodeKind,
    dataset: StudyDataset,
    arm: Arm,
    seed: int | None,
    inputs: tuple[str, ...],
    commands: Commands,
    folder: str,
    cells: tuple[Cell, ...] = (),
) -> Node:
    """A node with its done marker and what it is given."""
    own = study.resources
    given = Resources(
        gpu=0 if kind in ("baselines", "ks") else own.gpu,
        cores=own.cores,
        minutes=own.minutes.get(kind, MINUTES.get(kind, 60)),
        memory_mb=own.memory_mb,
    )
    names = {"id": id, "kind": kind, "dataset": dataset.id, "arm": arm.id, "pretrain_seed": seed, "inputs": inputs}
    where = {"commands": commands, "run_dir": folder, "done": f"done/{id}.json"}
    return Node.model_validate({**names, **where, "resources": given, "cells": cells})


def cell_name(fraction: float, label_seed: int) -> str:
    """Name of the folder of a linear evaluation: ``f0.06-l1``."""
    return f"f{fraction:g}-l{label_seed}"


def as_word(value: Any) -> str:
    """A value as one word of a command."""
    if isinstance(value, str):
        return value
    return "none" if value is None else json.dumps(value, ensure_ascii=False)
