"""Nodes whose commands are small Python scripts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from monai_mocoi.study import StudyPlan

from .plans import node, plan


def script(id: str, *inputs: str, code: str = "", **more: Any) -> dict[str, Any]:
    """A node that notes its id in ``order.txt`` of the study folder, then runs ``code``."""
    text = f"open('order.txt', 'a').write('{id} ')\n{code}"
    return node(id, *inputs, commands=((sys.executable, "-c", text),), **more)


def written(folder: Path, *nodes: dict[str, Any]) -> StudyPlan:
    """The plan of these nodes, in its folder."""
    made = plan(*nodes)
    made.write(folder / "plan.json")
    return made


def order(folder: Path) -> list[str]:
    """The ids in the order in which the nodes ran."""
    path = folder / "order.txt"
    return path.read_text().split() if path.exists() else []
