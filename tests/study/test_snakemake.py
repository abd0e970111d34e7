"""The traps of Snakemake, with the real one: what it removes, what it does again, what a kill leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from monai_mocoi.errors import StudyError
from monai_mocoi.study import engine, read_plan
from tests.study.plans import node, plan
from tests.study.slurm_standin import put_slurm, submitted


def _found() -> str | None:
    try:
        return engine._snakemake()
    except StudyError:
        return None


def _has_slurm() -> bool:
    """Whether the Snakemake that was found has the plugin."""
    if _found() is None:
        return False
    listed = subprocess.run([_found(), "--help"], capture_output=True, text=True, check=False).stdout
    return "slurm" in listed.partition("--executor {")[2].partition("}")[0]


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(_found() is None, reason="Snakemake, of the extra study, is not installed"),
]

# A training: it counts to {ticks}, keeps how far it is, and goes on from there.
WORK = """
import os, pathlib, sys, time
folder = pathlib.Path("runs/{id}")
folder.mkdir(parents=True, exist_ok=True)
with open("runs/log.txt", "a") as log:
    log.write("{id} threads=" + os.environ["OMP_NUM_THREADS"] + "\\n")
(folder / "process.txt").write_text(str(os.getpid()))
checkpoint = folder / "checkpoint.txt"
ticks = len(checkpoint.read_text()) if checkpoint.exists() else 0
while ticks < {ticks}:
    time.sleep(0.05)
    ticks += 1
    checkpoint.write_text("x" * ticks)
    if {ends_at} == ticks:
        sys.exit({code})
(folder / "encoder.txt").write_text("weights of {id}")
"""


def work(id: str, ticks: int = 2, ends_at: int = 0, code: int = 0) -> tuple[tuple[str, ...], ...]:
    return ((sys.executable, "-c", WORK.format(id=id, ticks=ticks, ends_at=ends_at, code=code)),)


def write(study: Path, *nodes: dict) -> Path:
    study.mkdir()
    plan(*nodes).write(study / "plan.json")
    return study


def command(study: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "monai_mocoi", "study", "run", str(study), "--engine", "snakemake", "--", *words]


def run(study: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(command(study, *words), env=env, capture_output=True, text=True, check=False)


def begun(study: Path) -> Counter[str]:
    """How often each node's work was begun."""
    log = study / "runs" / "log.txt"
    return Counter(line.split()[0] for line in log.read_text().splitlines()) if log.exists() else Counter()


def markers(study: Path) -> set[str]:
    return {path.stem for path in (study / "done").glob("*")}


def wait_until(happened) -> None:
    deadline = time.monotonic() + 120
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_killed_drivers_and_jobs_leave_nothing_that_the_same_command_does_not_mend(tmp_path):
    study = write(
        tmp_path / "a study",
        node("one", commands=work("one", 100)),
        node("two", commands=work("two", 100)),
        node("both", "one", "two", kind="ks", commands=work("both")),
    )
    with subprocess.Popen(
        command(study, "--cores", "2"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as driver:
        wait_until(lambda: all((study / "runs" / name / "checkpoint.txt").exists() for name in ("one", "two")))
        driver.kill()
    reached = {name: (study / "runs" / name / "checkpoint.txt").read_text() for name in ("one", "two")}
    assert markers(study) == set()

    with subprocess.Popen(command(study, "--cores", "2"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as driver:
        wait_until(lambda: len((study / "runs" / "one" / "checkpoint.txt").read_text()) > len(reached["one"]) + 5)
        os.kill(int((study / "runs" / "one" / "process.txt").read_text()), signal.SIGKILL)  # a job
        output = driver.communicate(timeout=300)[0].decode()
    assert driver.returncode == 0, output
    assert markers(study) == {"one", "two", "both"}
    assert (study / "runs" / "one" / "encoder.txt").read_text() == "weights of one"
    assert run(study, "--cores", "2").returncode == 0
    assert begun(study)["both"] == 1  # nothing is done twice that was done


def test_a_failure_removes_no_run_folder_and_the_others_go_on(tmp_path):
    study = write(
        tmp_path / "study",
        node("bad", commands=work("bad", 5, ends_at=3, code=1)),
        node("behind", "bad", commands=work("behind")),
        node("good", commands=work("good")),
    )
    failed = run(study, "--cores", "2", "--retries", "0")
    assert failed.returncode == 1
    assert markers(study) == {"good"}
    assert (study / "runs" / "bad" / "checkpoint.txt").exists()
    assert "behind" not in begun(study)
    before = begun(study)["bad"]
    # As if the cause had been mended: from the third tick on it does not end any more.
    (study / "runs" / "bad" / "checkpoint.txt").write_text("xxxx")
    assert run(study, "--cores", "2").returncode == 0
    assert markers(study) == {"bad", "behind", "good"}
    assert begun(study) == {"bad": before + 1, "behind": 1, "good": 1}


def test_75_goes_on_and_what_was_done_without_an_engine_stays_done(tmp_path):
    study = write(
        tmp_path / "study",
        node("first", commands=work("first")),
        node("preempted", "first", commands=work("preempted", 5, ends_at=3, code=75)),
    )
    loop = [sys.executable, "-m", "monai_mocoi", "study", "run", "--node", "first", str(study)]
    assert subprocess.run(loop, capture_output=True, check=False).returncode == 0
    assert run(study, "--cores", "1").returncode == 0
    assert begun(study) == {"first": 1, "preempted": 2}


def test_another_snakefile_trains_nothing_again(tmp_path, monkeypatch):
    study = write(tmp_path / "study", node("one", commands=work("one")))
    assert run(study, "--cores", "1").returncode == 0
    changed = tmp_path / "Snakefile"
    text = engine.SNAKEFILE.read_text().replace('given("minutes")', "7").replace("exec ", "true && exec ")
    assert text != engine.SNAKEFILE.read_text()
    changed.write_text(text)
    monkeypatch.setattr(engine, "SNAKEFILE", changed)
    words = engine.engine_command(study, read_plan(study), ["--cores", "1"])
    done = subprocess.run(words, env=engine.engine_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr
    assert begun(study) == {"one": 1}


def test_a_node_takes_the_threads_that_snakemake_gives_it_and_no_more(tmp_path):
    resources = {"gpu": 0, "cores": 4, "minutes": 1, "memory_mb": 100}
    study = write(tmp_path / "study", node("one", commands=work("one"), resources=resources))
    assert run(study, "--cores", "1").returncode == 0
    assert (study / "runs" / "log.txt").read_text() == "one threads=1\n"


@pytest.mark.skipif(not _has_slurm(), reason="snakemake-executor-plugin-slurm, of the extra study, is not installed")
def test_a_cluster_is_asked_for_what_the_plan_says(tmp_path):
    resources = {"gpu": 1, "cores": 3, "minutes": 90, "memory_mb": 16000}
    study = write(
        tmp_path / "study",
        node("pre", commands=work("pre"), resources=resources),
        node("ks", "pre", kind="ks", commands=work("ks")),
    )
    slurm = tmp_path / "slurm"
    words = ["--executor", "slurm", "--jobs", "5", "--slurm-init-seconds-before-status-checks", "1"]
    words += ["--default-resources", "slurm_account=me", "slurm_partition=cpu", "--set-resources"]
    environment = {**put_slurm(slurm), "PATH": f"{slurm}{os.pathsep}{os.environ['PATH']}"}
    done = run(study, *words, "pretrain:slurm_partition=gpu", **environment)
    assert done.returncode == 0, done.stderr
    assert markers(study) == {"pre", "ks"}
    pre, ks = (
        " ".join(own[: next(i for i, w in enumerate(own) if w.startswith("--wrap"))]) for own in submitted(slurm)
    )
    for asked in ("-p gpu", "-t 90", "--mem 16000", "--cpus-per-task=3", "--gpus=1", "--signal=TERM@120"):
        assert asked in pre
    for asked in ("-p cpu", "-t 1 ", "--mem 1000", "--cpus-per-task=1", "--signal=TERM@120"):
        assert asked in ks
    assert "--gpus" not in ks
