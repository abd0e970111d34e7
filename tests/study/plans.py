"""A small plan for tests."""

from __future__ import annotations

from typing import Any

from monai_mocoi.study import StudyPlan


def node(id: str, *inputs: str, commands: Any = (("mocoi", "plan"),), **more: Any) -> dict[str, Any]:
    """One node of a plan."""
    resources = {"gpu": 0, "cores": 1, "minutes": 1, "memory_mb": 1000}
    own = {
        "id": id,
        "kind": "pretrain",
        "dataset": "idc",
        "inputs": inputs,
        "commands": commands,
        "run_dir": f"runs/{id}",
    }
    return {**own, "done": f"done/{id}.json", "resources": resources, **more}


def plan(*nodes: dict[str, Any], **changed: Any) -> StudyPlan:
    """A plan of these nodes."""
    content: dict[str, Any] = {
        "name": "small",
        "metric": {"name": "auc", "label": None},
        "primary": {"dataset": "idc", "evaluation": "linear", "fraction": 0.06, "arm": "mse", "against": "moco"},
        "datasets": [{"id": "idc", "modality": "bch", "dataset_dir": "demo", "external_dir": None}],
        "arms": [{"id": "mse", "kind": "pretrain", "method": "mse", "architecture": "resnet50", "weights": None}],
        "fractions": [1, 0.06],
        "label_seeds": [1, 2],
        "pretrain_seeds": [0],
        "nodes": list(nodes),
    }
    return StudyPlan.made(**content | changed)
