"""Running of one node: its commands in turn, once more if they fail, and its done marker when all have ended well."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from monai_mocoi.errors import MocoiError, StudyError
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.study.node_care import cared_for
from monai_mocoi.study.node_lock import node_lock
from monai_mocoi.study.node_process import Processes, reason_in
from monai_mocoi.study.plan_record import Node, StudyPlan

ATTEMPTS = 2


@dataclass(frozen=True)
class Outcome:
    """How it ended: "busy" is being run by another driver; ``reason`` of a failure; ``code`` of its last command."""

    state: Literal["done", "failed", "busy", "stopped"]
    reason: str = ""
    code: int = 0


def is_done(folder: Path, plan: StudyPlan, node: Node) -> bool:
    """Whether the marker of a node is there. Raises StudyError: it is of another plan, or damaged."""
    try:
        content = json.loads((folder / node.done).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or content.get("id") != node.id or content.get("plan") != plan.hash:
        raise StudyError(
            f"{node.done} is damaged, or not of the plan {plan.hash[:12]}...: remove it, so that the node runs again."
        )
    return True


def log_of(folder: Path, node: Node) -> Path:
    """Where the output of a node's commands goes."""
    return folder / "logs" / f"{node.id}.txt"


def run_node(
    folder: Path,
    plan: StudyPlan,
    node: Node,
    processes: Processes,
    wait: bool = False,
    begin: Callable[[Node], None] = lambda node: None,
    attempts: int = ATTEMPTS,
) -> Outcome:
    """Run a node whose inputs are done, unless it is done, or another driver runs it.

    Args:
        folder: of the study, absolute.
        wait: for the other driver; then see what there is left to do.
        begin: is called before the first command.
        attempts: how often it is tried, if it fails.
    """
    with node_lock(folder / "locks" / f"{node.id}.lock", wait) as (held, files):
        if not held:
            return Outcome("busy")
        began = time.monotonic()
        outcome = Outcome("done")
        if is_done(folder, plan, node):  # by another driver, meanwhile
            return outcome
        begin(node)
        for attempt in range(1, attempts + 1):
            with cared_for(folder, plan, node):
                outcome = _attempt(folder, node, processes, files)
            if outcome.state == "done":
                seconds = round(time.monotonic() - began, 1)
                ended = f"{datetime.now().astimezone():%Y-%m-%dT%H:%M:%S%z}"
                content = {"format": 1, "id": node.id, "plan": plan.hash, "ended": ended, "seconds": seconds}
                write_json(folder / node.done, {**content, "attempts": attempt})
            if outcome.state != "failed":
                break
        return outcome


def _attempt(folder: Path, node: Node, processes: Processes, files: tuple[int, ...]) -> Outcome:
    log = log_of(folder, node)
    for words in node.commands:
        if "--resume" in words and _is_finished(folder / node.run_dir):
            continue
        since = log.stat().st_size if log.exists() else 0
        code = processes.run(words, folder, log, node.resources.cores, files)
        if processes.stopped:
            return Outcome("stopped", code=processes.stopped)
        if code:
            reason = reason_in(log, since, code)
            with open(log, "a", encoding="utf-8") as file:
                file.write(f"FAILED: {reason}\n")
            return Outcome("failed", reason, code)
    return Outcome("done")


def _is_finished(run_dir: Path) -> bool:
    """Whether the run came to its end before: a fine-tuning that did has no checkpoint to go on from."""
    try:
        return RunManifest.read(run_dir / RunManifest.FILE).status == "finished"
    except MocoiError:
        return False
