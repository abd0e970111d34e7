"""Done marker of a node (``done/<id>.json``): that it ended well, when, and by which plan.

A node whose input was made anew after it is not done: it was made of something else.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from monai_mocoi.errors import StudyError
from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.study.plan_record import Node, StudyPlan


def read_marker(folder: Path, plan: StudyPlan, node: Node) -> dict[str, Any] | None:
    """The marker of a node; None: there is none. Raises StudyError: it is of another plan, or damaged."""
    try:
        content = json.loads((folder / node.done).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        content = None
    if not isinstance(content, dict) or content.get("id") != node.id or content.get("plan") != plan.hash:
        raise StudyError(
            f"{node.done} is damaged, or not of the plan {plan.hash[:12]}...: remove it, so that the node runs again."
        )
    return content


def is_done(folder: Path, plan: StudyPlan, node: Node) -> bool:
    """Whether a node is done, and none of its inputs was made anew since. Raises as :func:`read_marker`."""
    marker = read_marker(folder, plan, node)
    return marker is not None and not newer_input(folder, node, marker)


def newer_input(folder: Path, node: Node, marker: dict[str, Any]) -> str:
    """The first input of a node that ended after its marker, or has none any more; empty: there is none such."""
    own = _ended(marker)
    for name, ended in _inputs_ended(folder, node):
        if ended is None or (own is not None and ended > own):
            return name
    return ""


def write_marker(folder: Path, plan: StudyPlan, node: Node, seconds: float, attempt: int) -> None:
    """Write the marker, not earlier than those of its inputs, which a machine with another clock may have written."""
    now = datetime.now().astimezone()
    latest = max([now, *(ended for _, ended in _inputs_ended(folder, node) if ended is not None)])
    content = {"format": 1, "id": node.id, "plan": plan.hash, "ended": latest.isoformat(timespec="microseconds")}
    write_json(folder / node.done, {**content, "seconds": round(seconds, 1), "attempts": attempt})


def _inputs_ended(folder: Path, node: Node) -> Iterator[tuple[str, datetime | None]]:
    """The inputs and when they ended; None: there is no marker. One that tells no time is left out."""
    for name in node.inputs:
        path = (folder / node.done).with_name(f"{name}.json")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            yield name, None
            continue
        except (OSError, ValueError):
            continue  # whoever looks at that node says so
        if isinstance(content, dict) and (ended := _ended(content)) is not None:
            yield name, ended


def _ended(marker: dict[str, Any]) -> datetime | None:
    try:
        ended = datetime.fromisoformat(str(marker.get("ended")))
    except ValueError:
        return None
    return ended if ended.tzinfo else ended.astimezone()
