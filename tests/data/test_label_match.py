"""Labels of another hospital's data set, matched by name."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.data import Datalist, check_labels_fit, load_datalist, match_labels
from monai_mocoi.errors import DatasetError

from .dataset_folders import dataset_folder, read_list, write_list


@pytest.fixture
def datalist(tmp_path: Path) -> Datalist:
    return load_datalist(dataset_folder(tmp_path))


def classifier_of(datalist: Datalist, **changes: Any) -> dict[str, Any]:
    own = {"kind": "multilabel", "labels": list(datalist.labels), "dataset_sha256": datalist.sha256}
    return own | {"dataset": datalist.name} | changes


def test_the_own_data_set_is_taken_as_it_is(datalist: Datalist) -> None:
    match = match_labels(classifier_of(datalist), datalist, "test")
    assert match.items == datalist.test
    assert (match.classes, match.outputs) == (("A", "B"), (0, 1))
    assert (match.missing, match.ignored, match.external) == ((), (), False)
    assert match_labels(classifier_of(datalist, dataset_sha256="other"), datalist, "test").external


def test_findings_are_matched_by_name_in_the_classifiers_order(
    datalist: Datalist, caplog: pytest.LogCaptureFixture
) -> None:
    classifier = classifier_of(datalist, labels=["X", "B", "Y", "A"])
    match = match_labels(classifier, datalist, "training")
    assert (match.classes, match.outputs, match.missing, match.ignored) == (("B", "A"), (1, 3), ("X", "Y"), ())
    assert [item["label"] for item in match.items] == [item["label"][::-1] for item in datalist.training]
    assert [item["image"] for item in match.items] == [item["image"] for item in datalist.training]
    assert [item["label"] for item in match.items] != [item["label"] for item in datalist.training]
    one = match_labels(classifier_of(datalist, labels=["B"]), datalist, "validation")
    assert (one.classes, one.ignored) == (("B",), ("A",))
    assert [item["label"] for item in one.items] == [item["label"][1:] for item in datalist.validation]
    check_labels_fit(classifier, datalist, "training")
    assert "Scored are 'B', 'A', which both have. Not scored, because the data set lacks them: 'X', 'Y'." in caplog.text
    assert "does not know them: none." in caplog.text


def test_multiclass_labels_must_all_be_there_in_any_order(tmp_path: Path) -> None:
    dataset_folder(tmp_path)
    document = read_list(tmp_path)
    labels = {"0": "grade 0", "1": "grade 1", "2": "grade 2"}
    items = {
        split: [{**item, "label": number % 3} for number, item in enumerate(document[split])]
        for split in ("training", "validation", "test")
    }
    write_list(tmp_path, labels=labels, **items)
    datalist = load_datalist(tmp_path)
    classifier = classifier_of(datalist, kind="multiclass", labels=["grade 2", "grade 0", "grade 1"])
    match = match_labels(classifier, datalist, "training")
    named = [list(labels.values())[item["label"]] for item in datalist.training]
    assert [classifier["labels"][item["label"]] for item in match.items] == named
    assert match.outputs == (0, 1, 2)
    for others in (["grade 0", "grade 1"], ["grade 0", "grade 1", "grade 2", "grade 3"]):
        with pytest.raises(DatasetError, match=r"matched by name, and all of them must be there, in any order"):
            match_labels(classifier_of(datalist, kind="multiclass", labels=others), datalist, "test")


def test_labels_of_another_kind_or_of_no_common_name_are_refused(datalist: Datalist) -> None:
    wanted = r"knows 'no IDC', 'IDC' \(multiclass\), but the data set has 'A', 'B' \(multilabel\): .* at least one"
    with pytest.raises(DatasetError, match=wanted):
        check_labels_fit({"kind": "multiclass", "labels": ["no IDC", "IDC"]}, datalist, "test")
    with pytest.raises(DatasetError, match="at least one of them must be there"):
        match_labels(classifier_of(datalist, labels=["a", "b"]), datalist, "test")
    with pytest.raises(DatasetError, match="at least one"):
        match_labels(classifier_of(datalist, kind="multiclass"), datalist, "test")
    with pytest.raises(DatasetError, match="split is 'tests'; choose one of training, validation, test"):
        match_labels(classifier_of(datalist), datalist, "tests")


def test_another_data_set_is_named_and_another_version_told_from_it(
    datalist: Datalist, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    check_labels_fit(classifier_of(datalist), datalist, "test")
    assert not caplog.records
    for trained_on, text in (
        ("Hospital", f"another data set ('Hospital') than this one ({datalist.name!r})"),
        (datalist.name, f"another version of this data set ({datalist.name!r})"),
        (None, "another data set, or another version of this one"),
    ):
        caplog.clear()
        check_labels_fit(classifier_of(datalist, dataset=trained_on, dataset_sha256="other"), datalist, "test")
        (record,) = caplog.records
        assert text in record.getMessage()
        assert "training images" in record.getMessage()


def test_images_without_labels_are_left_out_and_the_others_keep_their_rows(
    datalist: Datalist, caplog: pytest.LogCaptureFixture
) -> None:
    del datalist.training[1]["label"]
    datalist.training[3]["label"] = [None, 1]
    match = match_labels(classifier_of(datalist), datalist, "training")
    assert (match.rows, match.unlabelled) == ((0, 2, 3, 4, 5), 1)
    assert match.items == [datalist.training[row] for row in match.rows]
    with caplog.at_level(logging.INFO):
        check_labels_fit(classifier_of(datalist), datalist, "training")
    assert caplog.messages == [
        "training: 1 image(s) without a label are left out.",
        "training: not known of the 5 labelled images, and left out of loss and metrics: A 1.",
    ]
    # Of a classifier that knows A alone, the image of which only B is known says nothing.
    alone = match_labels(classifier_of(datalist, labels=["A", "X"]), datalist, "training")
    assert (alone.rows, alone.unlabelled) == ((0, 2, 4, 5), 2)
    for item in datalist.training:
        item["label"] = [None, 1]
    with pytest.raises(DatasetError, match=r"of no image of the training split any of 'A' is known"):
        match_labels(classifier_of(datalist, labels=["A", "X"]), datalist, "training")
    for item in datalist.training:
        del item["label"]
    with pytest.raises(DatasetError, match="6 of 6 items have no label"):
        match_labels(classifier_of(datalist), datalist, "training")
