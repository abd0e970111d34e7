"""Running of one node: its commands in turn, once more if they fail, and its done marker when all have ended well."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from monai_mocoi.errors import MocoiError, StudyError
from monai_mocoi.exit_codes import ERROR
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.study.done_marker import is_done, write_marker
from monai_mocoi.study.failure_words import FAILED, reason_in
from monai_mocoi.study.node_care import cared_for
from monai_mocoi.study.node_lock import node_lock
from monai_mocoi.study.node_process import Processes
from monai_mocoi.study.plan_record import Node, StudyPlan
from monai_mocoi.study.planned_files import changed_since

ATTEMPTS = 2
RUNS = "runs/"  # begins the places that the study itself writes


@dataclass(frozen=True)
class Outcome:
    """How it ended: "busy" is being run by another driver; ``reason`` of a failure; ``code`` of its last command."""

    state: Literal["done", "failed", "busy", "stopped"]
    reason: str = ""
    code: int = 0


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
        outcome, spent = Outcome("done"), 0.0
        if is_done(folder, plan, node):  # by another driver, meanwhile
            return outcome
        begin(node)
        if reason := changed_since(plan, node):
            return _failed(log_of(folder, node), reason)
        for attempt in range(1, attempts + 1):
            with cared_for(folder, plan, node):  # it may wait for a GPU, which is no time of the step
                began = time.monotonic()
                outcome = _attempt(folder, node, processes, files)
                spent += time.monotonic() - began
            if outcome.state == "done":
                write_marker(folder, plan, node, spent, attempt)
            if outcome.state != "failed":
                break
        return outcome


def _attempt(folder: Path, node: Node, processes: Processes, files: tuple[int, ...]) -> Outcome:
    log = log_of(folder, node)
    for words in node.commands:
        try:
            if "--resume" in words and _is_finished(folder, node, words):
                continue
        except StudyError as error:
            return _failed(log, str(error))
        since = log.stat().st_size if log.exists() else 0
        code = processes.run(words, folder, log, node.resources.cores, files)
        if processes.stopped:
            return Outcome("stopped", code=processes.stopped)
        if code:
            return _failed(log, reason_in(log, since, code), code)
    return Outcome("done")


def _failed(log: Path, reason: str, code: int = ERROR) -> Outcome:
    """A failure, which the log says in its last line."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "a", encoding="utf-8") as file:
        file.write(f"{FAILED}{reason}\n")
    return Outcome("failed", reason, code)


def _is_finished(folder: Path, node: Node, words: Sequence[str]) -> bool:
    """Whether the run came to its end before: a fine-tuning that did has no checkpoint to go on from.

    Raises StudyError: it did, but began with another encoder than that of the study now.
    """
    try:
        manifest = RunManifest.read(folder / node.run_dir / RunManifest.FILE)
    except MocoiError:
        return False
    if manifest.status != "finished":
        return False
    encoder = words[words.index("--pretrained") + 1] if "--pretrained" in words else ""
    if encoder.startswith(RUNS):  # one that the study makes itself: given ones are in the plan with their hash
        from monai_mocoi.study.encoder_now import check_began_with

        check_began_with(folder / encoder, (manifest.results or {}).get("pretrained_sha256"))
    return True
