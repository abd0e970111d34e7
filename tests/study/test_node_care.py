from __future__ import annotations

import os

import pytest

from monai_mocoi.study import gpu_lock
from monai_mocoi.study.gpu_lock import VISIBLE
from monai_mocoi.study.node_care import cared_for
from monai_mocoi.study.node_process import threads_environment
from monai_mocoi.study.node_status import heartbeat_of, node_statuses
from monai_mocoi.threads import VARIABLE
from tests.study.plans import node, plan

GPU = {"gpu": 1, "cores": 1, "minutes": 1, "memory_mb": 1}


@pytest.fixture(autouse=True)
def _two_gpus(tmp_path, monkeypatch):
    monkeypatch.setenv(VISIBLE, "0,1")
    monkeypatch.setattr(gpu_lock.tempfile, "gettempdir", lambda: str(tmp_path))


def test_a_node_that_runs_has_a_heartbeat_and_a_gpu_of_its_own(tmp_path):
    made = plan(node("a", resources=GPU), node("b"))
    first, second = made.nodes
    with cared_for(tmp_path, made, first):
        assert os.environ[VISIBLE] == "0"
        assert [own.state for own in node_statuses(tmp_path, made)] == ["running", "waiting"]
    assert not heartbeat_of(tmp_path, first).exists()
    with cared_for(tmp_path, made, second):
        assert os.environ[VISIBLE] == ""
    with pytest.raises(KeyError), cared_for(tmp_path, made, first):
        raise KeyError
    assert not heartbeat_of(tmp_path, first).exists()
    assert os.environ[VISIBLE] == "0,1"


def test_a_plan_that_names_no_gpu_leaves_them_as_they_are(tmp_path):
    made = plan(node("a"))
    with cared_for(tmp_path, made, made.nodes[0]):
        assert os.environ[VISIBLE] == "0,1"


@pytest.mark.parametrize(("driver", "threads"), [("", 4), ("2", 2), ("9", 4), ("0", 4), ("x", 4)])
def test_a_node_takes_what_it_was_planned_and_no_more_than_the_driver_was_given(driver, threads):
    environment = threads_environment(4, {VARIABLE: driver, "HOME": "x"})
    assert environment["HOME"] == "x"
    assert environment[VARIABLE] == environment["OMP_NUM_THREADS"] == str(threads)
