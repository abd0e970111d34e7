from __future__ import annotations

import os
from pathlib import Path

import pytest

from monai_mocoi.study import engine
from monai_mocoi.study.node_lock import node_lock
from tests.study.plans import node, plan


@pytest.fixture
def study(tmp_path, monkeypatch) -> Path:
    plan(node("a")).write(tmp_path / "study" / "plan.json")
    monkeypatch.setattr(engine, "_snakemake", lambda: "/snakemake")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "study"


@pytest.fixture
def became(monkeypatch) -> list[list[str]]:
    """The words of what the process became."""
    found: list[list[str]] = []

    def become(path, words, environment):
        found.append(words)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", become)
    return found


@pytest.mark.parametrize("before", [[], ["study"]])
def test_the_words_behind_two_dashes_are_the_engines(mocoi, study, became, before):
    mocoi("study", "run", *before, "--engine", "snakemake", "--", "--cores", "2", "-n")
    assert became[0][0] == "/snakemake"
    assert became[0][-3:] == ["--cores", "2", "-n"]
    assert became[0][4] == str(study)


def test_words_without_an_engine_and_another_engine_are_refused(mocoi, study, became):
    refused = mocoi("study", "run", str(study), "--", "--cores", "2")
    assert (refused.exit_code, became) == (2, [])
    assert "'--cores' is a word for an engine: name it by --engine snakemake" in refused.stderr
    refused = mocoi("study", "run", str(study), "--engine", "make")
    assert (refused.exit_code, became) == (2, [])
    assert "there is no engine 'make': choose snakemake" in refused.stderr
    refused = mocoi("study", "run", str(study), "--engine", "snakemake", "--node", "a")
    assert refused.exit_code == 2
    assert "--node is for an engine's own steps: leave --node or --engine out" in refused.stderr


def test_a_second_engine_is_refused_while_the_first_lives(mocoi, study, became):
    with node_lock(study / "locks" / "engine.lock"):
        refused = mocoi("study", "run", str(study), "--engine", "snakemake")
    assert (refused.exit_code, became) == (2, [])
    assert "an engine runs this study already" in refused.stderr
    mocoi("study", "run", str(study), "--engine", "snakemake")
    assert len(became) == 1


def test_the_lock_goes_on_in_the_engine(mocoi, study, became, monkeypatch):
    kept = []
    monkeypatch.setattr(os, "set_inheritable", lambda file, wanted: kept.append((os.fstat(file).st_ino, wanted)))
    mocoi("study", "run", str(study), "--engine", "snakemake")
    assert kept == [((study / "locks" / "engine.lock").stat().st_ino, True)]
