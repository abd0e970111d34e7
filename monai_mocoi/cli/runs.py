"""``mocoi runs``: the runs below a folder, from what their folders say of themselves."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from monai_mocoi.cli.reporting import console
from monai_mocoi.cli.tables import aligned
from monai_mocoi.errors import UsageError
from monai_mocoi.runs.time_words import short_time

if TYPE_CHECKING:
    from monai_mocoi.runs.key_metric import KeyMetric
    from monai_mocoi.runs.registry import RegisteredRun
    from monai_mocoi.runs.run_status import RunStatus

_HEADER = ("run", "kind", "method", "data", "labels", "metric", "status", "age")


def runs(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Where to look for runs, at any depth.")] = "runs",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with all that is known of each.")] = False,
) -> None:
    """List the runs below a folder, and how they are.

    Each with method, data, label fraction, key metric, status and age. A run lives if its heartbeat does: a file that
    it touches all the time. One that was killed is told after two minutes without, on disks of several machines too.
    """
    from monai_mocoi.runs.registry import registered_runs  # pydantic, for which the help does not wait

    if not Path(folder).is_dir():
        raise UsageError(f"there is no folder {folder}: name the one that holds the runs, such as an output_dir")
    found = registered_runs(folder)
    if as_json:
        typer.echo(json.dumps([run.as_json() for run in found], indent=2, ensure_ascii=False))
        return
    out = console()
    if not found:
        out.print(f"There is no run in {folder} or below it.")
        return
    for line in aligned([_HEADER, *map(_row, found)]):
        out.print(line)
    counts = Counter(run.status.status for run in found)
    out.print(f"{len(found)} runs: " + ", ".join(f"{number} {status}" for status, number in sorted(counts.items())))


def _row(run: "RegisteredRun") -> tuple[str, ...]:
    known = run.method or "-", run.data or "-", "-" if run.fraction is None else f"{100 * run.fraction:.4g} %"
    age = "-" if run.age_seconds is None else short_time(run.age_seconds)
    return run.folder, run.kind, *known, _metric(run.metric), status_in_words(run.status), age


def _metric(metric: "KeyMetric | None") -> str:
    if metric is None:
        return "-"
    interval = "" if metric.low is None or metric.high is None else f" ({metric.low:.3f} to {metric.high:.3f})"
    return f"{metric.of} {metric.name} {metric.value:.3f}{interval}"


def status_in_words(status: "RunStatus") -> str:
    """``running, 40 %, 3 h left``, ``failed: NotFiniteError``, ``killed at 40 %``."""
    share = ""
    if status.iteration is not None and status.iterations:
        share = f"{status.iteration / status.iterations:.0%}"
    if status.status == "running":
        left = "" if status.seconds_left is None else f"{short_time(status.seconds_left)} left"
        return ", ".join(filter(None, ("running", share, left)))
    if status.status == "killed" and share:
        return f"killed at {share}"
    return f"{status.status}: {status.reason}" if status.status in ("failed", "unreadable") else status.status
