from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.data import ImageDataset, load_datalist
from monai_mocoi.report.image_columns import image_columns
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
    found = image_columns(items, ["A", "B"], images)
    assert list(found) == ["label", "view", "mean brightness"]  # one site tells nothing
    assert found["label"] == ["A", "several", "none", "B"]
    assert found["view"] == views
    assert found["mean brightness"] == pytest.approx([float(images[i]["image"].mean()) for i in range(4)])


def test_classes_are_their_names_and_rare_findings_are_another(tmp_path: Path) -> None:
    items = load_datalist(dataset_folder(tmp_path, test=2)).test
    images = ImageDataset(items, ReadImage(1), progress=False)
    classes = [{**item, "label": i} for i, item in enumerate(items)]
    assert image_columns(classes, ["no", "yes"], images)["label"] == ["no", "yes"]
    many = [{**items[0], "label": [int(i == k) for i in range(7)]} for k in range(7) for _ in range(7 - k)]
    assert set(image_columns(many, list("ABCDEFG"), images)["label"]) == {*"ABCDE", "another"}
