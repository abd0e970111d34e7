from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.runs import classifier_to_use, finetuned_from, finetuning_name, newest_finetuned


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({}, "finetune-pretrained-all-s4-f0.1-l1"),
        ({"pretrained": "none"}, "finetune-scratch-all-s4-f0.1-l1"),
        ({"trainable": "head", "solver": "lbfgs", "stage": 2}, "finetune-pretrained-head-s2-f0.1-l1"),
        ({"trainable": "head", "label_fraction": 1.0}, "finetune-pretrained-head-s4-f1-l1-gradient"),
    ],
)
def test_a_run_is_named_by_what_experiments_differ_in(changed: dict[str, Any], name: str) -> None:
    usual = {"trainable": "all", "stage": 4, "label_fraction": 0.1, "label_seed": 1, "solver": "gradient"}
    assert finetuning_name(**{"pretrained": "a/encoder.pt", **usual, **changed}) == name


def run(folder: Path, status: str = "finished", ended: str = "2026-01-01T00:00:00+00:00") -> str:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(json.dumps({"status": status, "ended": ended}))
    if status == "finished":
        (folder / "classifier.pt").touch()
    return str(folder)


def test_the_newest_finished_run_is_taken(tmp_path: Path) -> None:
    assert newest_finetuned(tmp_path) == str(tmp_path)
    assert finetuned_from(tmp_path) == []
    begun = run(tmp_path / "finetune-pretrained-all-s4-f1-l9", "running", "2027-01-01T00:00:00+00:00")
    assert newest_finetuned(tmp_path) == begun
    assert finetuned_from(tmp_path) == []
    whole = run(tmp_path / "finetune-pretrained-all-s4-f1-l1", ended="2026-01-02T00:00:00+00:00")
    run(tmp_path / "finetune-pretrained-all-s4-f1-l2", ended="2026-01-01T00:00:00+00:00")
    assert newest_finetuned(tmp_path) == finetuned_from(tmp_path) == whole
    (tmp_path / "finetune-notes").mkdir()
    assert newest_finetuned(tmp_path) == whole


def test_a_baseline_that_was_run_later_is_not_taken_for_the_fine_tuned_encoder(tmp_path: Path) -> None:
    scratch = run(tmp_path / "finetune-scratch-all-s4-f1-l1", ended="2026-01-03T00:00:00+00:00")
    head = run(tmp_path / "finetune-pretrained-head-s4-f1-l1", ended="2026-01-04T00:00:00+00:00")
    assert newest_finetuned(tmp_path) == head
    whole = run(tmp_path / "finetune-pretrained-all-s4-f1-l1", ended="2026-01-02T00:00:00+00:00")
    assert newest_finetuned(tmp_path) == finetuned_from(tmp_path) == whole
    assert scratch != whole


def test_new_images_are_classified_by_the_package_unless_a_run_is_named(tmp_path: Path) -> None:
    packaged, newest = tmp_path / "model.pt", run(tmp_path / "runs" / "finetune-a")
    assert classifier_to_use(None, tmp_path / "runs", packaged) == f"{newest}/classifier.pt"
    packaged.touch()
    assert classifier_to_use(None, tmp_path / "runs", packaged) == str(packaged)
    assert classifier_to_use("other", tmp_path / "runs", packaged) == "other/classifier.pt"
    assert classifier_to_use(packaged, tmp_path / "runs", "elsewhere.pt") == str(packaged)
