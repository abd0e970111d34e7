from __future__ import annotations

import logging

import numpy as np
import pytest

from monai_mocoi.data import label_kind, load_datalist
from monai_mocoi.data.labels import (
    class_sides,
    class_truth,
    label_array,
    labelled_items,
    labelled_part,
    some_unknown,
    unknown_counts,
)
from monai_mocoi.errors import DatasetError
from monai_mocoi.metrics import UNKNOWN

from .dataset_folders import dataset_folder, read_list, write_list


def test_kind_follows_the_labels(tmp_path):
    dataset_folder(tmp_path)
    assert label_kind(load_datalist(tmp_path)) == "multilabel"
    document = read_list(tmp_path)
    for split in ("training", "validation", "test"):
        for item in document[split]:
            item["label"] = item["label"][0]
    write_list(tmp_path, **document)
    assert label_kind(load_datalist(tmp_path)) == "multiclass"


def test_arrays_and_indicators():
    several = label_array([{"label": [0, 1]}, {"label": [1, 1]}, {"label": [0, 0]}])
    assert (class_truth(several, 2) == 1).tolist() == [[False, True], [True, True], [False, False]]
    one = label_array([{"label": 2}, {"label": 0}])
    assert (class_truth(one, 3) == 1).tolist() == [[False, False, True], [True, False, False]]


def test_without_labels():
    with pytest.raises(DatasetError, match="1 of 2 items have no label"):
        label_array([{"label": 1}, {}])
    with pytest.raises(DatasetError, match="no items"):
        label_array([])


@pytest.mark.parametrize(("labels", "text"), [([[0, 1]], "2 findings, but 3"), ([0, 3], "0 to 3, but 3")])
def test_labels_that_do_not_fit(labels, text):
    with pytest.raises(DatasetError, match=text):
        class_truth(np.array(labels), 3)


SOME = [{"label": [0, None, 1]}, {"label": [None, None, 1]}, {}, {"label": [1, 0, 0]}]


def test_what_is_not_known_is_neither_one_nor_the_other():
    labels = label_array(labelled_items(SOME))
    assert labels.tolist() == [[0, UNKNOWN, 1], [UNKNOWN, UNKNOWN, 1], [1, 0, 0]]
    positive, negative = class_sides(labels, 3)
    assert positive.tolist() == (class_truth(labels, 3) == 1).tolist()
    assert positive.sum(0).tolist() == [1, 0, 2]
    assert negative.sum(0).tolist() == [1, 1, 1]
    positive, negative = class_sides(np.array([2, 0]), 3)
    assert (positive ^ negative).all()


def test_unknown_values_are_counted_by_finding():
    assert unknown_counts(SOME, "ABC") == {"A": 1, "B": 2}
    assert unknown_counts(SOME[3:], "ABC") == unknown_counts([{"label": 1}], "AB") == {}
    assert (some_unknown(SOME), some_unknown(SOME[2:]), some_unknown([{"label": 1}])) == (True, False, False)


def test_kind_and_part_with_labels(tmp_path, caplog):
    document = read_list(dataset_folder(tmp_path))
    del document["training"][0]["label"], document["test"][1]["label"]
    document["pretraining"] = [document["training"].pop()]
    write_list(tmp_path, **document)
    datalist = load_datalist(tmp_path)
    assert label_kind(datalist) == "multilabel"
    with caplog.at_level(logging.INFO):
        part = labelled_part(datalist)
    assert {split: len(items) for split, items in part.splits().items()} == {"training": 4, "validation": 2, "test": 2}
    assert caplog.messages == [f"{split}: 1 image(s) without a label are left out." for split in ("training", "test")]
    for item in document["training"]:
        item.pop("label", None)
    write_list(tmp_path, **document)
    with pytest.raises(DatasetError, match="5 of 5 items have no label"):
        label_kind(load_datalist(tmp_path))
