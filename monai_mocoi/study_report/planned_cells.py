"""Planned cells: which tests the plan names, by their folders, and which numbers they are to make."""

from typing import NamedTuple

from monai_mocoi.study import Cell, Node, StudyPlan


class Planned(NamedTuple):
    """What the plan says of a folder; ``pretrained``: whether its arm has pretrainings of its own."""

    node: Node
    cell: Cell
    pretrained: bool

    @property
    def key(self) -> tuple[str, str, float, str, str]:
        """As of a run: data set, evaluation, fraction, stage and arm."""
        own, fraction = self.cell, 1.0 if self.cell.fraction is None else self.cell.fraction
        stage = str(4 if own.stage is None else own.stage)
        return self.node.dataset, own.evaluation or "finetune", fraction, stage, self.node.arm or ""

    @property
    def repeat(self) -> str:
        """The seed of the pretraining, or of the training; empty: given weights."""
        return "" if self.node.pretrain_seed is None else str(self.node.pretrain_seed)


def planned_places(plan: StudyPlan | None) -> dict[str, Planned]:
    """Node and cell of each planned folder."""
    made = {arm.id for arm in (plan.arms if plan else ()) if arm.kind in ("pretrain", "continued")}
    nodes = plan.nodes if plan else ()
    return {cell.folder: Planned(node, cell, node.arm in made) for node in nodes for cell in node.cells}


def planned_runs(plan: StudyPlan | None) -> dict[tuple[str, str, float, str, str], list[tuple[int, str]]]:
    """Label draw and repeat of every planned test, by the key of its cell."""
    grid: dict[tuple[str, str, float, str, str], list[tuple[int, str]]] = {}
    for own in planned_places(plan).values():
        if own.node.kind in ("linear", "finetune"):
            grid.setdefault(own.key, []).append((own.cell.label_seed or 0, own.repeat))
    return grid
