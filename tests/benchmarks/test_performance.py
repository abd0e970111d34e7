"""The page of figures: committed as the committed JSON gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import performance
from benchmarks.__main__ import main
from benchmarks.figures import Figure, Row

SAVED: dict[str, Any] = {
    "name": "step",
    "command": "python -m benchmarks --only step",
    "quick": False,
    "rounds": 3,
    "seed": 0,
    "load": 0.1,
    "machine": {"processor": "P", "cores": 2, "threads": 2, "memory_gib": 8.0, "system": "Linux x86_64"},
    "versions": {"python": "3.11.7", "torch": "2.13.0"},
    "rows": [Row("moco", {"ours, images/s": Figure((10.0, 12.0, 1234.5)), "ours / plain": Figure((1.0,))}).to_json()],
}


def test_the_committed_page_is_what_the_committed_results_give() -> None:
    assert performance.PAGE.read_text(encoding="utf-8") == performance.page(performance.RESULTS), (
        "run python -m benchmarks --report"
    )


def test_a_table_has_medians_spread_and_limits() -> None:
    rows = [
        Row("fast", {"a": Figure((1.0, 2.0, 30.0)), "a / b": Figure((0.96, 0.951, 0.9), at_least=0.95)}),
        Row("slow", {"a": Figure((1234.5,)), "a / b": Figure((0.5,), at_least=0.95)}),
        Row("none", skipped="b is not installed"),
    ]
    assert list(performance.table(rows)) == [
        "|  | a | a / b | limit |",
        "|---|---|---|---|",
        "| fast | 2 (1 to 30) | 0.951 (0.9 to 0.96) | at least 0.95: met |",
        "| slow | 1,230 | 0.5 | at least 0.95: **missed** |",
        "| none | not measured: b is not installed |  |  |",
    ]
    assert list(performance.table(rows[2:])) == ["|  |  |", "|---|---|", "| none | not measured: b is not installed |"]


def test_the_page_tells_machine_command_and_seed(tmp_path: Path) -> None:
    (tmp_path / "step.json").write_text(json.dumps(SAVED))
    text = performance.page(tmp_path)
    assert "| moco | 12 (10 to 1,230) | 1 |" in text
    assert "Measured on: P, 2 cores, 2 threads; 8.0 GiB of memory, no GPU, Linux x86_64; python 3.11.7" in text
    assert "`python -m benchmarks --only step`; seed 0; load 0.1 at its start." in text
    assert "Not measured yet: `python -m benchmarks --only views`." in text
    assert "Not measured yet: `python -m benchmarks --only step`." not in text


def test_two_machines_are_told_apart_and_quick_figures_are_marked(tmp_path: Path) -> None:
    (tmp_path / "step.json").write_text(json.dumps(SAVED))
    gpu = {"name": "G", "count": 1, "memory_gib": 80.0}
    other = {**SAVED, "machine": {**SAVED["machine"], "gpu": gpu}, "quick": True, "load": None}
    (tmp_path / "loop.json").write_text(json.dumps(other))
    text = performance.page(tmp_path)
    assert "\n1. P, 2 cores" in text
    assert "\n2. P, 2 cores, 2 threads; 8.0 GiB of memory, 1 x G (80.0 GiB)" in text
    assert "`python -m benchmarks --only step`, on machine 1; seed 0; load 0.1 at its start." in text
    assert "the figures say nothing.** `python -m benchmarks --only step`, on machine 2; seed 0." in text


def test_the_report_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.__main__.PAGE", tmp_path / "page.md")
    assert main(["--report"]) == 0
    assert (tmp_path / "page.md").read_text().startswith("<!-- Made by `python -m benchmarks --report`")


def test_no_rounds_are_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--rounds", "0"])
    assert "--rounds is 0; give 1 or more." in capsys.readouterr().err
