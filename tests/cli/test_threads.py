from __future__ import annotations

import json
import os
import sys

import pytest
import torch
from threadpoolctl import threadpool_info

from monai_mocoi.cli import check_command
from monai_mocoi.cli.threads import announce_threads, computing_with, read_threads
from monai_mocoi.errors import UsageError
from monai_mocoi.threads import VARIABLE
from tests.support.commands import command

# Multiplies two matrices, large enough for all threads, and counts the process's threads before and after.
COUNT = """
import json, os, torch
from threadpoolctl import threadpool_info
def threads(): return len(os.listdir('/proc/self/task'))
def count():
    before = threads()
    torch.ones(600, 600) @ torch.ones(600, 600)
    (torch.rand(2_000_000) + 1).exp().sum()
    pools = [pool['num_threads'] for pool in threadpool_info()]
    print('COUNTED', json.dumps([torch.get_num_threads(), max(pools), threads() - before]))
"""


@pytest.fixture(autouse=True)
def _four_cores(monkeypatch):
    monkeypatch.setattr("monai_mocoi.cli.threads.usable_cpus", lambda: 4)


@pytest.mark.parametrize("word", ["0", "5", "-1", "1.5", "two", "²", "1e0"])
def test_a_number_that_cannot_be_is_refused_with_the_limit(write, word):
    with pytest.raises(UsageError) as error:
        check_command([write(), "--threads", word])
    assert str(error.value).startswith(f"threads is {word!r}, but must be a whole number from 1 to 4, the cores")


def test_a_number_from_1_to_the_cores_is_taken_and_is_no_setting(write):
    for threads in (1, 4):
        checked = check_command([write(), f"--threads={threads}"])
        assert (checked.threads, checked.overrides, checked.run_arguments) == (threads, {}, {})
    assert check_command([write()]).threads is None
    assert read_threads("3") == 3
    with pytest.raises(UsageError, match="threads is given twice"):
        check_command([write(), "--threads", "1", "--threads", "2"])


def test_a_config_with_a_constant_of_that_name_keeps_it(write):
    assert check_command([write({"threads": 7}), "--threads", "9"]).overrides == {"threads": 9}


def test_the_environment_says_it_before_torch_is_loaded(monkeypatch):
    monkeypatch.setattr(os, "environ", {})
    announce_threads(None)
    assert os.environ == {}
    announce_threads(3)
    assert os.environ[VARIABLE] == os.environ["OMP_NUM_THREADS"] == os.environ["MKL_NUM_THREADS"] == "3"


def test_libraries_that_are_loaded_are_limited_too_and_let_go_again():
    before = torch.get_num_threads()
    with computing_with(2):
        assert torch.get_num_threads() == 2
        assert {pool["num_threads"] for pool in threadpool_info()} <= {1, 2}
    assert torch.get_num_threads() == before
    with computing_with(None):
        assert torch.get_num_threads() == before


def test_a_plan_shows_it(write, mocoi):
    result = mocoi("plan", write(), "--threads", "3")
    assert "threads" in result.output, result.output
    assert "of each process" in result.output
    assert "threads" not in mocoi("plan", write()).output


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="threads are counted in /proc, which only Linux has")
def test_a_run_computes_with_so_many_threads(tmp_path):
    (tmp_path / "counting_threads.py").write_text(COUNT)
    config = {"imports": ["$import sys", "$sys.path.insert(0, '.')", "$import counting_threads"]}
    (tmp_path / "count.json").write_text(json.dumps({**config, "run": ["$counting_threads.count()"]}))
    started = {}
    for threads in range(1, min(2, os.cpu_count() or 1) + 1):
        words = ("monai_mocoi", "run", "count.json", "--threads", threads)
        done = command(*words, cwd=tmp_path, OMP_NUM_THREADS="" if threads == 1 else "1")
        assert done.returncode == 0, done.stderr
        counted = json.loads(done.stdout.partition("COUNTED ")[2].splitlines()[0])
        assert counted[:2] == [threads, threads]
        started[threads] = counted[2]
    assert started[1] == 0
    assert started.get(2, 1) == 1  # one more beside the first
