from __future__ import annotations

import copy
import json

import pytest
from monai.bundle import ConfigParser

from monai_mocoi.cli.config_ids import find, has, nearest, put, walk
from tests.bundles.conftest import BUNDLES
from tests.cli.conftest import CONFIG

IDS = ["mean", "crop_area#1", "crop_area::0", "train#trainer#max_epochs", "train::trainer", "nothing", "mean#0"]
IDS += ["crop_area#2", "train#nothing#x", "settings#head", "crop_area#x"]


@pytest.mark.parametrize("setting", IDS)
def test_an_id_is_there_exactly_when_monai_finds_it(setting):
    parser = ConfigParser(copy.deepcopy(CONFIG))
    assert has(CONFIG, setting) == (setting in parser)
    if has(CONFIG, setting):
        assert find(CONFIG, setting) == parser[setting]
        ours = copy.deepcopy(CONFIG)
        put(ours, setting, "new")
        parser[setting] = "new"
        assert {**ours} == {k: v for k, v in parser.config.items() if k != "_meta_"}


def test_put_needs_the_place():
    for setting in ("train#nothing#x", "crop_area#2", "mean#0"):
        with pytest.raises(KeyError):
            put(copy.deepcopy(CONFIG), setting, 1)


def test_walk_gives_each_id_once_and_all_can_be_found():
    ids = [setting for setting, _ in walk(CONFIG)]
    assert len(ids) == len(set(ids)) > 30
    assert all(find(CONFIG, setting) is value for setting, value in walk(CONFIG))


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("max_epoch", ["max_epochs"]),
        ("max-epoch", ["max_epochs"]),
        ("epochs", ["max_epochs"]),
        ("MAX_EPOCHS", []),
        ("momentum", ["mean"]),  # train#trainer#momentum only refers to it
        ("train#trainer#max_epoch", ["max_epochs"]),
        ("trian#preprocessing", ["norm"]),
        ("dataset", ["dataset_dir"]),
        ("zzzz", []),
    ],
)
def test_the_nearest_settings(wrong, right):
    assert nearest(CONFIG, wrong)[: len(right) or None] == right


@pytest.mark.parametrize("config", ["train", "finetune"])
def test_a_setting_at_the_top_comes_before_deep_parts(config):
    bundle = json.loads((BUNDLES / "nih_mse" / "configs" / f"{config}.json").read_text())
    assert nearest(bundle, "dataset") == ["dataset_dir"]
    assert nearest(bundle, "mean_") == ["mean"]
    assert nearest(bundle, "train#dataset_")[0] == "train#dataset"


def test_a_constant_is_not_named_beside_what_is_called_alike_below():
    config = {"label_fraction": 1.0, "sidecar": {"label_fraction": "$@labelled", "patches": 1}}
    assert nearest(config, "label_fracton") == ["label_fraction"]
    assert nearest(config, "sidecar#label_fracton")[0] == "sidecar#label_fraction"
    assert nearest(config, "patchs") == ["sidecar#patches"]
