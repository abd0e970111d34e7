"""``mocoi study status``: how far a study is."""

import datetime
from dataclasses import astuple
from pathlib import Path
from typing import Annotated

import typer

from monai_mocoi.cli.reporting import console
from monai_mocoi.cli.tables import aligned
from monai_mocoi.errors import UsageError


def status(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="The study folder, with plan.json.")] = "study",
    html: Annotated[
        str | None, typer.Option("--html", metavar="FILE", help="Write the table as one HTML page too.")
    ] = None,
) -> None:
    """Show what is done, what runs and for how long, what failed and why, what waits for what.

    It reads the plan and the study's folders only, so it works for every engine, and from another machine.
    """
    from monai_mocoi.study.node_status import node_statuses
    from monai_mocoi.study.plan_record import read_plan
    from monai_mocoi.study.status_page import HEADER, status_rows, summary, write_status_page

    if html is not None and Path(html).is_dir():
        raise UsageError(f"--html {html} is a folder: name a file.")
    plan = read_plan(study)
    statuses = node_statuses(Path(study), plan)
    say = console().print
    for line in aligned([HEADER, *(astuple(row) for row in status_rows(statuses))]):
        say(line)
    say(summary(statuses))
    if html is not None:
        now = datetime.datetime.now().astimezone()
        write_status_page(Path(html), plan, statuses, f"{now:%Y-%m-%d %H:%M %Z}")
        say(f"Page: {html}")
