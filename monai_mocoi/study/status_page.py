"""Status of a study in words: the rows of its table, one line on the whole, and one page of HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from monai_mocoi.files.atomic_write import write_bytes
from monai_mocoi.runs.time_words import short_time
from monai_mocoi.study.node_status import NodeStatus, counted, seconds_of_work_left
from monai_mocoi.study.plan_record import StudyPlan

HEADER = ("step", "state", "done", "time", "note")
_TEMPLATE = "status_page.html.j2"


@dataclass(frozen=True)
class StatusRow:
    """A node in words, in the order of ``HEADER``."""

    id: str
    state: str
    done: str
    time: str
    note: str


def status_rows(statuses: Sequence[NodeStatus]) -> list[StatusRow]:
    """A row for each node: how much is done, and the time that it took or, at most, still takes."""
    rows = []
    for own in statuses:
        share = "" if own.share is None else f"{own.share:.0%}"
        time = "" if own.seconds is None else short_time(own.seconds)
        time = time if own.seconds_left is None else f"{short_time(own.seconds_left)} left"
        rows.append(StatusRow(own.node.id, own.state, share, time, own.note))
    return rows


def summary(statuses: list[NodeStatus]) -> str:
    """``12 steps: 3 done, 1 running, 8 waiting; about 5 h of work left, one after another``."""
    text = f"{len(statuses)} steps: " + ", ".join(f"{number} {state}" for state, number in counted(statuses))
    left = seconds_of_work_left(statuses)
    return text if not left else f"{text}; about {short_time(left)} of work left, one after another"


def write_status_page(path: Path, plan: StudyPlan, statuses: list[NodeStatus], written: str) -> None:
    """Write the page in one step; ``written`` is the time that it names."""
    environment = Environment(
        loader=PackageLoader("monai_mocoi.study", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template(_TEMPLATE).render(
        name=plan.name,
        hash=plan.hash,
        written=written,
        summary=summary(statuses),
        header=HEADER,
        rows=status_rows(statuses),
    )
    write_bytes(path, page.encode())
