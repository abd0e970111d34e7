"""The rules alone, on facts that are made up."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from monai_mocoi.data.picture_facts import PictureFacts
from monai_mocoi.errors import AdaptError
from monai_mocoi.packaging.adapted_data import warnings_of
from monai_mocoi.packaging.adapted_settings import Labels, choose_settings
from monai_mocoi.packaging.config_values import for_real_data, whole_number
from tests.bundles.conftest import BUNDLES

GREY = PictureFacts(
    of=5000, read=100, unreadable=0, shorter_sides=(512, 512, 512), long_to_short=1.0, coloured=0, range_used=0.8,
    flattened=0, without_disc=None, suffixes=("png",),
)  # fmt: skip
COLOUR = replace(GREY, coloured=100)
FINDINGS, CLASSES = Labels(("A", "B", "C"), "multilabel"), Labels(("A", "B", "C"), "multiclass")


def train_of(bundle):
    return json.loads((BUNDLES / bundle / "configs" / "train.json").read_text())


def chosen(bundle="nih_mse", facts=GREY, labels=FINDINGS, images=100_000, metric="macro_auc", **more):
    return {one.name: one.value for one in choose_settings(train_of(bundle), metric, labels, images, facts, **more)}


@pytest.mark.parametrize(
    ("bundle", "facts", "images"),
    [
        ("nih_moco", GREY, 78_468),
        ("bch_moco", replace(COLOUR, shorter_sides=(40, 50, 50)), 160_000),
        ("dr_moco", replace(COLOUR, without_disc=0), 30_000 + 2 * 16_384),
    ],
)
def test_of_the_public_data_sets_it_makes_the_bundle_that_there_is(bundle, facts, images):
    train = train_of(bundle)
    made = chosen(bundle, facts, labels=Labels(), images=images)
    numbers = {name: whole_number(train, name) for name in ("image_size", "batch_size", "queue_size")}
    same = {name: train[name] for name in ("channels", "mean", "std", "resize_mode", "intensity")}
    assert made == {**same, **numbers, "cache_bits": 8}


@pytest.mark.parametrize(
    ("side", "size"), [(1, 32), (32, 32), (33, 64), (50, 64), (100, 128), (224, 224), (225, 224), (3000, 224)]
)
def test_the_size_is_that_of_the_pictures_up_to_224(side, size):
    assert chosen(facts=replace(GREY, shorter_sides=(1, side, 4000)))["image_size"] == size


@pytest.mark.parametrize(
    ("images", "batch", "queue"),
    [(10, 8, 5), (63, 8, 31), (64, 16, 32), (255, 32, 127), (256, 64, 128), (50_000, 64, 16_384), (1, 8, 1)],
)
def test_batch_and_queue_are_what_the_images_can_carry(images, batch, queue):
    made = chosen(images=images)
    assert (made["batch_size"], made["queue_size"]) == (batch, queue)


@pytest.mark.parametrize(("side", "batch"), [(64, 256), (96, 256), (128, 128), (160, 64), (224, 64)])
def test_a_batch_of_large_patches_is_smaller(side, batch):
    assert chosen("bch_mse", replace(COLOUR, shorter_sides=(side,) * 3))["batch_size"] == batch


def test_channels_are_those_of_most_pictures_or_of_the_manifest():
    half = replace(GREY, coloured=50)
    assert [chosen(facts=facts)["channels"] for facts in (GREY, half, replace(GREY, coloured=51))] == [1, 1, 3]
    assert chosen(facts=half, stated_channels=3)["channels"] == 3
    assert chosen(facts=half, stated_channels=1)["channels"] == 1
    with pytest.raises(AdaptError, match="says that the pictures have 1 channel, but 51 of 100"):
        chosen(facts=replace(GREY, coloured=51), stated_channels=1)


def test_normalisation_goes_with_the_channels():
    assert (chosen("nih_mse")["mean"], chosen("bch_mse")["std"]) == (0.5, 0.25)
    for bundle in ("nih_mse", "bch_mse"):
        made = chosen(bundle, COLOUR)
        assert (made["mean"], made["std"]) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def test_pictures_that_use_little_of_their_range_are_stretched_or_kept_in_16_bits():
    faint, flat = replace(GREY, range_used=0.24, flattened=9), replace(GREY, range_used=0.25, flattened=1)
    assert [(m["intensity"], m["cache_bits"]) for m in (chosen(facts=faint), chosen(facts=flat))] == [
        ("percentiles", "auto"), ("declared", 16),
    ]  # fmt: skip


def test_a_disc_is_cut_out_only_of_what_may_be_a_fundus():
    found = [replace(COLOUR, without_disc=number) for number in (0, 50, 51)]
    assert [chosen("dr_mse", facts)["resize_mode"] for facts in found] == ["fundus", "fundus", "crop"]
    assert chosen("dr_mse", found[0], modality="skin")["resize_mode"] == "crop"
    assert chosen("nih_mse", modality="skin")["resize_mode"] == "crop"


def test_labels_decide_the_metric():
    assert "labels" not in chosen(labels=Labels())
    made = chosen(labels=CLASSES, metric="macro_f1")
    assert (made["labels"], made["label_kind"], made["metric"]) == (["A", "B", "C"], "multiclass", "macro_f1")
    assert chosen(labels=FINDINGS, metric="macro_f1")["metric"] == "macro_auc"
    assert "of two classes the AUC" in str(
        choose_settings(train_of("dr_moco"), "macro_auc", Labels(("A", "B"), "multiclass"), 9, GREY)
    )


def test_numbers_on_phantoms_stay():
    config = {"a": "$64 if @demo else 224", "b": 64, "c": "$2 * @b", "d": True}
    assert [whole_number(config, name) for name in "ab"] == [224, 64]
    assert [for_real_data(config, *one) for one in (("a", 96), ("a", 64), ("b", 96), ("b", 64))] == [
        "$64 if @demo else 96", 64, "$64 if @demo else 96", 64,
    ]  # fmt: skip
    for name in "cde":
        with pytest.raises(AdaptError, match=f"{name} in train.json"):
            whole_number(config, name)


def test_warnings():
    def warned(bundle, facts, stains=False):
        train = train_of(bundle)
        return list(warnings_of(train, choose_settings(train, "macro_f1", FINDINGS, 9999, facts), facts, stains))

    assert warned("nih_mse", GREY) == []
    (other,) = warned("bch_mse", GREY, True)
    assert "made for colour pictures, and these are grey" in other
    assert "the jitter of stains is left out" in other
    some = replace(GREY, coloured=3, long_to_short=1.25, unreadable=2)
    coloured, sides, unreadable = warned("nih_mse", some)
    assert "3 of 100 pictures show colour; they are made grey" in coloured
    assert "1.2 times as long as wide: resize_mode crop leaves out 20%" in sides
    assert "2 of 102 pictures could not be read" in unreadable
    (disc,) = warned("dr_mse", replace(COLOUR, without_disc=4, long_to_short=1.5))
    assert "in 4 of 100 pictures no usable fundus is found" in disc
