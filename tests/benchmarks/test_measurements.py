"""Each measurement runs in its smallest form; no time is asserted."""

from __future__ import annotations

import json
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import worker
from benchmarks.__main__ import main
from benchmarks.figures import Row
from benchmarks.options import Options
from benchmarks.performance import read
from benchmarks.registry import MEASUREMENTS, Measurement
from tests.support.processes import start


def test_each_module_is_registered_once(repository: Path) -> None:
    modules = {file.stem for file in (repository / "benchmarks" / "measurements").glob("*.py")}
    names = [measurement.name for measurement in MEASUREMENTS]
    assert sorted(names) == sorted(modules)


def work(rank: int, order: dict[str, Any], answer: Path) -> None:
    sys.argv = ["worker", json.dumps(order)]
    with open(answer, "w") as file, redirect_stdout(file):
        worker.main()


@pytest.fixture
def _quick_workers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without torchrun is forked from a process that has imported PyTorch: the command is tried with it."""
    by_torchrun = worker.ordered

    def ordered(order: dict[str, Any], processes: int = 0, **environment: str) -> dict[str, Any]:
        if processes > 1:
            return by_torchrun(order, processes, **environment)
        start(work, 1, order, tmp_path / "answer.json")
        return dict(json.loads((tmp_path / "answer.json").read_text()))

    for name in ("memory", "processes"):
        monkeypatch.setattr(f"benchmarks.measurements.{name}.ordered", ordered)


@pytest.mark.slow
@pytest.mark.usefixtures("_quick_workers")
@pytest.mark.parametrize("measurement", MEASUREMENTS, ids=lambda measurement: measurement.name)
def test_it_runs(measurement: Measurement, tmp_path: Path) -> None:
    rows = list(measurement.measure(Options(tmp_path, quick=True, rounds=1)))
    assert rows
    assert all(isinstance(row, Row) and bool(row.skipped) != bool(row.figures) for row in rows)
    assert all(len(figure.values) == 1 for row in rows for figure in row.figures.values())
    if measurement.name != "lightly":  # optional
        assert [row.skipped for row in rows] == [""] * len(rows)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, so that it would be measured")
def test_without_a_gpu_the_full_form_says_so(tmp_path: Path) -> None:
    measurement = next(one for one in MEASUREMENTS if one.name == "gpu")
    assert [row.skipped for row in measurement.measure(Options(tmp_path))] == ["no GPU"]


@pytest.mark.slow
def test_the_command_saves_json_and_markdown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--only", "parts", "bootstrap", "--quick", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "| blur, 1 channel, 64 px |" in printed
    saved = read(tmp_path / "out" / "parts.json")
    assert saved["quick"] is True
    assert saved["machine"]["cores"] >= 1
    assert set(saved["versions"]) >= {"python", "torch", "monai"}
    assert {*saved["rows"][0]["figures"]} == {"ours, ms", "MONAI, ms", "MONAI / ours"}
    assert json.loads((tmp_path / "out" / "bootstrap.json").read_text())["command"].endswith("bootstrap --quick")
    text = (tmp_path / "out" / "performance.md").read_text()
    assert "## Single steps of a view" in text
    assert "## Patient bootstrap" in text
