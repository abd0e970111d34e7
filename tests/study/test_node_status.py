from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from monai_mocoi.study.node_status import NodeStatus, counted, heartbeat_of, node_statuses, seconds_of_work_left
from tests.study.plans import node, plan
from tests.support.run_folders import put

PRE = "runs/idc/mse-resnet50-s0/pretrain"
CELLS = [
    {"folder": f"runs/linear/f1-l{draw}", "evaluation": "linear", "fraction": 1, "label_seed": draw} for draw in (1, 2)
]
PLAN = plan(
    node("pre", run_dir=PRE),
    node("linear", "pre", kind="linear", cells=CELLS),
    node("ks", "linear", kind="ks"),
)


@pytest.fixture
def study(tmp_path) -> Path:
    for folder in ("done", "logs", "running"):
        (tmp_path / folder).mkdir()
    return tmp_path


def found(study: Path) -> dict[str, NodeStatus]:
    return {own.node.id: own for own in node_statuses(study, PLAN)}


def done(study: Path, id: str, seconds: float = 30.0, **more: str) -> None:
    (study / "done" / f"{id}.json").write_text(json.dumps({"id": id, "plan": PLAN.hash, "seconds": seconds, **more}))


def log(study: Path, id: str, text: str) -> None:
    (study / "logs" / f"{id}.txt").write_text(text)


def test_before_anything_runs(study):
    status = found(study)
    assert {own.state for own in status.values()} == {"waiting"}
    assert [own.note for own in status.values()] == ["can begin", "needs pre", "needs linear"]
    assert seconds_of_work_left(list(status.values())) is None


def test_a_training_that_runs_says_how_far_it_is(study):
    put(study / PRE, config={}, manifest={"status": "running"})
    beat = study / PRE / "heartbeat.json"
    beat.write_text(json.dumps({"iteration": 30, "iterations": 40, "done": 30, "seconds": 60}))
    own = found(study)["pre"]
    assert (own.state, own.share, own.seconds_left) == ("running", 0.75, 20.0)
    os.utime(beat, (time.time() - 5000,) * 2)
    own = found(study)["pre"]
    assert (own.state, own.share) == ("waiting", 0.75)
    assert own.note == "interrupted; goes on with the next run of the study"


def test_a_node_without_a_training_of_its_own(study):
    done(study, "pre")
    heartbeat_of(study, PLAN.nodes[1]).write_text("{}")
    put(study / CELLS[0]["folder"], metrics={})
    own = found(study)["linear"]
    assert (own.state, own.share) == ("running", 0.5)
    os.utime(heartbeat_of(study, PLAN.nodes[1]), (time.time() - 5000,) * 2)
    assert found(study)["linear"].state == "waiting"


def test_a_failed_node_says_why_and_those_behind_it_say_so(study):
    log(study, "pre", "much\nerror: x\nFAILED: the disk is full (exit code 6)\n")
    status = found(study)
    assert (status["pre"].state, status["pre"].note) == ("failed", "the disk is full (exit code 6)")
    assert status["linear"].note == "needs pre, which failed"
    log(study, "pre", "FAILED: no (exit code 1)\n\n2026-11-30 10:00:00 $ mocoi run again\n")
    assert found(study)["pre"].state == "waiting"  # it was begun again since
    log(study, "pre", "x" * 20_000 + "\nFAILED: late\n")
    assert found(study)["pre"].note == "late"


def test_a_training_that_failed_without_the_study_knowing(study):
    put(study / PRE, config={}, manifest={"status": "failed", "error": "NotFiniteError"})
    assert (found(study)["pre"].state, found(study)["pre"].note) == ("failed", "NotFiniteError")
    put(study / PRE, config={}, manifest="{half")
    assert found(study)["pre"].state == "failed"


def test_done_by_the_marker_alone_and_only_by_this_plans(study):
    done(study, "pre", 45.0)
    log(study, "pre", "FAILED: once, and then well\n")
    own = found(study)["pre"]
    assert (own.state, own.seconds, own.share) == ("done", 45.0, 1.0)
    for content in ('{"id": "pre", "plan": "of another"}', "{half"):
        (study / "done" / "pre.json").write_text(content)
        own = found(study)["pre"]
        assert (own.state, own.note) == ("failed", "done/pre.json is damaged, or of another plan: remove it")


def test_the_work_left_goes_by_the_pace_so_far(study):
    done(study, "pre", 30.0)  # planned was a minute
    statuses = list(found(study).values())
    assert list(counted(statuses)) == [("done", 1), ("waiting", 2)]
    assert seconds_of_work_left(statuses) == pytest.approx(2 * 60 * 0.5)
    put(study / CELLS[0]["folder"], metrics={})
    assert seconds_of_work_left(list(found(study).values())) == pytest.approx(60 * 0.5 * 0.5 + 60 * 0.5)


def test_what_was_made_of_an_earlier_input_runs_again(study):
    done(study, "pre", ended="2026-11-30T10:00:00+00:00")
    done(study, "linear", ended="2026-11-30T10:00:00+0000")
    done(study, "ks", ended="2026-11-30T12:30:00+0200")
    assert {own.state for own in found(study).values()} == {"done"}
    done(study, "pre", ended="2026-11-30T10:00:01+00:00")
    status = found(study)
    assert [own.state for own in status.values()] == ["done", "waiting", "waiting"]
    assert [own.note for own in status.values()][1:] == ["runs again, because pre was done after it", "needs linear"]


def test_no_place_and_no_image_is_named(study):
    log(study, "pre", "FAILED: dataset_dir is '/home/Jane Doe/x', where images/Doe^Jane.png is bad (exit code 3)\n")
    assert found(study)["pre"].note == "dataset_dir is (...), where (...) is bad (exit code 3)"
