"""A plan keeps its hash from writing to reading, and a changed plan is refused."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from monai_mocoi.errors import StudyError
from monai_mocoi.study import StudyPlan, read_plan

from .plans import node, plan


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made = plan(node("a"), node("b", "a", cells=[{"folder": "runs/b/f0.06-l1", "evaluation": "linear"}]))
    made.write(tmp_path / "plan.json")
    read = read_plan(tmp_path)
    assert read == made
    assert read.nodes[1].inputs == ("a",)
    assert read.nodes[1].cells[0].folder == "runs/b/f0.06-l1"
    assert read.text() == (tmp_path / "plan.json").read_text()


def test_the_hash_is_of_the_canonical_json_of_everything_else(tmp_path: Path) -> None:
    made = plan(node("a"))
    made.write(tmp_path / "plan.json")
    content = json.loads((tmp_path / "plan.json").read_text())
    assert content["format"] == 1
    of_file = content.pop("hash")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    assert of_file == hashlib.sha256(text.encode()).hexdigest() == made.hash
    assert plan(node("b")).hash != made.hash


@pytest.mark.parametrize("path", [("primary", "fraction"), ("nodes", 0, "resources", "minutes"), ("more",)])
def test_a_changed_plan_is_refused(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    content = json.loads(plan(node("a")).text())
    part = content
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = 7
    with pytest.raises(StudyError, match=r"plan.json was changed after it was planned"):
        StudyPlan.of(content)


def test_keys_that_it_does_not_know_are_kept_and_are_in_the_hash() -> None:
    made = plan({**node("a"), "later": 1})
    read = StudyPlan.of(json.loads(made.text()))
    assert read.nodes[0].model_extra == {"later": 1}
    assert made.hash != plan(node("a")).hash
