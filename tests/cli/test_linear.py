"""The folder of linear evaluations: taken anew, gone on with, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.cli.linear import _take_folder
from monai_mocoi.errors import UsageError

REQUEST = {"format": 1, "settings": {"seed": 1}}
LEFT = ".linear.0123.tmp.json"
"""As a process that was killed while it wrote ``linear.json`` leaves it."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "linear").mkdir()
    return tmp_path / "linear"


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_a_killed_process_left_does_not_block_it(folder: Path) -> None:
    (folder / LEFT).write_text("{half")
    _take_folder(folder, REQUEST, overwrite=False)
    assert names(folder) == ["linear.json"]
    cell = folder / "f0.5-l1"
    cell.mkdir()
    for path in (folder / LEFT, cell / ".metrics.0123.tmp.json", cell / "predictions.csv"):
        path.write_text("{half")
    _take_folder(folder, REQUEST, overwrite=False)
    assert names(folder) == ["f0.5-l1/predictions.csv", "linear.json"]


def test_beside_something_else_nothing_is_removed(folder: Path) -> None:
    for name in (LEFT, "notes.txt"):
        (folder / name).touch()
    with pytest.raises(UsageError, match="holds something else: name another folder by --out"):
        _take_folder(folder, REQUEST, overwrite=True)
    assert names(folder) == [LEFT, "notes.txt"]


def test_evaluations_of_others_are_replaced_only_on_demand(folder: Path) -> None:
    _take_folder(folder, REQUEST, overwrite=False)
    (folder / "f1-l1").mkdir()
    cell = ["f1-l1/labelled.json", "f1-l1/metrics.json", "f1-l1/predictions.csv"]
    for name in cell:
        (folder / name).touch()
    with pytest.raises(UsageError, match=r"holds linear evaluations of others \(settings\)"):
        _take_folder(folder, REQUEST | {"settings": {"seed": 2}}, overwrite=False)
    assert names(folder) == [*cell, "linear.json"]
    _take_folder(folder, REQUEST | {"settings": {"seed": 2}}, overwrite=True)
    assert names(folder) == ["linear.json"]


def test_random_weights_of_before_there_were_other_architectures_were_those_of_a_resnet50(folder: Path) -> None:
    _take_folder(folder, REQUEST | {"pretrained_sha256": None}, overwrite=False)
    now = {**REQUEST, "pretrained_sha256": None, "settings": {**REQUEST["settings"], "architecture": "resnet18"}}
    with pytest.raises(UsageError, match=r"holds linear evaluations of others \(settings\)"):
        _take_folder(folder, now, overwrite=False)


def test_evaluations_of_before_there_were_other_architectures_go_on(folder: Path) -> None:
    _take_folder(folder, REQUEST, overwrite=False)
    (folder / "f1-l1").mkdir()
    (folder / "f1-l1" / "metrics.json").touch()
    for name in ("resnet50", "resnet50"):  # the second time it is recorded
        _take_folder(folder, {"format": 1, "settings": {"seed": 1, "architecture": name}}, overwrite=False)
    with pytest.raises(UsageError, match=r"holds linear evaluations of others \(settings\)"):
        _take_folder(folder, {"format": 1, "settings": {"seed": 1, "architecture": "resnet18"}}, overwrite=False)
    assert names(folder) == ["f1-l1/metrics.json", "linear.json"]
