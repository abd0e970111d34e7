from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from monai_mocoi.data import Datalist, label_subset
from monai_mocoi.errors import DatasetError

from .dataset_folders import names


def datalist(training: int = 200, validation: int = 60, test: int = 40, multiclass: bool = False) -> Datalist:
    """Two images a patient; finding A in every other patient, B in every fifth, C never."""
    items = []
    for number in range(training + validation + test):
        patient = number // 2
        several = [patient % 2, int(patient % 5 == 0), 0]
        item = {"image": f"/d/{number}.png", "name": f"{number}.png", "patient": f"p{patient}"}
        items.append(item | {"label": patient % 2 if multiclass else several})
    return Datalist(
        "tiny",
        ("A", "B", "C"),
        Path("/d"),
        items[:training],
        items[training : training + validation],
        items[training + validation :],
        "5ha",
    )


def ids_file(folder: Path, **content: object) -> Path:
    file = folder / "labelled.json"
    file.write_text(json.dumps(content))
    return file


def test_training_and_validation_are_cut_and_the_test_split_is_whole():
    whole = datalist()
    subset = label_subset(whole, 0.1, seed=3)
    assert [len(items) for items in subset.datalist.splits().values()] == [20, 6, 40]
    assert subset.datalist.test == whole.test
    for split in ("training", "validation"):
        kept = subset.datalist.splits()[split]
        assert kept == [item for item in whole.splits()[split] if item in kept]  # in the list's order
        assert subset.record[split] == names(kept)
        assert len({item["patient"] for item in kept}) == len(kept) // 2 == subset.record["counts"][split]["patients"]
    assert subset.datalist.sha256 == subset.record["dataset_sha256"] == "5ha"
    assert json.loads(subset.record.text()) == {"format": 1, **subset.record}


def test_a2_one_per_cent_is_a_part_of_six():
    for seed in range(3):
        smaller, larger = (label_subset(datalist(1000), fraction, seed).record for fraction in (0.01, 0.06))
        for split, images in {"training": (10, 60), "validation": (2, 4)}.items():
            assert (len(smaller[split]), len(larger[split])) == images
            assert set(smaller[split]) < set(larger[split])
    assert smaller["training"] != label_subset(datalist(1000), 0.01, 0).record["training"]


def test_all_labels_by_default():
    whole = datalist()
    subset = label_subset(whole)
    assert subset.datalist == whole
    settings = {key: subset.record[key] for key in ("label_fraction", "label_seed", "validation_labels", "ids")}
    assert settings == {"label_fraction": 1.0, "label_seed": 0, "validation_labels": "same", "ids": "drawn"}
    assert subset.record["counts"]["training"] == {
        "images": 200,
        "of": 200,
        "patients": 100,
        "positives": {"A": 100, "B": 40, "C": 0},
    }


def test_a18_validation_is_cut_alike_unless_all_of_it_is_asked_for():
    same, whole = (label_subset(datalist(), 0.1, validation_labels=which) for which in ("same", "all"))
    assert (len(same.datalist.validation), len(whole.datalist.validation)) == (6, 60)
    assert (same.selection, whole.selection) == ("last", "metric")
    assert same.record["training"] == whole.record["training"]
    assert whole.record["validation_labels"] == "all"
    assert "fewer than 20" in same.record["selection_reason"]
    assert whole.record["selection_classes"] == ["A", "B"]


def test_a18_too_few_of_every_class_choose_by_the_loss():
    whole = datalist()
    for item in whole.validation:
        item["label"] = [0, 0, 0]
    assert label_subset(whole).selection == label_subset(whole).record["selection"] == "loss"


def test_classes_without_positive_or_negative_are_named(caplog):
    whole = datalist()
    for item in whole.training:
        item["label"] = [1, *item["label"][1:]]
    with caplog.at_level(logging.WARNING):
        subset = label_subset(whole, 0.5)
    assert subset.record["warnings"] == caplog.messages
    assert caplog.messages == [
        "training: no positive one among the 100 labelled image(s) of 1 of 3 classes: C.",
        "training: no negative one among the 100 labelled image(s) of 1 of 3 classes: A.",
        "validation: no positive one among the 30 labelled image(s) of 1 of 3 classes: C.",
    ]


@pytest.mark.parametrize("multiclass", [True, False])
def test_labels_from_which_nothing_can_be_learnt_are_refused(multiclass):
    whole = datalist(multiclass=multiclass)
    for item in whole.training:
        item["label"] = 1 if multiclass else [1, 0, 1]
    with pytest.raises(
        DatasetError, match=r"nothing can be learnt .* 200 training image\(s\).* B (200|0), C (0|200)\)"
    ):
        label_subset(whole)
    whole.training[-1]["label"] = 0 if multiclass else [1, 1, 1]
    label_subset(whole)


def test_few_labelled_images_come_with_a_warning():
    few, enough = (label_subset(datalist(1000), fraction, 1) for fraction in (0.018, 0.02))
    assert [len(subset.datalist.training) for subset in (few, enough)] == [18, 20]
    assert ["only 18 labelled" in text for text in few.record["warnings"]].count(True) == 1
    assert not any("labelled image(s): a classifier" in text for text in enough.record["warnings"])


def test_class_numbers():
    subset = label_subset(datalist(multiclass=True), 0.5)
    assert subset.record["kind"] == "multiclass"
    assert subset.record["counts"]["training"]["positives"] == {"A": 50, "B": 50, "C": 0}
    assert len(subset.record["warnings"]) == 2
    assert subset.selection == "metric"


def test_validation_without_labels_or_images_takes_the_last_epoch():
    whole = datalist()
    unlabelled = [{key: item[key] for key in item if key != "label"} for item in whole.validation]
    subset = label_subset(replace(whole, validation=unlabelled), 0.5)
    assert (subset.datalist.validation, subset.selection) == ([], "last")
    assert any("60 images have no labels" in warning for warning in subset.record["warnings"])
    assert label_subset(replace(whole, validation=[])).selection == "last"


def test_training_without_labels_is_refused():
    whole = datalist()
    bare = replace(whole, training=[{"name": "a.png", "patient": "p"}])
    with pytest.raises(DatasetError, match="1 of 1 items have no label"):
        label_subset(bare, 0.5)


@pytest.mark.parametrize("by_folder", [True, False])
def test_given_ids_are_the_same_images(tmp_path, by_folder):
    first = label_subset(datalist(), 0.1, seed=3, validation_labels="all")
    file = ids_file(tmp_path, **first.record)
    for settings in ({}, {"fraction": 0.1, "seed": 3, "validation_labels": "all"}):
        again = label_subset(datalist(), **settings, label_ids=tmp_path if by_folder else str(file))
        assert again.datalist == first.datalist
        assert again.record == {**first.record, "ids": "given"}


def test_ids_made_by_hand(tmp_path):
    file = ids_file(tmp_path, training=["7.png", "4.png"], validation=[])
    subset = label_subset(datalist(), 1.0, 0, "same", label_ids=file)
    assert names(subset.datalist.training) == ["4.png", "7.png"]
    assert (subset.record["label_fraction"], subset.record["label_seed"], subset.selection) == (None, None, "last")


@pytest.mark.parametrize("setting", [{"fraction": 1.0}, {"seed": 0}, {"validation_labels": "same"}])
def test_ids_that_contradict_the_settings(tmp_path, setting):
    file = ids_file(tmp_path, **label_subset(datalist(), 0.1, seed=3, validation_labels="all").record)
    with pytest.raises(DatasetError, match=r"set (label_fraction to 0\.1|label_seed to 3|validation_labels to all),"):
        label_subset(datalist(), **setting, label_ids=file)


def test_ids_of_another_version_of_the_data_set(tmp_path):
    file = ids_file(tmp_path, training=["7.png", "4.png"], validation=[], dataset_sha256="0ther")
    assert "another version" in label_subset(datalist(), label_ids=file).record["warnings"][0]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ({"training": ["1.png", "x.png", "y.png"]}, "2 of 3 images of 'training' are not in .* first 'x.png'"),
        ({"training": ["1.png", "200.png"]}, "1 of 2 images of 'training' are in the validation split .* '200.png'"),
        ({"training": ["1.png"], "validation": ["299.png"]}, "'validation' are in the test split"),
        ({"training": ["1.png", "2.png", "1.png"]}, "1 name.* of 'training' are repeated, first '1.png'"),
        ({"training": []}, "names no training image"),
        ({"training": [1]}, "unusable values of training"),
        ({"training": ["1.png"], "validation": None}, "unusable values of validation"),
    ],
)
def test_wrong_ids(tmp_path, content, text):
    file = ids_file(tmp_path, **({"validation": []} | content))
    with pytest.raises(DatasetError, match=text):
        label_subset(datalist(), label_ids=file)


def test_ids_that_cannot_be_read(tmp_path):
    with pytest.raises(DatasetError, match=r"'labelled.json' cannot be read \(No such file") as error:
        label_subset(datalist(), label_ids=tmp_path)
    assert str(tmp_path) not in str(error.value)
    (tmp_path / "labelled.json").write_text("{")
    with pytest.raises(DatasetError, match="not valid JSON"):
        label_subset(datalist(), label_ids=tmp_path)
    (tmp_path / "labelled.json").write_text("[]")
    with pytest.raises(DatasetError, match="not a JSON object"):
        label_subset(datalist(), label_ids=tmp_path)


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"fraction": 0}, "label_fraction is 0"),
        ({"fraction": 1, "seed": -1}, "label_seed is -1"),
        ({"validation_labels": "most"}, "choose one of same, all"),
    ],
)
def test_wrong_settings(settings, text):
    with pytest.raises(DatasetError, match=text):
        label_subset(datalist(), **settings)


def test_the_two_splits_are_drawn_apart():
    # With the same patients' names in the same places, one stream would draw the same places in both.
    whole = datalist(100, 100)
    patients = [item["patient"] for item in whole.training]
    for item, patient in zip(whole.validation, patients, strict=True):
        item["patient"] = patient
    record = label_subset(whole, 0.5).record
    places = [np.array([int(name[:-4]) % 100 for name in record[split]]) for split in ("training", "validation")]
    assert set(places[0]) != set(places[1])


def partly_labelled() -> Datalist:
    """As above, but every fourth image has no label, and A is not known of every third."""
    whole = datalist()
    for split in ("training", "validation"):
        for number, item in enumerate(whole.splits()[split]):
            if number % 4 == 0:
                del item["label"]
            elif number % 3 == 0:
                item["label"] = [None, *item["label"][1:]]
    return replace(whole, pretraining=[{"name": "x.png", "patient": "x", "label": [1, 1, 1]}])


def test_a_fraction_is_of_the_labelled_images_and_the_rest_is_counted(caplog):
    with caplog.at_level(logging.INFO):
        subset = label_subset(partly_labelled(), 0.5, seed=1)
    counts = subset.record["counts"]
    assert {"of": 150, "unlabelled": 50}.items() <= counts["training"].items()
    assert {"of": 45, "unlabelled": 15}.items() <= counts["validation"].items()
    for split, images in (("training", 75), ("validation", 22)):
        items = subset.datalist.splits()[split]
        assert images <= len(items) <= images + 2
        unknown = sum(item["label"][0] is None for item in items)
        assert counts[split]["unknown"] == {"A": unknown}
        assert counts[split]["positives"]["A"] == sum(item["label"][0] == 1 for item in items)
        assert f"{split}: {counts[split]['unlabelled']} image(s) without a label are left out." in caplog.messages
        told = f"{split}: not known of the {len(items)} labelled images, and left out of loss and metrics: A {unknown}."
        assert told in caplog.messages
    assert subset.some_unknown
    assert not label_subset(datalist()).some_unknown
    assert "unlabelled" not in label_subset(datalist()).record["counts"]["training"]


def test_the_draw_is_that_of_the_list_without_unlabelled_images():
    part = partly_labelled()
    only = replace(part, training=[item for item in part.training if "label" in item], pretraining=[])
    assert label_subset(part, 0.3, 2).record["training"] == label_subset(only, 0.3, 2).record["training"]


def test_a_class_whose_other_side_is_not_known_is_named():
    whole = datalist()
    for item in whole.training:
        item["label"][1] = 1 if item["label"][1] else None
    warnings = label_subset(whole).record["warnings"]
    assert "training: no negative one among the 200 labelled image(s) of 1 of 3 classes: B." in warnings


def test_given_ids_of_images_that_have_no_label_are_refused(tmp_path):
    file = ids_file(tmp_path, training=["1.png", "4.png"], validation=[])
    with pytest.raises(DatasetError, match=r"1 of 2 images of 'training' have no label .*, first '4\.png'"):
        label_subset(partly_labelled(), label_ids=file)
    assert label_subset(partly_labelled(), label_ids=ids_file(tmp_path, training=["1.png", "3.png"], validation=[]))
