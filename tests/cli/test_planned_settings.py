"""Settings of planned commands: all that a run of them would record, with the bundle's defaults and its overlay."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from monai.bundle import ConfigParser

from monai_mocoi.cli.linear_words import NOT_RECORDED
from monai_mocoi.cli.planned_settings import planned_settings
from monai_mocoi.errors import UsageError
from monai_mocoi.study import Node
from monai_mocoi.study.grid import nodes_of
from monai_mocoi.study_report.recorded_settings import other_settings
from tests.study.studies import SMALL, study

IMAGES = {config: {"image_size": 48} for config in ("train", "finetune", "analyze")}
PAPER = {"id": "paper", "kind": "pretrain", "method": "mse", "overlay": "paper"}
PLAIN = {"id": "plain", "kind": "random", "settings": {"zero_init_residual": False}}


@pytest.fixture(scope="module")
def nodes() -> dict[str, Node]:
    datasets = [{"id": "tissue", "modality": "bch", "dataset_dir": "demo"}]
    content = {"datasets": datasets, "settings": IMAGES, "primary": SMALL["primary"] | {"dataset": "tissue"}}
    return {node.id: node for node in nodes_of(study(**content, arms=["moco", "mse", "random", PAPER, PLAIN]))}


def recorded(repository: Path, files: tuple[str, ...], **given: Any) -> dict[str, Any]:
    """What MONAI's own parser makes of ``settings``: a run's config.json."""
    parser = ConfigParser()
    parser.read_config([str(repository / "bundles" / name) for name in files])
    parser.update({"dataset_dir": "demo", **given})
    return dict(json.loads(json.dumps(parser.get_parsed_content("settings"), default=str)))


def test_they_are_those_that_a_run_records(nodes: dict[str, Node], repository: Path, tmp_path: Path) -> None:
    node = nodes["tissue.paper-resnet50-s2.pretrain"]
    found = planned_settings(node.commands[0], tmp_path)
    files = "bch_mse/configs/train.json", "bch_mse/configs/paper.json"
    assert found == recorded(repository, files, seed=2, image_size=48)
    assert (found["head"], found["bundle"], found["architecture"]) == ("linear", "bch_mse", "resnet50")
    assert other_settings(found, node, tmp_path, planned_settings) == ""


def test_an_overlay_a_bundle_and_a_default_that_no_word_names_are_seen(
    nodes: dict[str, Node], repository: Path, tmp_path: Path
) -> None:
    def reason(*files: str, **given: Any) -> str:
        configs = tuple(f"{bundle}/configs/{name}.json" for bundle, _, name in (own.partition("/") for own in files))
        made = recorded(repository, configs, seed=1, image_size=48, **given)
        return other_settings(made, node, tmp_path, planned_settings)

    node = nodes["tissue.paper-resnet50-s1.pretrain"]
    assert reason("bch_mse/train", "bch_mse/paper") == ""
    assert "was made with another" in reason("bch_mse/train")
    node = nodes["tissue.moco-resnet50-s1.pretrain"]
    assert reason("bch_moco/train") == ""
    assert reason("bch_moco/train", temperature=0.07).endswith("was made with another temperature")
    assert "was made with another" in reason("nih_moco/train", modality="histology", channels=3)


def test_of_linear_evaluations_also_how_they_are_tested(
    nodes: dict[str, Node], repository: Path, tmp_path: Path
) -> None:
    plain, usual = (nodes[f"tissue.{arm}-resnet50-s1.linear"] for arm in ("plain", "random"))
    found = planned_settings(plain.commands[0], tmp_path)
    assert not set(NOT_RECORDED) & found.keys()
    assert (found["trainable"], found["seed"], found["zero_init_residual"]) == ("head", 1, False)
    tested = recorded(repository, ("bch_moco/configs/evaluate.json",), run_dir="x", architecture="resnet50")
    assert {name: found["evaluation"][name] for name in tested.keys() & found["evaluation"].keys()} == {
        name: tested[name] for name in tested.keys() & found["evaluation"].keys()
    }
    assert other_settings(found, usual, tmp_path, planned_settings).endswith("was made with another zero_init_residual")
    changed = {**found, "evaluation": {**found["evaluation"], "min_positives": 1}}
    assert other_settings(changed, plain, tmp_path, planned_settings).endswith("was made with another evaluation")


def test_a_bundle_of_another_architecture_makes_the_encoder_of_the_arm(repository: Path, tmp_path: Path) -> None:
    shutil.copytree(repository / "bundles" / "nih_mse", tmp_path / "mine")
    config = tmp_path / "mine/configs/train.json"
    config.write_text(config.read_text().replace('"architecture": "resnet50"', '"architecture": "resnet18"'))
    datasets = [{**SMALL["datasets"][0], "bundles": dict.fromkeys(("mse", "moco"), str(tmp_path / "mine"))}]
    nodes = {node.id: node for node in nodes_of(study(datasets=datasets))}
    found = planned_settings(nodes["chest.mse-resnet50-s1.pretrain"].commands[0], tmp_path)
    assert json.loads(config.read_text())["architecture"] == "resnet18"
    assert found["architecture"] == "resnet50"


def test_a_bundle_that_is_not_there_is_an_error(nodes: dict[str, Node], tmp_path: Path) -> None:
    node = nodes["tissue.moco-resnet50-s1.pretrain"]
    gone = node.model_copy(update={"commands": (("mocoi", "run", "/b/configs/train.json", "--seed", "1"),)})
    with pytest.raises(UsageError, match="there is no config file"):
        planned_settings(gone.commands[0], tmp_path)
    assert other_settings({}, gone, tmp_path, planned_settings).endswith("cannot be worked out here")
