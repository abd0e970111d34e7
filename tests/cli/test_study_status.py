from __future__ import annotations

import json

import pytest

from tests.study.plans import node, plan
from tests.support.loaded_modules import loaded_by

PLAN = plan(node("a"), node("b", "a"))


@pytest.fixture
def study(tmp_path):
    PLAN.write(tmp_path / "plan.json")
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "a.json").write_text(json.dumps({"id": "a", "plan": PLAN.hash, "seconds": 30}))
    return tmp_path


def test_the_table_and_the_page(mocoi, study):
    result = mocoi("study", "status", str(study), "--html", str(study / "page.html"))
    lines = result.output.splitlines()
    assert [line.split() for line in lines[:3]] == [
        ["step", "state", "done", "time", "note"],
        ["a", "done", "100%", "30", "s"],
        ["b", "waiting", "can", "begin"],
    ]
    assert lines[3] == "2 steps: 1 done, 1 waiting; about 30 s of work left, one after another"
    assert "can begin" in (study / "page.html").read_text()


def test_no_plan_and_a_folder_for_a_page(mocoi, study, tmp_path):
    refused = mocoi("study", "status", str(study), "--html", str(study))
    assert (refused.exit_code, "is a folder: name a file" in refused.stderr) == (2, True)
    refused = mocoi("study", "status", str(tmp_path / "nowhere"))
    assert (refused.exit_code, "plan.json cannot be read" in refused.stderr) == (2, True)


def test_it_needs_no_torch(study):
    done = loaded_by("study", "status", study)
    assert "LOADED []" in done.stdout, done.stderr
