"""Words of a command: no place of the machine is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.study_report.found_runs import FoundRuns
from monai_mocoi.study_report.masked_words import masked
from monai_mocoi.study_report.sources import Sources


@pytest.mark.parametrize(
    ("word", "shown"),
    [
        ("/secret/data", "<nih>"),
        ("/home/anna", "<folder>"),
        ("/home/anna/r50.pt", "<r50.pt>"),
        ("~/r50.pt", "<r50.pt>"),
        ("~", "<folder>"),
        ("../anna/x", "<folder>"),
        ("C:\\anna\\r50.pt", "<r50.pt>"),
        ("--weights=/home/anna", "--weights=<folder>"),
        ('{"a": ["/home/anna/x", 1, "/secret/data"]}', '{"a": ["<folder>", 1, "<nih>"]}'),
        ("runs/nih/mse", "runs/nih/mse"),
        ("[0.06, 1]", "[0.06, 1]"),
    ],
)
def test_places_are_masked(word: str, shown: str) -> None:
    assert masked(word, {"/secret/data": "<nih>"}) == shown


def test_links_only_in_or_beside_the_study(tmp_path: Path) -> None:
    found = FoundRuns(tmp_path / "study")
    assert Sources(found, tmp_path / "study/report").link("runs/a") == "../runs/a"
    assert Sources(found, tmp_path / "report").link("runs/a") == "../study/runs/a"
    assert Sources(found, tmp_path / "anna/b/report").link("runs/a") is None
