"""The grid has each combination once, in an order that can be run, with the commands that belong to it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from monai_mocoi.runs.settings_model import finetuning_name
from monai_mocoi.study import Node
from monai_mocoi.study.grid import nodes_of, seeds_in_words

from .studies import SMALL, study


def grid(**changed: Any) -> dict[str, Node]:
    nodes = list(nodes_of(study(**changed)))
    assert len({node.id for node in nodes}) == len({node.run_dir for node in nodes}) == len(nodes)
    seen: set[str] = set()
    for node in nodes:
        assert set(node.inputs) <= seen, node.id
        seen.add(node.id)
    return {node.id: node for node in nodes}


def given(node: Node, name: str, command: int = 0) -> str:
    words = node.commands[command]
    assert words.count(name) == 1
    return words[words.index(name) + 1]


def test_how_many_nodes_of_each_kind() -> None:
    nodes = grid()
    # Two pretraining seeds; of all labels one draw, of 6 % two; random is not fine-tuned, supervised only that.
    counts = {"pretrain": 2 * 2, "linear": 3 * 2, "finetune": 3 * 2 * 3, "probing": 3 * 2, "reuse": 2 * 2, "ks": 3 * 2}
    assert Counter(node.kind for node in nodes.values()) == counts | {"baselines": 1}
    cells = [cell for node in nodes.values() for cell in node.cells]
    assert len({cell.folder for cell in cells}) == len(cells) == 6 * 3 + 18


def test_a_pretrained_encoder_and_what_is_made_of_it() -> None:
    nodes = grid(settings={"train": {"max_epochs": 3, "crop_area": [0.5, 1.0]}})
    pretrain = nodes["chest.mse-resnet50-s2.pretrain"]
    assert pretrain.commands[0][:3] == ("mocoi", "run", "nih_mse/train")
    assert [given(pretrain, name) for name in ("--dataset_dir", "--seed", "--resume")] == ["demo", "2", "true"]
    assert [given(pretrain, name) for name in ("--max_epochs", "--crop_area")] == ["3", "[0.5, 1.0]"]
    assert pretrain.run_dir == f"{given(pretrain, '--output_dir')}/pretrain"
    linear = nodes["chest.mse-resnet50-s2.linear"]
    assert linear.commands[0][:3] == ("mocoi", "linear", "nih_mse/finetune")
    assert linear.inputs == (pretrain.id,)
    assert given(linear, "--pretrained") == f"{pretrain.run_dir}/encoder.pt"
    assert "--max_epochs" not in linear.commands[0]
    assert [cell.folder for cell in linear.cells] == [
        f"{linear.run_dir}/{name}" for name in ("f1-l1", "f0.06-l1", "f0.06-l2")
    ]
    tuned = nodes["chest.mse-resnet50-s2.finetune-f0.06-l2"]
    name = finetuning_name("a.pt", "all", 4, 0.06, 2, "gradient")
    assert tuned.run_dir == f"{given(tuned, '--output_dir')}/{name}" == given(tuned, "--run_dir", 1)
    assert tuned.cells[0].folder == f"{tuned.run_dir}/evaluation-test"
    ks = nodes["chest.mse-resnet50-s2.ks"]
    assert given(ks, "--few_labels").endswith("f0.06-l1")
    assert given(ks, "--all_labels").endswith("f1-l1")
    assert len(ks.inputs) == 3


def test_given_weights_are_evaluated_once_whatever_the_seeds() -> None:
    arms = [*SMALL["arms"], {"id": "imagenet", "kind": "weights", "weights": "/w/a.pth"}]
    nodes = grid(arms=arms)
    own = [node for node in nodes.values() if node.arm == "imagenet"]
    assert {node.pretrain_seed for node in own} == {None}
    assert {given(node, "--pretrained") for node in own} == {"/w/a.pth"}
    assert all("--seed" not in words for node in own for words in node.commands)


def test_continued_pretraining_begins_with_its_weights() -> None:
    nodes = grid(arms=["mse", "moco", {"id": "more", "kind": "continued", "method": "mse", "weights": "/w/a.pth"}])
    assert given(nodes["chest.more-resnet50-s1.pretrain"], "--pretrained") == "/w/a.pth"
    assert given(nodes["chest.more-resnet50-s1.linear"], "--pretrained").endswith(
        "more-resnet50-s1/pretrain/encoder.pt"
    )


def test_random_weights_with_and_without_zeroed_residuals() -> None:
    plain = {"id": "plain", "kind": "random", "settings": {"zero_init_residual": False}}
    nodes = grid(arms=["random", plain, "mse", "moco"])
    assert given(nodes["chest.plain-resnet50-s1.linear"], "--zero_init_residual") == "false"
    assert given(nodes["chest.plain-resnet50-s1.probing"], "--zero_init_residual") == "false"
    assert "--zero_init_residual" not in nodes["chest.random-resnet50-s1.linear"].commands[0]


@pytest.mark.parametrize("evaluation", ["linear", "finetune"])
def test_the_primary_arms_are_tested_outside(evaluation: str) -> None:
    datasets = [{**SMALL["datasets"][0], "dataset_dir": "/d", "external_dir": "/e"}]
    nodes = grid(datasets=datasets, primary=SMALL["primary"] | {"evaluation": evaluation})
    outside = [node for node in nodes.values() if node.kind == "external"]
    assert {node.arm for node in outside} == {"mse", "moco"}
    for node in outside:
        assert given(node, "--test" if evaluation == "linear" else "--dataset_dir") == "/e"
        assert {cell.evaluation for cell in node.cells} == {evaluation}
        own = nodes[node.inputs[0]]
        assert [cell.fraction for cell in own.cells] == [cell.fraction for cell in node.cells]
        assert not {cell.folder for cell in own.cells} & {cell.folder for cell in node.cells}


def test_bundles_of_ones_own() -> None:
    datasets = [{**SMALL["datasets"][0], "bundles": {"mse": "/b/my_mse", "moco": "/b/my_moco"}}]
    nodes = grid(datasets=datasets)
    assert nodes["chest.mse-resnet50-s1.pretrain"].commands[0][2] == "/b/my_mse/configs/train.json"
    assert nodes["chest.moco-resnet50-s1.pretrain"].commands[0][2] == "/b/my_moco/configs/train.json"
    assert nodes["chest.random-resnet50-s1.linear"].commands[0][2] == "/b/my_mse/configs/finetune.json"


def test_resources_by_kind() -> None:
    nodes = grid(resources={"gpu": 1, "cores": 4, "minutes": {"linear": 7}})
    linear, ks = nodes["chest.mse-resnet50-s1.linear"].resources, nodes["chest.mse-resnet50-s1.ks"].resources
    assert (linear.gpu, linear.cores, linear.minutes) == (1, 4, 7)
    assert (ks.gpu, ks.minutes) == (0, 60)


def test_what_a_seed_is_of_depends_on_the_arm() -> None:
    arms = study(arms=[*SMALL["arms"], {"id": "imagenet", "kind": "weights", "weights": "/w/a.pth"}]).arms
    assert seeds_in_words(arms, (1, 2)) == (
        "1, 2: of pretraining (moco, mse); random weights and training, no pretraining (random, supervised); "
        "nothing, given once (imagenet)"
    )


def test_every_step_of_an_arm_has_its_architecture() -> None:
    other = [
        {"id": "random18", "kind": "random", "architecture": "resnet18"},
        {"id": "supervised18", "kind": "supervised", "architecture": "resnet18"},
        {"id": "mse18", "kind": "pretrain", "method": "mse", "architecture": "resnet18"},
    ]
    usual, nodes = grid(), grid(arms=[*SMALL["arms"], *other])
    named = {node.id: node for node in nodes.values() if node.arm in ("random18", "supervised18", "mse18")}
    assert len(named) == 2 * (1 + 1) + 2 * (3 + 1) + 2 * (1 + 1 + 3 + 3)
    for node in named.values():
        assert f"-resnet18-s{node.pretrain_seed}" in node.id
        for place, words in enumerate(node.commands):
            if words[2].endswith("/evaluate"):
                assert "--architecture" not in words  # the classifier's
            else:
                assert given(node, "--architecture", place) == "resnet18"
    assert {node.id: node for node in nodes.values() if node.id not in named} == usual
    for node in usual.values():  # the usual one is named too: an adapted bundle may have another
        for place, words in enumerate(node.commands):
            if words[1] != "baselines" and not words[2].endswith("/evaluate"):
                assert given(node, "--architecture", place) == "resnet50"


def test_the_architecture_of_the_study_is_that_of_arms_that_name_none() -> None:
    arms = [*SMALL["arms"], {"id": "mse50", "kind": "pretrain", "method": "mse", "architecture": "resnet50"}]
    own = {arm.id: arm for arm in study(architecture="resnet18", arms=arms).arms}
    assert {name for name, arm in own.items() if arm.architecture == "resnet18"} == {*own} - {"mse50"}
    assert (own["mse50"].architecture, own["mse"].method) == ("resnet50", "mse")
    nodes = grid(architecture="resnet18", arms=arms)
    assert given(nodes["chest.random-resnet18-s1.linear"], "--architecture") == "resnet18"
    assert given(nodes["chest.mse50-resnet50-s1.pretrain"], "--architecture") == "resnet50"


def test_fine_tuning_at_some_of_the_fractions_only() -> None:
    nodes = grid(fractions=[1.0, 0.1, 0.06], finetune_fractions=[1.0, 0.06])
    of = {(cell.evaluation, cell.fraction) for node in nodes.values() for cell in node.cells}
    assert of == {("linear", 1.0), ("linear", 0.1), ("linear", 0.06), ("finetune", 1.0), ("finetune", 0.06)}
    assert given(nodes["chest.mse-resnet50-s1.probing"], "--probe_fractions") == "[0.06, 0.1, 1.0]"
    ks = nodes["chest.mse-resnet50-s1.ks"]
    assert [given(ks, name)[-7:] for name in ("--few_labels", "--all_labels")] == ["0.06-l1", "4-f1-l1"]
    alone = grid(finetune_fractions=[0.06])  # nothing to set beside few labels
    assert {node.kind for node in alone.values()} == {"pretrain", "linear", "finetune", "probing", "reuse", "baselines"}


def test_fine_tunings_and_what_needs_them_come_last_of_a_data_set() -> None:
    datasets = [SMALL["datasets"][0], {"id": "tissue", "modality": "bch", "dataset_dir": "demo"}]
    nodes = list(nodes_of(study(datasets=datasets)))
    for name in ("chest", "tissue"):
        late = [node.kind in ("finetune", "reuse", "ks") for node in nodes if node.dataset == name]
        assert late == sorted(late)
        assert any(late)
    assert [node.dataset for node in nodes] == sorted(node.dataset for node in nodes)


@pytest.mark.parametrize(
    ("bundles", "there"), [({}, "bch_mse/{}"), ({"mse": "/b/my", "moco": "/b/moco"}, "/b/my/configs/{}.json")]
)
def test_an_arm_by_the_papers_settings(bundles: dict[str, str], there: str) -> None:
    paper = {"id": "paper", "kind": "pretrain", "method": "mse", "overlay": "paper", "settings": {"batch_size": 4}}
    datasets = [{"id": "tissue", "modality": "bch", "dataset_dir": "demo", "bundles": bundles}]
    images = {config: {"image_size": 48} for config in ("train", "finetune", "analyze")}
    primary = SMALL["primary"] | {"dataset": "tissue"}
    nodes = grid(arms=["moco", "mse", paper], datasets=datasets, settings=images, primary=primary)
    words = nodes["tissue.paper-resnet50-s1.pretrain"].commands[0]
    assert words[2:5] == (there.format("train"), there.format("paper"), "--dataset_dir")
    assert words.index("--image_size") > 3  # after the overlay, which has one of its own
    assert nodes["tissue.paper-resnet50-s1.linear"].commands[0][2:4] == (there.format("finetune"), "--dataset_dir")
    assert nodes["tissue.mse-resnet50-s1.pretrain"].commands[0][3] == "--dataset_dir"
