"""Status of a run, told from its folder: running, killed, or how it ended. Importing it does not import torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from monai_mocoi.files.file_clock import FileClocks
from monai_mocoi.files.heartbeat import SILENCE, last_beat
from monai_mocoi.runs.run_manifest import RunManifest

HEARTBEAT_NAME = "heartbeat.json"
Status = Literal["running", "finished", "stopped", "failed", "killed", "unreadable"]


@dataclass(frozen=True)
class RunStatus:
    """``status``: as :class:`~monai_mocoi.runs.run_manifest.RunManifest` says, but a dead run is "killed".

    ``reason`` says why it did not come to its end; ``iteration`` of ``iterations`` is how far it is or was;
    ``seconds_left`` is at most the time that is left, by the speed so far. None where it is not known.
    """

    status: Status
    reason: str | None = None
    iteration: int | None = None
    iterations: int | None = None
    seconds_left: float | None = None


def run_status(folder: Path, manifest: RunManifest, clocks: FileClocks) -> RunStatus:
    """The status of the run in a folder.

    A run is alive as long as its heartbeat, or at its start its manifest, was written within ``SILENCE``, by the clock
    of the file system, which it shares with the run.
    """
    beat = last_beat(folder / HEARTBEAT_NAME)
    if beat is not None and clocks.now(folder) - beat[0] < SILENCE:
        return RunStatus("running", None, *_progress(beat[1]))
    status = manifest.status
    if status == "finished":
        return RunStatus("finished", iteration=manifest.iterations, iterations=manifest.iterations)
    if status == "failed":
        return RunStatus("failed", manifest.error or "the error is not known", manifest.iterations)
    if status == "stopped":
        return RunStatus("stopped", "by a signal, or ended early: it can be continued", manifest.iterations)
    if status != "running":
        return RunStatus("unreadable", f"its manifest has the status {status!r}")
    began = last_beat(folder / RunManifest.FILE)
    if beat is None and began is not None and clocks.now(folder) - began[0] < SILENCE:
        return RunStatus("running")
    told = {} if beat is None else beat[1]
    reason = "it has no heartbeat any more" if beat else "it has no heartbeat (or an earlier version runs it)"
    return RunStatus("killed", reason, *_progress(told)[:2])


def _progress(told: Mapping[str, Any]) -> tuple[int | None, int | None, float | None]:
    names = ("iteration", "iterations", "done", "seconds")
    values = [told.get(name) for name in names]
    if not all(isinstance(value, int | float) for value in values):
        return None, None, None
    iteration, iterations, done, seconds = (float(value) for value in values if value is not None)
    left = (iterations - iteration) * seconds / done if done > 0 else None
    return int(iteration), int(iterations), left
