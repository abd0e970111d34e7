"""A study runs in order, goes on where it ended, tries again what failed, and names what it had to leave out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from monai_mocoi import __version__
from monai_mocoi.errors import StudyError
from monai_mocoi.study import run_one, run_study
from monai_mocoi.study.done_marker import is_done
from monai_mocoi.study.node_lock import node_lock

from .plans import node, plan
from .scripts import order, script, written

DRIVER = "import sys; from monai_mocoi.study import run_study; sys.exit(run_study(sys.argv[1]).exit_code)"


def test_nodes_run_once_in_the_order_of_their_inputs(tmp_path: Path) -> None:
    made = written(tmp_path, script("a"), script("b", "a"), script("c"), script("d", "b", "c"))
    result = run_study(tmp_path, lambda line: None)
    assert order(tmp_path) == result.done == ["a", "b", "c", "d"]
    assert result.exit_code == 0
    content = json.loads((tmp_path / "done" / "d.json").read_text())
    assert (content["id"], content["plan"], content["attempts"]) == ("d", made.hash, 1)
    run_study(tmp_path, lambda line: None)
    assert order(tmp_path) == ["a", "b", "c", "d"]
    (tmp_path / "done" / "b.json").unlink()
    run_study(tmp_path, lambda line: None)
    assert order(tmp_path) == ["a", "b", "c", "d", "b", "d"]  # d was made of another b


def test_what_is_behind_a_step_that_was_done_again_is_done_again(tmp_path: Path) -> None:
    made = written(tmp_path, script("a"), script("b", "a"), script("c", "b"), script("d"))
    run_study(tmp_path, lambda line: None)
    (tmp_path / "done" / "a.json").unlink()
    run_one(tmp_path, "a", lambda line: None)
    assert [is_done(tmp_path, made, node) for node in made.nodes] == [True, False, True, True]
    with pytest.raises(StudyError, match="c needs b, which is not done"):
        run_one(tmp_path, "c", lambda line: None)
    result = run_study(tmp_path, lambda line: None)
    assert order(tmp_path) == ["a", "b", "c", "d", "a", "b", "c"]
    assert result.done == ["a", "d", "b", "c"]
    run_study(tmp_path, lambda line: None)
    assert len(order(tmp_path)) == 7


def test_a_marker_is_never_earlier_than_its_inputs(tmp_path: Path) -> None:
    made = written(tmp_path, script("a"), script("b", "a"))
    run_one(tmp_path, "a", lambda line: None)
    marker = json.loads((tmp_path / "done" / "a.json").read_text())
    (tmp_path / "done" / "a.json").write_text(json.dumps(marker | {"ended": "2999-01-01T00:00:00+0000"}))
    run_one(tmp_path, "b", lambda line: None)  # on a machine whose clock is right
    assert is_done(tmp_path, made, made.nodes[1])
    assert json.loads((tmp_path / "done" / "b.json").read_text())["ended"].startswith("2999")


def test_a_failed_node_is_tried_once_more(tmp_path: Path) -> None:
    once = "import os, sys\nif not os.path.exists('tried'):\n    open('tried', 'w')\n    sys.exit(3)"
    written(tmp_path, script("a", code=once), script("b", "a"))
    result = run_study(tmp_path, lambda line: None)
    assert order(tmp_path) == ["a", "a", "b"]
    assert result.exit_code == 0
    assert json.loads((tmp_path / "done" / "a.json").read_text())["attempts"] == 2


def test_what_needs_a_failed_node_is_skipped_and_named(tmp_path: Path) -> None:
    code = "import sys\nprint('error: there is no room', file=sys.stderr)\nsys.exit(6)"
    written(tmp_path, script("a", code=code), script("b", "a"), script("c", "b"), script("d"))
    said: list[str] = []
    result = run_study(tmp_path, said.append)
    assert order(tmp_path) == ["a", "a", "d"]
    assert result.failed == {"a": "there is no room (exit code 6)"}
    assert result.skipped == {"b": "needs a", "c": "needs b"}
    assert result.exit_code == 1
    assert "skipped: c: needs b" in said
    assert any(line.startswith("failed: a: there is no room (exit code 6); all of its output: ") for line in said)
    log = (tmp_path / "logs" / "a.txt").read_text()
    assert log.count("FAILED: there is no room (exit code 6)") == 2


def test_a_command_of_this_program_is_the_one_of_this_python(tmp_path: Path) -> None:
    written(tmp_path, node("a", commands=(("mocoi", "--version"),)))
    assert run_study(tmp_path, lambda line: None).done == ["a"]
    assert f"$ mocoi --version\nmocoi {__version__}\n" in (tmp_path / "logs" / "a.txt").read_text()


def test_a_node_has_the_threads_of_the_plan(tmp_path: Path) -> None:
    code = "import os\nopen('threads', 'w').write(os.environ['OMP_NUM_THREADS'] + os.environ['MKL_NUM_THREADS'])"
    resources = {"gpu": 0, "cores": 3, "minutes": 1, "memory_mb": 500}
    written(tmp_path, script("a", code=code, resources=resources))
    run_study(tmp_path, lambda line: None)
    assert (tmp_path / "threads").read_text() == "33"


def test_a_marker_of_another_plan_is_no_marker(tmp_path: Path) -> None:
    written(tmp_path, script("a"))
    (tmp_path / "done").mkdir()
    (tmp_path / "done" / "a.json").write_text(json.dumps({"format": 1, "id": "a", "plan": "0" * 64}))
    with pytest.raises(StudyError, match=r"done/a\.json is damaged, or not of the plan"):
        run_study(tmp_path, lambda line: None)


def test_a_finished_run_is_not_started_again(tmp_path: Path) -> None:
    text = "open('order.txt', 'a').write('trained ')"
    words = (
        (sys.executable, "-c", text, "--resume", "true"),
        (sys.executable, "-c", text.replace("trained", "tested")),
    )
    written(tmp_path, node("a", commands=words))
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    for status, expected in (("finished", ["tested"]), ("running", ["tested", "trained", "tested"])):
        (folder / "manifest.json").write_text(json.dumps({"status": status}))
        run_study(tmp_path, lambda line: None)
        assert order(tmp_path) == expected
        (tmp_path / "done" / "a.json").unlink()


def test_one_node_for_an_engine(tmp_path: Path) -> None:
    written(tmp_path, script("a"), script("b", "a"))
    with pytest.raises(StudyError, match=r"b needs a, which is not done"):
        run_one(tmp_path, "b", lambda line: None)
    with pytest.raises(StudyError, match=r"the plan has no node 'x'"):
        run_one(tmp_path, "x", lambda line: None)
    assert run_one(tmp_path, "a", lambda line: None).done == ["a"]
    assert run_one(tmp_path, "b", lambda line: None).exit_code == 0
    assert order(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("nodes", [(node("a"), node("a")), (node("b", "a"), node("a"))])
def test_a_plan_that_does_not_hold_together(tmp_path: Path, nodes: tuple[dict[str, object], ...]) -> None:
    plan(*nodes).write(tmp_path / "plan.json")
    with pytest.raises(StudyError, match=r"twice|not planned before it"):
        run_study(tmp_path, lambda line: None)


def test_two_drivers_share_the_work(tmp_path: Path) -> None:
    wait = "import time\ntime.sleep(0.4)"
    written(tmp_path, *(script(id, code=wait) for id in "abcdef"))
    drivers = [subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)]) for _ in range(2)]
    assert [driver.wait() for driver in drivers] == [0, 0]
    assert sorted(order(tmp_path)) == list("abcdef")


def _until(path: Path) -> None:
    for _ in range(600):
        if path.exists():
            return
        time.sleep(0.05)
    raise AssertionError(f"{path} did not come")


def test_after_kill_9_the_same_command_goes_on_and_no_node_runs_twice_at_once(tmp_path: Path) -> None:
    alone = """
import os, signal, sys, time
if os.path.exists('in'):
    sys.exit('two at once')
open('in', 'w')
def stop(*_):
    os.remove('in')
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
open('began', 'w')
time.sleep(60 if not os.path.exists('second') else 0)
os.remove('in')
"""
    written(tmp_path, script("a"), script("b", "a", code=alone), script("c", "b"))
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)])
    _until(tmp_path / "began")
    driver.kill()
    driver.wait()
    (tmp_path / "second").touch()
    result = run_study(tmp_path, lambda line: None)
    assert result.exit_code == 0
    assert order(tmp_path) == ["a", "b", "b", "c"]


def test_sigterm_reaches_the_command_which_saves_and_the_driver_ends_with_75(tmp_path: Path) -> None:
    saves = """
import signal, sys, time
def stop(*_):
    open('saved', 'w')
    sys.exit(75)
signal.signal(signal.SIGTERM, stop)
open('began', 'w')
time.sleep(60)
"""
    written(tmp_path, script("a", code=saves), script("b", "a"))
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)])
    _until(tmp_path / "began")
    os.kill(driver.pid, signal.SIGTERM)
    assert driver.wait() == 75
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "done").exists()
    with node_lock(tmp_path / "locks" / "a.lock") as (held, _):
        assert held


def test_without_a_plan(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"plan\.json cannot be read"):
        run_study(tmp_path, lambda line: None)
