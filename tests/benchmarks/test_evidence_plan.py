"""The masked plan: no folder of the machine, and a hash that another machine gets as well."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import evidence
from benchmarks.evidence_plan import masked_plan
from monai_mocoi.study import StudyPlan


def planned(home: str, **changes: Any) -> StudyPlan:
    """A plan whose folders are below one of the machine."""
    run = ["mocoi", "run", f"{home}/bundles/own/configs/train.json", "--dataset_dir", f"{home}/chest"]
    node = {"id": "n", "kind": "pretrain", "dataset": "nih", "arm": "mse", "inputs": [], "done": "done/n.json"}
    needs = {"gpu": 0, "cores": 1, "minutes": 1, "memory_mb": 100}
    arms = [
        {"id": "mse", "kind": "pretrain", "method": "mse", "settings": {"labels": [f"{home}/labels.json", 1]}},
        {"id": "old", "kind": "weights", "weights": f"{home}/r50.pt", "weights_sha256": "b" * 64},
    ]
    data = {"id": "nih", "modality": "nih", "dataset_dir": f"{home}/chest", "external_dir": f"{home}/elsewhere"}
    primary = {"dataset": "nih", "evaluation": "linear", "fraction": 0.1, "arm": "mse", "against": "old"}
    whole: dict[str, Any] = {"name": "own", "metric": {"name": "auc", "label": None}, "primary": primary, "arms": arms}
    whole |= {"datasets": [data | {"dataset_sha256": "a" * 64}], "fractions": [0.1], "label_seeds": [1]}
    whole |= {"pretrain_seeds": [1], "nodes": [node | {"commands": [run], "run_dir": "runs/n", "resources": needs}]}
    return StudyPlan.made(**{**whole, **changes})


def test_no_folder_is_told_and_all_else_is() -> None:
    plan = planned("/home/anna")
    told = masked_plan(plan)
    assert "anna" not in json.dumps(told)
    assert told["datasets"][0] | {"dataset_dir": "<nih>", "external_dir": "<nih, external>"} == told["datasets"][0]
    assert told["nodes"][0]["commands"] == [["mocoi", "run", "<train.json>", "--dataset_dir", "<nih>"]]
    assert [told["arms"][0]["settings"], told["arms"][1]["weights"]] == [{"labels": ["<labels.json>", 1]}, "<r50.pt>"]
    assert told["hash"] == plan.hash
    assert set(told) == {*plan.model_dump(exclude_unset=True), "masked_hash"}
    assert told["nodes"][0]["run_dir"] == "runs/n"
    rest = {name: value for name, value in told.items() if not name.endswith("hash")}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    assert told["masked_hash"] == hashlib.sha256(text.encode()).hexdigest()


def test_its_hash_is_the_same_on_another_machine_and_of_nothing_else() -> None:
    ours, theirs = planned("/home/anna"), planned("/data/x")
    assert ours.hash != theirs.hash
    assert masked_plan(ours)["masked_hash"] == masked_plan(theirs)["masked_hash"]
    for change in ({"label_seeds": [2]}, {"fractions": [0.1, 1.0]}, {"name": "other"}):
        assert masked_plan(planned("/data/x", **change))["masked_hash"] != masked_plan(ours)["masked_hash"]


def test_the_command_prints_it_and_writes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = planned("/home/anna")
    plan.write(tmp_path / "plan.json")
    monkeypatch.setattr(evidence, "write_page", lambda: pytest.fail("the page was written"))
    assert evidence.main(["--hash", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{masked_plan(plan)['masked_hash']}  {tmp_path}\n"
