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
        ("$'/home/anna/x.pt'", "$'<x.pt>'"),
        ("$import_it('/home/anna li/x', '/secret/data')", "$import_it('<folder>', '<nih>')"),
        ("$open('../../anna/x')", "<folder>"),
        ("$'a/../../anna'", "<folder>"),
        ("$'C:\\anna\\x.pt'", "$'<x.pt>'"),
        ("a,/home/anna", "a,<folder>"),
        ("file.txt:/home/anna", "file.txt:<folder>"),
        ("root=~anna/x", "root=<folder>"),
        ("s3://anna/x", "s3:<folder>"),
        ("x:///anna/x", "<folder>"),
        ("xy:///anna/x", "xy:<folder>"),
        ("runs/nih/mse", "runs/nih/mse"),
        ("$@epochs // 2 + 1 / 3", "$@epochs // 2 + 1 / 3"),
        ("$(@epochs)/2", "$(@epochs)/2"),
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
