from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.data import ImageDataset, load_datalist
from monai_mocoi.report.embedding_part import image_columns
from monai_mocoi.transforms import ReadImage
from tests.data.dataset_folders import dataset_folder


def test_label_columns_of_the_datalist_and_brightness(tmp_path: Path) -> None:
    items = load_datalist(dataset_folder(tmp_path, test=4)).test
    labels = [[1, 0], [1, 1], [0, 0], [0, 1]]
    views = ["PA", "AP", "PA", None]
    items = [
        {**item, "label": label, "view": view, "site": "one", "box": [1, 2]}
        for item, label, view in zip(items, labels, views, strict=True)
    ]
    images = ImageDataset(items, ReadImage(1), progress=False)
    found, left_out = image_columns(items, ["A", "B"], images)
    assert left_out == {}
    assert list(found) == ["label", "view", "mean brightness"]  # one site tells nothing
    assert found["label"] == ["A", "several", "none", "B"]
    assert found["view"] == views
    assert found["mean brightness"] == pytest.approx([float(images[i]["image"].mean()) for i in range(4)])


def test_classes_are_their_names_and_rare_findings_are_another(tmp_path: Path) -> None:
    items = load_datalist(dataset_folder(tmp_path, test=2)).test
    images = ImageDataset(items, ReadImage(1), progress=False)
    classes = [{**item, "label": i} for i, item in enumerate(items)]
    assert image_columns(classes, ["no", "yes"], images)[0]["label"] == ["no", "yes"]
    many = [{**items[0], "label": [int(i == k) for i in range(7)]} for k in range(7) for _ in range(7 - k)]
    assert set(image_columns(many, list("ABCDEFG"), images)[0]["label"]) == {*"ABCDE", "another"}


def test_numbers_come_in_groups_and_what_could_name_a_patient_not_at_all(tmp_path: Path) -> None:
    images = ImageDataset(load_datalist(dataset_folder(tmp_path, test=24)).test, ReadImage(1), progress=False)
    items = [
        {
            "patient": f"p{row // 2}",
            "accession": f"ACC{row}",
            "patient_name": f"name {row // 2}",  # only 12 words
            "mrn": 70000 + row // 2,
            "few": row // 2 if row < 6 else None,  # three numbers, which would be groups as they are
            "age": f"{20 + 3 * (row // 2):03d}Y",  # each of one patient alone, but shown in bands
            "dose": row % 12,
            "site": "one",
            "view": ["PA", "AP"][row % 2],
            "nothing": None,
        }
        for row in range(24)
    ]
    found, left_out = image_columns(items, [], images)
    assert list(found) == ["age", "dose", "view", "mean brightness"]
    assert found["age"] == ["18 to under 40" if row < 14 else "40 to under 60" for row in range(24)]
    assert set(found["dose"]) == {"up to 2", "above 2 to 5", "above 5 to 8", "above 8"}
    assert left_out == {
        "accession": "it has 24 different texts, more than 20",
        "patient_name": "12 of its 12 values belong to one patient alone, and could name him or her",
        "mrn": "12 of its 12 values belong to one patient alone, and could name him or her",
        "few": "3 of its 3 values belong to one patient alone, and could name him or her",
    }
    many = [{"patient": item["patient"], **{f"c{i}": item["view"] for i in range(7)}} for item in items]
    found, left_out = image_columns(many, [], images)
    assert list(found) == [*(f"c{i}" for i in range(6)), "mean brightness"]
    assert left_out == {"c6": "6 columns before it are shown, as many as there may be"}


def test_what_is_not_known_of_an_image_is_not_shown_as_none(tmp_path: Path) -> None:
    items = load_datalist(dataset_folder(tmp_path, test=5)).test
    labels = [[1, None], [None, None], [0, None], [0, 0], [1, 1]]
    images = ImageDataset(items, ReadImage(1), progress=False)
    items = [{**item, "label": label} for item, label in zip(items, labels, strict=True)]
    del items[1]["label"]
    assert image_columns(items, ["A", "B"], images)[0]["label"] == ["A", None, None, "none", "several"]
    classes = [{**items[0], "label": 1}, items[1]]
    assert image_columns(classes, ["no", "yes"], images.part([0, 1], None))[0]["label"] == ["yes", None]
