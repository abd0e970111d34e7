from __future__ import annotations

import itertools

import pytest
from monai.bundle import ConfigParser

from monai_mocoi.cli import read_configs
from monai_mocoi.errors import UsageError
from tests.bundles.conftest import BUNDLES, NAMES, one_of_each

OVERLAYS = {
    "replaces.json": {"mean": [0.1, 0.2, 0.3], "train#trainer#max_epochs": 3, "train::trainer::momentum": "$@mean[0]"},
    "adds.json": {"+crop_area": [2], "+train": {"more": 1}, "crop_area#0": 0.5, "own": "@mean", "+fresh": [1]},
}


@pytest.mark.parametrize("order", list(itertools.permutations(OVERLAYS)), ids=" ".join)
@pytest.mark.filterwarnings("ignore:Can't merge entry")
def test_overlays_are_merged_as_monai_does(write, order):
    files = [write(), *(write(OVERLAYS[name], name) for name in order)]
    read = read_configs(files)
    assert read.config == ConfigParser.load_config_files(files)


@pytest.mark.parametrize("name", one_of_each(NAMES))
def test_every_bundle_is_read_as_monai_does(name):
    files = [str(BUNDLES / name / "configs" / file) for file in ("train.json", "paper.json")]
    assert read_configs(files).config == ConfigParser.load_config_files(files)


def test_the_origin_of_each_key(write):
    read = read_configs([write(), write(OVERLAYS["replaces.json"], "replaces.json")])
    assert read.names == ("train.json", "replaces.json")
    assert (read.origin["mean"], read.origin["head"], read.origin["train#trainer#momentum"]) == (1, 0, 1)


def test_files_of_one_name_are_told_apart(write, tmp_path):
    (tmp_path / "other").mkdir()
    files = [write(), write({"mean": 1.0}, "other/train.json")]
    assert read_configs(files).names == tuple(files)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"a": 1,}', "is not valid JSON: line 1, column"),
        ('{"a": 1, "a": 2}', "'a' is twice"),
        ("[1, 2]", "holds list"),
        ("\ufeff{}", "is not valid JSON"),
        ("", "is not valid JSON: line 1, column 1"),
        ("[" * 100_000, "is not valid JSON"),
    ],
)
def test_a_file_that_is_no_config(write, content, reason):
    with pytest.raises(UsageError, match=reason) as error:
        read_configs([write(content)])
    assert "train.json" in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_not_there(write, tmp_path):
    path = write()
    for files, reason in (
        ([], "no config file is named"),
        ([""], "name is empty"),
        ([path.replace("train", "trian")], "but its folder has train.json"),
        ([str(tmp_path / "no" / "train.json")], "there is no config file"),
        ([str(tmp_path)], "is a folder"),
        ([write("a: 1", "train.yaml")], "JSON only"),
    ):
        with pytest.raises(UsageError, match=reason):
            read_configs(files)


@pytest.mark.parametrize(
    ("overlay", "reason"),
    [
        ({"max_epoch": 3}, "adds max_epoch, which nothing refers to: is max_epochs meant"),
        ({"trian#trainer#max_epochs": 3}, "no such place"),
        ({"+mean": [1]}, "can only add"),
        ({"+crop_area": {"a": 1}}, "can only add"),
    ],
)
def test_an_overlay_that_does_not_fit(write, overlay, reason):
    with pytest.raises(UsageError, match=reason):
        read_configs([write(), write(overlay, "paper.json")])


def test_an_overlay_may_add_what_is_used_or_like_nothing(write):
    read = read_configs([write(), write({"max_epoch": 3, "max_epochs": "@max_epoch", "note": "mine"}, "paper.json")])
    assert read.config["max_epoch"] == 3


@pytest.mark.parametrize(
    "word", ["nih_mse/multi_gpu_train", "nih_mse/multi_gpu_finetune.json", "multi_gpu_evaluate.json"]
)
def test_an_overlay_that_is_gone_says_what_replaces_it(word):
    with pytest.raises(UsageError, match=r"there is no multi_gpu_\w+(\.json)?: .*leave it out.*torchrun") as caught:
        read_configs(["nih_mse/train", word])
    assert "\n" not in str(caught.value)


def test_an_overlay_with_an_old_name_is_refused_by_the_new_one(write):
    files = [write({"resize_mode": "crop"}), write({"decode_fit": "pad"}, "mine.json")]
    with pytest.raises(UsageError, match=r"mine\.json sets decode_fit, but decode_fit is called resize_mode now"):
        read_configs(files)
