"""A plan is written once, with absolute places, and is not replaced when the study has begun."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from monai_mocoi.errors import StudyError
from monai_mocoi.study import check_study_folder, made_plan, placed, read_plan, write_plan

from .studies import SMALL, study


def test_places_are_seen_from_the_file(tmp_path: Path) -> None:
    dataset = {**SMALL["datasets"][0], "dataset_dir": "data", "external_dir": "/there"}
    own = placed(
        study(datasets=[dataset], arms=["mse", "moco", {"id": "w", "kind": "weights", "weights": "w.pt"}]), tmp_path
    )
    assert own.datasets[0].dataset_dir == str(tmp_path / "data")
    assert own.datasets[0].external_dir == "/there"
    assert own.arms[2].weights == str(tmp_path / "w.pt")
    assert own.output_dir == str(tmp_path / "study")
    assert placed(study(), tmp_path).datasets[0].dataset_dir == "demo"


def test_the_plan_and_its_commands_are_written(tmp_path: Path) -> None:
    made = made_plan(placed(study(), tmp_path))
    write_plan(tmp_path / "study", made)
    assert read_plan(tmp_path / "study") == made
    lines = [line for line in (tmp_path / "study" / "commands.txt").read_text().splitlines() if line and line[0] != "#"]
    assert [tuple(shlex.split(line)) for line in lines] == [words for node in made.nodes for words in node.commands]
    assert str(tmp_path) not in made.text()
    assert made_plan(placed(study(), tmp_path)).text() == made.text()


def test_the_same_plan_may_stay_and_another_only_before_it_has_begun(tmp_path: Path) -> None:
    first, second = (made_plan(placed(study(label_seeds=seeds), tmp_path)) for seeds in ([1], [2]))
    assert check_study_folder(tmp_path / "study", first) is False
    write_plan(tmp_path / "study", first)
    assert check_study_folder(tmp_path / "study", first) is True
    assert check_study_folder(tmp_path / "study", second) is False
    (tmp_path / "study" / "logs").mkdir()
    assert check_study_folder(tmp_path / "study", first) is True
    with pytest.raises(StudyError, match=r"holds another plan \(hash .* that has begun \(logs\)"):
        check_study_folder(tmp_path / "study", second)


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StudyError, match=r"holds files, but no plan\.json"):
        check_study_folder(tmp_path, made_plan(placed(study(), tmp_path)))


def test_an_arm_without_an_overlay_has_no_such_field(tmp_path: Path) -> None:
    paper = {"id": "paper", "kind": "pretrain", "method": "mse", "overlay": "paper", "settings": {"image_size": 224}}
    images = {"finetune": {"image_size": 224}, "analyze": {"image_size": 224}}
    made = made_plan(placed(study(arms=["mse", "moco", paper], settings=images), tmp_path))
    arms = {own["id"]: own for own in json.loads(made.text())["arms"]}
    assert arms["paper"]["overlay"] == "paper"
    assert "overlay" not in arms["mse"].keys() | arms["moco"].keys()
