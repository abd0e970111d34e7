"""A plan has the hashes of its data sets and weights; a step of others is refused, with both hashes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from monai_mocoi.study import made_plan, placed, run_one, run_study

from .plans import plan
from .scripts import order, script
from .studies import SMALL, study


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_plan_has_the_hashes_of_what_is_there(tmp_path: Path) -> None:
    for name in ("own", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "datalist.json").write_text(name)
    (tmp_path / "w.pt").write_text("weights")
    first = {**SMALL["datasets"][0], "dataset_dir": "own", "external_dir": "other"}
    datasets = [first, {**first, "id": "drawn", "dataset_dir": "demo", "external_dir": None}]
    made = made_plan(
        placed(
            study(datasets=datasets, arms=["mse", "moco", {"id": "w", "kind": "weights", "weights": "w.pt"}]), tmp_path
        )
    )
    own, drawn = made.datasets
    assert (own.dataset_sha256, own.external_sha256) == (sha("own"), sha("other"))
    assert (drawn.dataset_sha256, drawn.external_sha256) == (None, None)
    assert [arm.weights_sha256 for arm in made.arms] == [None, None, sha("weights")]
    (tmp_path / "own" / "datalist.json").write_text("another")
    assert made_plan(placed(study(datasets=datasets, arms=["mse", "moco"]), tmp_path)).hash != made.hash


def test_demo_is_no_folder_of_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "datalist.json").write_text("of the user")
    monkeypatch.chdir(tmp_path)
    assert made_plan(placed(study(), tmp_path)).datasets[0].dataset_sha256 is None


@pytest.mark.parametrize("changed", ["idc/datalist.json", "far/datalist.json", "w.pt"])
def test_a_step_of_what_changed_is_refused_before_it_begins(tmp_path: Path, changed: str) -> None:
    for name in ("idc", "far"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "datalist.json").write_text(name)
    (tmp_path / "w.pt").write_text("w")
    folders = {"dataset_dir": str(tmp_path / "idc"), "external_dir": str(tmp_path / "far")}
    hashes = {"dataset_sha256": sha("idc"), "external_sha256": sha("far")}
    plan(
        script("a", arm="given"),
        datasets=[{"id": "idc", "modality": "bch", **folders, **hashes}],
        arms=[{"id": "given", "kind": "weights", "weights": str(tmp_path / "w.pt"), "weights_sha256": sha("w")}],
    ).write(tmp_path / "plan.json")
    (tmp_path / changed).write_text("changed")
    result = run_study(tmp_path, lambda line: None)
    planned = {"idc/datalist.json": "idc", "far/datalist.json": "far", "w.pt": "w"}[changed]
    assert f"had the SHA-256 {sha(planned)}, and has {sha('changed')} now. Bring back" in result.failed["a"]
    assert "plan the study again with another output_dir" in result.failed["a"]
    assert str(tmp_path) not in result.failed["a"]
    assert (tmp_path / "logs" / "a.txt").read_text() == f"FAILED: {result.failed['a']}\n"
    assert run_one(tmp_path, "a", lambda line: None).failed == result.failed
    assert order(tmp_path) == []
    (tmp_path / changed).write_text(planned)
    assert run_study(tmp_path, lambda line: None).done == ["a"]
