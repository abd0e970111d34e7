"""A study without an engine: one node after another, each behind its inputs; a loop, and no scheduler."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from monai_mocoi.errors import StudyError
from monai_mocoi.exit_codes import ERROR, FINISHED
from monai_mocoi.study.done_marker import is_done
from monai_mocoi.study.node_process import Processes
from monai_mocoi.study.node_run import Outcome, log_of, run_node
from monai_mocoi.study.plan_record import Node, StudyPlan, read_plan


@dataclass
class StudyRun:
    """How far a study came: nodes by their ids; ``failed`` and ``skipped`` with the reason."""

    done: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    stopped: int = 0

    @property
    def exit_code(self) -> int:
        """Of the command."""
        return self.stopped or (ERROR if self.failed or self.skipped else FINISHED)


def run_study(study: str | os.PathLike[str], say: Callable[[str], None] = print) -> StudyRun:
    """Run all nodes that are not done, in the order of the plan, as soon as their inputs are done.

    What failed is tried once more at once; then the nodes behind it are skipped. Drivers of several processes share the
    work. Raises StudyError: there is no plan, or it does not hold together.
    """
    folder = Path(study)
    plan = read_plan(folder)
    check_inputs(plan)
    result, processes = StudyRun(), Processes()
    unwatch = processes.watch()
    try:
        _run_all(folder.absolute(), plan, result, processes, say)
    finally:
        unwatch()
    return result


def run_one(study: str | os.PathLike[str], id: str, say: Callable[[str], None] = print) -> StudyRun:
    """Run one node once, for an engine that keeps the order and tries again.

    Raises StudyError: there is none of that id, or inputs lack.
    """
    folder = Path(study)
    plan = read_plan(folder)
    nodes = {node.id: node for node in plan.nodes}
    if id not in nodes:
        raise StudyError(f"the plan has no node {id!r}: its nodes are in plan.json and commands.txt.")
    missing = [name for name in nodes[id].inputs if not is_done(folder, plan, nodes[name])]
    if missing:
        raise StudyError(f"{id} needs {', '.join(missing)}, which is not done: run that first.")
    result, processes = StudyRun(), Processes()
    unwatch = processes.watch()
    try:
        _note(
            result,
            nodes[id],
            run_node(folder.absolute(), plan, nodes[id], processes, wait=True, attempts=1),
            folder,
            say,
        )
    finally:
        unwatch()
    return result


def check_inputs(plan: StudyPlan) -> None:
    """Refuse (StudyError) a plan with an input that is not planned before its node, or an id that is there twice."""
    seen: set[str] = set()
    for node in plan.nodes:
        if node.id in seen:
            raise StudyError(f"the plan has the node {node.id} twice: plan the study again.")
        if missing := [name for name in node.inputs if name not in seen]:
            raise StudyError(f"the node {node.id} needs {missing[0]}, which is not planned before it: plan it again.")
        seen.add(node.id)


def _run_all(folder: Path, plan: StudyPlan, result: StudyRun, processes: Processes, say: Callable[[str], None]) -> None:
    open_nodes = list(plan.nodes)
    total = len(open_nodes)

    def begin(node: Node) -> None:
        number = len(result.done) + len(result.failed) + len(result.skipped) + 1
        say(f"[{number}/{total}] {time.strftime('%H:%M:%S')} {node.id}")

    while not processes.stopped:
        for node in list(open_nodes):
            if is_done(folder, plan, node) and all(name in result.done for name in node.inputs):
                open_nodes.remove(node)
                result.done.append(node.id)
        for node in list(open_nodes):
            if behind := [name for name in node.inputs if name in result.failed or name in result.skipped]:
                open_nodes.remove(node)
                result.skipped[node.id] = f"needs {', '.join(behind)}"
        ready = [node for node in open_nodes if all(name in result.done for name in node.inputs)]
        if not ready:
            break
        node, outcome = _first_free(folder, plan, ready, processes, begin)
        _note(result, node, outcome, folder, say)
        if outcome.state != "stopped":
            open_nodes.remove(node)
    for id, reason in result.skipped.items():
        say(f"skipped: {id}: {reason}")


def _first_free(
    folder: Path, plan: StudyPlan, ready: list[Node], processes: Processes, begin: Callable[[Node], None]
) -> tuple[Node, Outcome]:
    """Run the first node that no other driver runs; if there is none, wait for the first."""
    for node in ready:
        if (outcome := run_node(folder, plan, node, processes, begin=begin)).state != "busy":
            return node, outcome
    return ready[0], run_node(folder, plan, ready[0], processes, wait=True, begin=begin)


def _note(result: StudyRun, node: Node, outcome: Outcome, folder: Path, say: Callable[[str], None]) -> None:
    result.stopped = outcome.code if outcome.state == "stopped" else 0
    if outcome.state == "done":
        result.done.append(node.id)
    elif outcome.state == "failed":
        result.failed[node.id] = outcome.reason
        say(f"failed: {node.id}: {outcome.reason}; all of its output: {os.path.relpath(log_of(folder, node))}")
