"""A study is refused with the place, the value and what to write, for everything that is wrong at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.errors import StudyError
from monai_mocoi.study import read_study

from .studies import SMALL, study


def test_an_arm_is_a_word_or_an_object() -> None:
    arms = {
        arm.id: arm
        for arm in study(arms=["random", "mse", "moco", {"id": "mine", "kind": "weights", "weights": "a.pt"}]).arms
    }
    assert [arm.kind for arm in arms.values()] == ["random", "pretrain", "pretrain", "weights"]
    assert (arms["mse"].method, arms["mine"].method, arms["mine"].architecture) == ("mse", None, "resnet50")


def test_the_file_is_read_as_yaml(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(json.dumps(SMALL))  # JSON is YAML
    assert read_study(tmp_path / "study.yaml") == study()


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"fractions": [1.0, 6]}, "fractions[2] is 6: input should be less than or equal to 1"),
        ({"fractions": []}, "fractions is empty: give one or more"),
        ({"fraction": [1.0]}, "fraction is no field"),
        ({"label_seeds": [1, 1]}, "label_seeds has 1 more than once: leave one out"),
        ({"pretrain_seeds": [1.5]}, "pretrain_seeds[1] is 1.5"),
        ({"architecture": "resnet20"}, "architecture is 'resnet20': input should be 'resnet18', "),
        ({"architecture": "resnet18", "arms": ["mse", "moco", "mocco"]}, "'mocco' is no arm: write one of moco"),
        ({"arms": ["mse", "moco", "mocco"]}, "'mocco' is no arm: write one of moco, mse, barlow, random"),
        ({"arms": ["mse", "moco", "mse"]}, "arms has 'mse' more than once"),
        ({"arms": ["mse", "moco", {"id": "x", "kind": "weights"}]}, "which needs weights: write weights: FILE"),
        (
            {"arms": ["mse", "moco", {"id": "x", "kind": "random", "method": "moco"}]},
            "which has no method: leave it out",
        ),
        (
            {"arms": ["mse", "moco", {"id": "x", "kind": "pretrain", "method": "mse", "architecture": "vgg16"}]},
            "arms[3].architecture is 'vgg16': input should be 'resnet18', 'resnet34', 'resnet50' or 'resnet101'",
        ),
        (
            {"arms": ["mse", "moco", {"id": "x", "kind": "supervised", "settings": {"max_epochs": 3}}]},
            "which is not pretrained, so leave these settings out: max_epochs",
        ),
        ({"datasets": [{"id": "chest", "modality": "nih"}]}, "datasets[1].dataset_dir is missing: add it"),
        ({"datasets": [{"id": "a/b", "modality": "nih", "dataset_dir": "d"}]}, "datasets[1].id is 'a/b'"),
        ({"datasets": [{"id": "chest", "modality": "ct", "dataset_dir": "d"}]}, "datasets[1].modality is 'ct'"),
        (
            {"settings": {"train": {"seed": 3}}},
            "settings.train has seed, which the study sets itself: by pretrain_seeds",
        ),
        (
            {"settings": {"finetune": {"label_ids": "labelled.json"}}},
            "settings.finetune has label_ids, which the study sets itself: by fractions",
        ),
        (
            {"settings": {"finetune": {"architecture": "resnet18"}}},
            "settings.finetune has architecture, which the study sets itself: by arms",
        ),
        ({"settings": {"pretrain": {}}}, "settings.pretrain is"),
        (
            {"primary": SMALL["primary"] | {"arm": "barlow"}},
            "primary.arm is 'barlow', but the study has random, supervised",
        ),
        (
            {"datasets": [{**SMALL["datasets"][0], "bundles": {"mse": "my_mse"}}]},
            "the data set chest has bundles for mse, but not for moco, so that arms would be trained by other "
            "settings: adapt nih_moco too",
        ),
        ({"primary": SMALL["primary"] | {"against": "mse"}}, "primary compares 'mse' with itself"),
        ({"primary": SMALL["primary"] | {"fraction": 0.5}}, "primary.fraction is 0.5, but the study has 1.0, 0.06"),
        (
            {"primary": SMALL["primary"] | {"against": "supervised"}},
            "primary.evaluation is linear, but the arm supervised (supervised) can have finetune only",
        ),
        (
            {"finetune_fractions": [1.0, 0.1]},
            "finetune_fractions has 0.1, but fractions has 1.0, 0.06: add it there, or leave it out",
        ),
        (
            {"finetune_fractions": [1.0], "evaluations": ["linear"]},
            "finetune_fractions is given, but evaluations has no finetune: add it, or leave finetune_fractions out",
        ),
        ({"finetune_fractions": []}, "finetune_fractions is empty: give one or more"),
        ({"finetune_fractions": [1.0, 1.0]}, "finetune_fractions has 1.0 more than once"),
        (
            {"finetune_fractions": [1.0], "primary": SMALL["primary"] | {"evaluation": "finetune"}},
            "primary.fraction is 0.06, but the study has 1.0",
        ),
        (
            {"arms": ["mse", "moco", {"id": "x", "kind": "random", "overlay": "paper"}]},
            "the arm x is of the kind random, which has no overlay: leave it out",
        ),
        (
            {"arms": ["mse", "moco", {"id": "x", "kind": "pretrain", "method": "mse", "overlay": "papers"}]},
            "arms[3].overlay is 'papers'",
        ),
        (
            {"arms": ["mse", "moco", {"id": "x", "kind": "pretrain", "method": "mse", "overlay": "paper"}]},
            "the arm x has the image size of paper.json, so that arms would be compared on different images: give "
            "settings.train the image_size of all",
        ),
        ({"resources": {"cores": 0}}, "resources.cores is 0"),
        (
            {"settings": {"train": {"image_size": 96}}},
            "settings.train has image_size 96, so that arms would be compared on different images: give "
            "settings.finetune the same image_size",
        ),
        (
            {"settings": {"train": {"image_size": 96}, "finetune": {"image_size": 96}}},
            "give settings.analyze the same image_size",
        ),
        (
            {"settings": {"train": {"image-size": 96}}},
            "settings.train has image_size 96, so that arms would be compared on different images",
        ),
        (
            {"settings": {"finetune": {"run-dir": "x"}}},
            "settings.finetune has run_dir, which the study sets itself: by output_dir",
        ),
        (
            {"arms": ["mse", "moco", {"id": "x", "kind": "pretrain", "method": "mse", "settings": {"image-size": 64}}]},
            "the arm x has image_size 64, so that arms would be compared on different images",
        ),
        (
            {"settings": {"train": {"max-epochs": 3, "max_epochs": 3}}},
            "settings have max_epochs twice, with - and with _: leave one out",
        ),
        (
            {
                "arms": [
                    "mse",
                    "moco",
                    {"id": "x", "kind": "pretrain", "method": "mse", "settings": {"intensity": "minmax"}},
                ]
            },
            "the arm x has intensity 'minmax', so that arms would be compared on different images",
        ),
    ],
)
def test_what_is_wrong_is_named(changed: dict[str, Any], text: str) -> None:
    with pytest.raises(StudyError) as error:
        study(**changed)
    assert text in str(error.value)


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(StudyError) as error:
        study(fractions=[2], label_seeds=[-1], nam="x")
    assert str(error.value).count("\n") == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: a\nname: b\n", "line 2, column 1: the key 'name' is there twice"),
        ("? [a, b]\n: c\n", "line 1, column 3: a key must be one word, no list or mapping"),
        ("name: [a\n", "study.yaml is not valid YAML, line 2"),
        ("- a\n", "study.yaml has no fields: it needs name, datasets, arms, primary"),
        ("a: !!python/object:os.system {}\n", "is not valid YAML"),
    ],
)
def test_a_file_that_is_no_study(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(StudyError) as error:
        read_study(tmp_path / "study.yaml")
    assert words in str(error.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(StudyError, match=r"nowhere.yaml cannot be read \(No such file or directory\)"):
        read_study("nowhere.yaml")


def test_images_of_another_size_may_be_those_of_all_arms() -> None:
    of_all = {"train": {"image_size": 96}, "finetune": {"image_size": 96}}
    assert study(settings=of_all, analyses=[]).settings["train"] == {"image_size": 96}
    assert study(settings=of_all | {"analyze": {"image_size": 96}}).analyses == ("probing", "reuse", "ks")


def test_a_name_with_dashes_is_the_one_with_underscores() -> None:
    """As a command reads it."""
    arm = {"id": "x", "kind": "random", "settings": {"zero-init-residual": False}}
    made = study(arms=["mse", "moco", arm], settings={"finetune": {"max-epochs": 3}})
    assert made.settings["finetune"] == {"max_epochs": 3}
    assert made.arms[-1].settings == {"zero_init_residual": False}
