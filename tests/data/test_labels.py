from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.data import DatasetError, check_labels_meant, label_kind, load_datalist
from monai_mocoi.data.labels import class_indicators, label_array

from .dataset_folders import dataset_folder, read_list, write_list


def test_kind_follows_the_labels(tmp_path):
    dataset_folder(tmp_path)
    assert label_kind(load_datalist(tmp_path)) == "multilabel"
    document = read_list(tmp_path)
    for split in ("training", "validation", "test"):
        for item in document[split]:
            item["label"] = item["label"][0]
    write_list(tmp_path, **document)
    assert label_kind(load_datalist(tmp_path)) == "softmax"


def test_arrays_and_indicators():
    several = label_array([{"label": [0, 1]}, {"label": [1, 1]}, {"label": [0, 0]}])
    assert class_indicators(several, 2).tolist() == [[False, True], [True, True], [False, False]]
    one = label_array([{"label": 2}, {"label": 0}])
    assert class_indicators(one, 3).tolist() == [[False, False, True], [True, False, False]]


def test_without_labels():
    with pytest.raises(DatasetError, match="1 of 2 items have no label"):
        label_array([{"label": 1}, {}])
    with pytest.raises(DatasetError, match="no items"):
        label_array([])


@pytest.mark.parametrize(("labels", "text"), [([[0, 1]], "2 findings, but 3"), ([0, 3], "0 to 3, but 3")])
def test_labels_that_do_not_fit(labels, text):
    with pytest.raises(DatasetError, match=text):
        class_indicators(np.array(labels), 3)


def test_labels_that_a_bundle_is_not_made_for(tmp_path):
    datalist = load_datalist(dataset_folder(tmp_path))
    for labels in (None, ["A", "B"], ("A", "B")):
        for kind in (None, "multilabel"):
            check_labels_meant(datalist, labels, kind)
    for labels in (["B", "A"], ["A"], ["A", "B", "C"], []):
        with pytest.raises(DatasetError, match=f"made for the labels {', '.join(labels)}, but the data set has A, B"):
            check_labels_meant(datalist, labels, None)
        check_labels_meant(datalist, labels, None, demo=True)
    with pytest.raises(DatasetError, match="made for one class an image, but the data set has any number of findings"):
        check_labels_meant(datalist, ["A", "B"], "softmax")
    with pytest.raises(DatasetError, match="made for 'multi', but"):
        check_labels_meant(datalist, None, "multi")
