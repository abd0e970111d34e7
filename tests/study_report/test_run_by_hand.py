"""Tests of commands run by hand, which write no marker: they count where all that is recorded is as planned."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from monai.networks.nets import ResNet

from monai_mocoi.errors import UsageError
from monai_mocoi.networks.weights import weights_sha256
from monai_mocoi.study import Node
from monai_mocoi.study_report import study_results
from monai_mocoi.study_report.headline import headline
from monai_mocoi.study_report.recorded_settings import other_settings
from tests.bundles.conftest import SMALL_BACKBONE
from tests.study_report.synthetic_study import SHA, SyntheticStudy

SETTINGS = {"max_epochs": 3, "learning_rate": 0.5, "precision": "auto", "patience": None, "cosine": True}
SETTINGS |= {"num_workers": 2, "temperature": 0.2, "bundle": "nih_mse", "architecture": "resnet50"}
WORDS = ["--max_epochs", "3", "--learning_rate", "5e-1", "--precision", "auto", "--patience", "none", "--cosine"]
WORDS += ["true", "--num_workers", "$os.cpu_count()", "--output_dir", "runs/x"]
LEFT_OUT = object()
MSE, SUPERVISED = "runs/nih/mse-resnet50-s0", "runs/nih/supervised-resnet50-s0"


def settings_of(words: Sequence[str], folder: Path) -> dict[str, Any]:
    """As the bundle that there is not would give them; ``num_workers`` of another machine."""
    assert words[:3] == ("mocoi", "run", "x")
    assert (folder / "plan.json").is_file()
    return SETTINGS | {"num_workers": 8}


def refused(words: Sequence[str], folder: Path) -> dict[str, Any]:
    raise UsageError("there is no bundle x")


def change(path: Path, **values: Any) -> None:
    """Other values of a JSON file; those of ``tested`` lie deeper."""
    content = json.loads(path.read_text()) if path.exists() else {}
    for name in [name for name, value in values.items() if value is LEFT_OUT]:
        content.pop(name), values.pop(name)
    content.get("tested", {}).update(values.pop("tested", {}))
    path.write_text(json.dumps({**content, **values}))


def put_encoder(path: Path, value: float) -> str:
    network = ResNet(**{name: given for name, given in SMALL_BACKBONE.items() if name != "_target_"})
    torch.nn.init.constant_(network.conv1.weight, value)
    torch.save(network.state_dict(), path)
    return weights_sha256(network.state_dict())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two arms, one label draw, without markers; each step with what a real one records."""
    study = SyntheticStudy(tmp_path_factory.mktemp("made"), arms=("supervised", "mse"), fractions=(0.1,))
    study.draws, study.images, study.patients = (1,), 90, 40
    study.write(plan=False)
    for node in study.nodes:
        node["commands"] = [["mocoi", "run", "x", *WORDS]]
    study.plan().write(study.folder / "plan.json")
    sha = put_encoder(study.folder / MSE / "pretrain/encoder.pt", 1.0)
    for place in (MSE, SUPERVISED):
        for path in study.folder.glob(f"{place}/finetune/f*/metrics.json"):
            own = {"pretrained_sha256": sha} if place == MSE else {}
            change(path, tested={"seed": 0, **own})
    for place in (f"{MSE}/pretrain", f"{MSE}/finetune", f"{SUPERVISED}/finetune"):
        folder = study.folder / place
        change(folder / "config.json", **SETTINGS)
        change(folder / "manifest.json", status="finished", dataset_sha256=SHA)
    return study.folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "study"))


def test_what_is_whole_and_as_planned_is_used_and_the_headline_says_so(study: Path, tmp_path: Path) -> None:
    results = study_results(study, tmp_path, None, settings_of)
    assert results.problems == []
    assert {run.arm for run in results.found.tested} == {"supervised", "mse"}
    assert (results.found.by_hand, results.found.confirmed) == (2, False)
    text = headline(results.comparisons, True, None, False, results.found.by_hand)
    assert "2 tests were run by hand, without its done markers" in text
    assert "nothing shows that the plan was made before them" in text
    assert "fixed in the plan before anything ran" not in text
    assert results.comparisons[0].primary


def test_a_marker_of_this_plan_is_enough_and_one_of_another_plan_is_none(study: Path, tmp_path: Path) -> None:
    plan = json.loads((study / "plan.json").read_text())
    (study / "done").mkdir()
    for node in plan["nodes"]:
        (study / node["done"]).write_text(json.dumps({"id": node["id"], "plan": plan["hash"]}))
    (study / f"{SUPERVISED}/finetune/config.json").unlink()
    results = study_results(study, tmp_path, None, settings_of)
    assert (len(results.found.tested), results.found.by_hand, results.found.confirmed) == (2, 0, True)
    for node in plan["nodes"]:
        (study / node["done"]).write_text(json.dumps({"id": node["id"], "plan": "another"}))
    results = study_results(study, tmp_path, None, settings_of)
    assert results.found.tested == []
    assert all("no done marker says" in text for text in results.problems)


def test_a_test_of_an_encoder_that_was_made_anew_since_is_not_used(study: Path, tmp_path: Path) -> None:
    plan = json.loads((study / "plan.json").read_text())
    (study / "done").mkdir()
    for hour, node in enumerate(plan["nodes"]):
        content = {"id": node["id"], "plan": plan["hash"], "ended": f"2026-01-01T{hour:02d}:00:00+00:00"}
        (study / node["done"]).write_text(json.dumps(content))
    assert study_results(study, tmp_path, None).problems == []
    (pretrain,) = [node for node in plan["nodes"] if node["kind"] == "pretrain"]
    change(study / pretrain["done"], ended="2026-01-02T00:00:00+00:00")
    results = study_results(study, tmp_path, None)
    assert [run.arm for run in results.found.tested] == ["supervised"]
    assert "and after the steps that it needs" in results.problems[0]


CHANGES: dict[str, Callable[[Path], object]] = {
    "the planned label_seed": lambda own: change(own / MSE / "finetune/f0.1-l1/metrics.json", tested={"label_seed": 2}),
    "the planned label_fraction": lambda own: change(
        own / MSE / "finetune/f0.1-l1/metrics.json", tested={"label_fraction": 1.0}
    ),
    "the planned seed": lambda own: change(own / MSE / "finetune/f0.1-l1/metrics.json", tested={"seed": 1}),
    "the planned trainable": lambda own: change(
        own / MSE / "finetune/f0.1-l1/metrics.json", tested={"trainable": "head"}
    ),
    "finetune holds no finished run": lambda own: (own / MSE / "finetune/manifest.json").unlink(),
    "pretrain holds no finished run": lambda own: change(own / MSE / "pretrain/manifest.json", status="stopped"),
    "pretrain is not the one that was planned": lambda own: change(
        own / MSE / "pretrain/manifest.json", dataset_sha256="another"
    ),
    "pretrain does not record its settings": lambda own: (own / MSE / "pretrain/config.json").unlink(),
    "finetune was made with another max_epochs": lambda own: change(own / MSE / "finetune/config.json", max_epochs=4),
    "pretrain was made with another patience": lambda own: change(own / MSE / "pretrain/config.json", patience=10),
    "finetune was made with another precision": lambda own: change(
        own / MSE / "finetune/config.json", precision="bf16"
    ),
    "finetune was made with another cosine": lambda own: change(own / MSE / "finetune/config.json", cosine=False),
    "finetune was made with another temperature": lambda own: change(
        own / MSE / "finetune/config.json", temperature=0.07
    ),
    "pretrain was made with another bundle": lambda own: change(own / MSE / "pretrain/config.json", bundle="bch_mse"),
    "pretrain does not record its architecture": lambda own: change(
        own / MSE / "pretrain/config.json", architecture=LEFT_OUT
    ),
    "pretrain was made with queue_size, which its planned command does not have": lambda own: change(
        own / MSE / "pretrain/config.json", queue_size=64
    ),
    "its classifier is of another architecture": lambda own: change(
        own / MSE / "finetune/f0.1-l1/metrics.json", tested={"architecture": "resnet18"}
    ),
    "pretrain holds an encoder of another architecture": lambda own: change(
        own / MSE / "pretrain/encoder.json", architecture="resnet18"
    ),
    "it began with another encoder": lambda own: put_encoder(own / MSE / "pretrain/encoder.pt", 2.0),
    "cannot be read": lambda own: (own / MSE / "pretrain/encoder.pt").unlink(),
    "no encoder of the planned method": lambda own: change(own / MSE / "pretrain/encoder.json", method="moco"),
}


@pytest.mark.parametrize("reason", CHANGES)
def test_what_is_not_as_planned_is_not_used_and_named(study: Path, tmp_path: Path, reason: str) -> None:
    CHANGES[reason](study)
    results = study_results(study, tmp_path, None, settings_of)
    assert [run.arm for run in results.found.tested] == ["supervised"]
    (problem,) = results.problems
    assert problem.startswith(f"{MSE}/finetune/f0.1-l1: not used, because there is no done marker of its step, and ")
    assert reason in problem
    assert results.found.by_hand == 1


def test_an_arm_of_random_weights_that_had_some_is_not_used(study: Path, tmp_path: Path) -> None:
    change(study / SUPERVISED / "finetune/f0.1-l1/metrics.json", tested={"pretrained": "encoder.pt"})
    results = study_results(study, tmp_path, None, settings_of)
    assert [run.arm for run in results.found.tested] == ["mse"]
    assert "it did not begin with random weights" in results.problems[0]


@pytest.mark.parametrize(("how", "reason"), [(None, "were not worked out"), (refused, "cannot be worked out here")])
def test_where_planned_settings_are_not_known_nothing_by_hand_is_used(
    study: Path, tmp_path: Path, how: Any, reason: str
) -> None:
    results = study_results(study, tmp_path, None, how)
    assert results.found.tested == []
    assert len(results.problems) == 2
    assert all(reason in problem for problem in results.problems)


def test_what_changes_nothing_that_is_learnt_is_compared_only_where_the_command_gives_it() -> None:
    node = made_node_of("--num_workers", "$os.cpu_count()", "--device", "cpu", "--views_on", "@device")
    planned = {"num_workers": 2, "device": "cpu", "views_on": "cpu", "max_epochs": 3, "compile": False}

    def reason(**changed: Any) -> str:
        return other_settings(planned | changed, node, Path(), lambda words, folder: planned)

    assert reason() == reason(num_workers=4, views_on="cuda", compile=True) == ""
    assert reason(device="cuda") == "runs/x was made with another device"
    assert reason(max_epochs=4) == "runs/x was made with another max_epochs"
    assert reason(components={"network": "x"}) == ""


def made_node_of(*words: str) -> Node:
    where = {"run_dir": "runs/x", "done": "done/x.json", "commands": [["mocoi", "run", "x", *words]]}
    needs = {"gpu": 0, "cores": 1, "minutes": 1, "memory_mb": 100}
    return Node.model_validate({"id": "x", "kind": "finetune", "dataset": "d", "resources": needs, **where})
