"""Status of a study's nodes, from its plan, done markers, logs and run folders: no engine is asked."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from monai_mocoi.errors import RunFolderError, StudyError
from monai_mocoi.files.file_clock import FileClocks
from monai_mocoi.files.heartbeat import is_beating
from monai_mocoi.runs.product_names import METRICS_NAME
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.runs.run_status import RunStatus, run_status
from monai_mocoi.study.done_marker import newer_input, read_marker
from monai_mocoi.study.failure_words import FAILED, without_places
from monai_mocoi.study.plan_record import Node, StudyPlan

_CAN_BEGIN = "can begin"
_END = 8192  # bytes of a log that are looked at

State = Literal["done", "running", "failed", "waiting"]


@dataclass(frozen=True)
class NodeStatus:
    """``note``: why it failed or waits; ``share``: of its work that is done, 0 to 1; None: not known.

    ``seconds_left`` is at most the time that a running training takes; ``seconds`` is what a finished node took.
    """

    node: Node
    state: State
    note: str = ""
    share: float | None = None
    seconds_left: float | None = None
    seconds: float | None = None


def heartbeat_of(study: Path, node: Node) -> Path:
    """The file that whoever runs a node touches."""
    return study / "running" / f"{node.id}.json"


def node_statuses(study: Path, plan: StudyPlan) -> list[NodeStatus]:
    """The status of each node, in the order of the plan."""
    clocks, found = FileClocks(), dict[str, NodeStatus]()
    clocks.now(study)  # asked there, and not in a run's folder
    for node in plan.nodes:
        found[node.id] = _status(study, plan, node, found, clocks)
    return list(found.values())


def _status(
    study: Path, plan: StudyPlan, node: Node, before: Mapping[str, NodeStatus], clocks: FileClocks
) -> NodeStatus:
    run = _run(study / node.run_dir, clocks)
    share = _share(study, node, run)
    try:
        marker = read_marker(study, plan, node)
    except StudyError:
        return NodeStatus(node, "failed", f"{node.done} is damaged, or of another plan: remove it")
    newer = "" if marker is None else newer_input(study, node, marker)
    inputs_are_done = all(before[name].state == "done" for name in node.inputs if name in before)
    if marker is not None and not newer and inputs_are_done:
        return NodeStatus(node, "done", seconds=marker.get("seconds"), share=1.0)
    if is_beating(heartbeat_of(study, node), clocks) or (run is not None and run.status == "running"):
        return NodeStatus(node, "running", share=share, seconds_left=run.seconds_left if run else None)
    if reason := _failure(study / "logs" / f"{node.id}.txt"):
        return NodeStatus(node, "failed", reason, share)
    if run is not None and run.status in ("failed", "unreadable"):
        return NodeStatus(node, "failed", without_places(run.reason or run.status), share)
    why = _why_it_waits(node, before, run)
    if newer and why == _CAN_BEGIN:
        why = f"runs again, because {newer} was done after it"
    return NodeStatus(node, "waiting", why, share)


def _why_it_waits(node: Node, before: Mapping[str, NodeStatus], run: RunStatus | None) -> str:
    inputs = [before[name] for name in node.inputs if name in before]
    lacking = [own.node.id for own in inputs if own.state != "done"]
    failed = [own.node.id for own in inputs if own.state == "failed"]
    if failed:
        return f"needs {failed[0]}, which failed"
    if lacking:
        return f"needs {lacking[0]}" + (f" and {len(lacking) - 1} more" if len(lacking) > 1 else "")
    if run is not None and run.status in ("killed", "stopped"):
        return "interrupted; goes on with the next run of the study"
    return _CAN_BEGIN


def _run(folder: Path, clocks: FileClocks) -> RunStatus | None:
    """The status of the training that the node runs; None: it is none, or has not begun."""
    if not (folder / RunManifest.FILE).exists():
        return None
    try:
        return run_status(folder, RunManifest.read(folder / RunManifest.FILE), clocks)
    except RunFolderError as error:
        return RunStatus("unreadable", str(error))


def _share(study: Path, node: Node, run: RunStatus | None) -> float | None:
    """How much of the training is done; of a node without one, how many of its cells."""
    if run is not None and run.iteration is not None and run.iterations:
        return run.iteration / run.iterations
    if len(node.cells) < 2:
        return None
    return sum((study / cell.folder / METRICS_NAME).exists() for cell in node.cells) / len(node.cells)


def _failure(log: Path) -> str:
    """Why the node failed, if that is the last that its log says; else empty."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - _END))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    last = lines[-1] if lines else ""
    return without_places(last.removeprefix(FAILED).strip()) if last.startswith(FAILED) else ""


def seconds_of_work_left(statuses: list[NodeStatus]) -> float | None:
    """The time of all nodes that are not done, one after another, by what the finished ones took of what was planned.

    None: none is finished.
    """
    done = [own for own in statuses if own.state == "done" and own.seconds is not None]
    planned = sum(own.node.resources.minutes * 60 for own in done)
    if not planned:
        return None
    pace = sum(own.seconds or 0.0 for own in done) / planned
    return sum(_left(own, pace) for own in statuses if own.state != "done")


def _left(own: NodeStatus, pace: float) -> float:
    if own.seconds_left is not None:
        return own.seconds_left
    return own.node.resources.minutes * 60 * pace * (1 - (own.share or 0.0))


def counted(statuses: list[NodeStatus]) -> Iterator[tuple[State, int]]:
    """How many nodes are in each state, of those that some are in."""
    states: tuple[State, ...] = ("done", "running", "failed", "waiting")
    for state in states:
        if number := sum(own.state == state for own in statuses):
            yield state, number
