from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from monai_mocoi.analysis import Baseline, baselines, shortcut_baselines
from monai_mocoi.analysis.shortcut_features import column_features, picture_features, shuffled_labels
from monai_mocoi.data import item_columns, load_datalist
from monai_mocoi.errors import DatasetError, ImageDecodeError
from tests.support.shortcut_data import SIZES, folder_of


@pytest.fixture(autouse=True)
def few_shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "SHUFFLES", 3)


def run(folder: Path) -> dict[str, Any]:
    datalist = load_datalist(folder)
    columns = item_columns([item for items in datalist.splits().values() for item in items])
    found: dict[str, Any] = {}
    for made in shortcut_baselines(datalist, columns):
        found[made.name if isinstance(made, Baseline) else made[0]] = made
    return found


def auc(baseline: Baseline) -> float:
    return float(roc_auc_score(baseline.predictions.labels, baseline.predictions.probabilities[:, 1]))


def test_each_shortcut_is_found_where_it_is_and_nowhere_else(tmp_path: Path) -> None:
    found = run(
        folder_of(
            tmp_path / "data",
            view=lambda label, draw: "AP" if draw.random() < (0.9 if label else 0.1) else None,
            age=lambda label, draw: float(draw.normal(50, 3) if label else draw.choice([30, 70])),
            noise=lambda label, draw: float(draw.normal()),
            site=lambda label, draw: "here",
            name_of=lambda label, draw: f"id {draw.random()}",
        )
    )
    assert list(found) == ["view", "age", "noise", "site", "name_of", "colour", "pixels", "shuffled"]
    assert found["site"] == ("site", "it is the same for all training images")
    assert "different texts in training, more than 20" in found["name_of"][1]
    assert auc(found["view"]) > 0.8
    assert auc(found["age"]) > 0.95  # by the square: the risk is highest in the middle
    assert auc(found["colour"]) > 0.7
    assert abs(auc(found["noise"]) - 0.5) < 0.25
    shuffles = found["shuffled"].shuffles
    assert len(shuffles) == 3
    assert shuffles[0] == pytest.approx(auc(found["shuffled"]))
    assert abs(np.mean(shuffles) - 0.5) < 0.3
    assert found["view"].shuffles == ()
    assert found["colour"].features == 6
    assert (found["view"].features, found["age"].features) == (2, 2)
    datalist = load_datalist(tmp_path / "data")
    for name in ("view", "colour", "shuffled"):  # the test labels are the true ones
        assert found[name].predictions.labels.tolist() == [item["label"] for item in datalist.test]
        assert found[name].predictions.images == tuple(item["name"] for item in datalist.test)


def test_numbers_that_are_codes_are_told_one_by_one_and_ages_are_not(tmp_path: Path) -> None:
    """Prevalence alternates from site to site: a number and its square tell nothing of that."""

    def site(label: int, draw: np.random.Generator) -> int:
        return int(2 * draw.integers(4) + (2 if (draw.random() < 0.9) == bool(label) else 1))

    found = run(folder_of(tmp_path / "data", site=site, age=site))
    assert auc(found["site"]) > 0.8
    assert (found["site"].features, found["age"].features) == (8, 2)
    assert auc(found["age"]) < 0.75


def test_codes_are_those_of_training_and_unknown_ones_are_nothing() -> None:
    made = column_features("site", {"training": [3, 1, None, 3], "validation": [], "test": [9, 1, None]})
    assert made["training"].tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 0]]
    assert made["validation"].shape == (0, 3)
    assert made["test"].tolist() == [[0, 0, 0], [1, 0, 0], [0, 0, 1]]
    many = column_features("dose", {split: list(range(9)) for split in ("training", "validation", "test")})
    assert many["training"].shape == (9, 2)


def test_grey_images_have_two_numbers_and_findings_their_own_probabilities(tmp_path: Path) -> None:
    found = run(folder_of(tmp_path / "data", grey=True, multiclass=False))
    assert found["colour"].features == 2
    assert found["colour"].sees == "mean and standard deviation of grey"
    assert found["pixels"].predictions.kind == "multilabel"
    assert found["pixels"].predictions.probabilities.shape == (60, 2)


def test_the_same_seed_gives_the_same_bits(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data")
    first, second = run(folder), run(folder)
    for name, baseline in first.items():
        np.testing.assert_array_equal(baseline.predictions.probabilities, second[name].predictions.probabilities)


def test_colours_are_means_and_deviations_of_the_whole_picture(tmp_path: Path) -> None:
    """The six numbers, by hand; told by the decision of a fit on them."""
    folder = folder_of(tmp_path / "data")
    datalist = load_datalist(folder)
    colours, pixels = picture_features(datalist, 1)
    for row in (0, 59):
        picture = np.asarray(Image.open(datalist.test[row]["image"])) / 255
        expected = [*picture.mean((0, 1)), *picture.std((0, 1))]
        np.testing.assert_allclose(colours["test"][row], expected, atol=1e-6)
    assert pixels["training"].shape == (80, 3, 32, 32)


def test_shuffled_labels_are_the_same_labels_and_stay_together_by_patient() -> None:
    items = [{"patient": f"p{row // 4}"} for row in range(400)]
    labels = np.repeat(np.random.default_rng(0).integers(0, 2, 100), 4)
    dealt = shuffled_labels(labels, items, 3)
    assert sorted(dealt) == sorted(labels)
    of_patient = defaultdict(set)
    for item, label in zip(items, dealt, strict=True):
        of_patient[item["patient"]].add(int(label))
    assert all(len(own) == 1 for own in of_patient.values())
    assert 0.3 < (dealt == labels).mean() < 0.7
    assert not np.array_equal(dealt, shuffled_labels(labels, items, 4))


def test_an_image_that_cannot_be_read_is_named_by_its_row(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data")
    (folder / "images" / "81.png").write_bytes(b"no picture")
    with pytest.raises(ImageDecodeError, match="image 1 of the validation split cannot be read") as caught:
        run(folder)
    assert "81.png" not in str(caught.value)


def test_without_labels_or_test_images_there_is_no_baseline(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data")
    document = json.loads((folder / "datalist.json").read_text())
    (folder / "datalist.json").write_text(json.dumps({**document, "test": []}))
    with pytest.raises(DatasetError, match="test split has 0 image"):
        run(folder)
    bare = {s: [{k: v for k, v in item.items() if k != "label"} for item in document[s]] for s in SIZES}
    (folder / "datalist.json").write_text(json.dumps({**document, **bare}))
    with pytest.raises(DatasetError, match="label"):
        run(folder)


def test_one_class_in_the_test_split_leaves_the_shuffles_without_a_number(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "data")
    document = json.loads((folder / "datalist.json").read_text())
    alike = [{**item, "label": document["test"][0]["label"]} for item in document["test"]]
    (folder / "datalist.json").write_text(json.dumps({**document, "test": alike}))
    assert run(folder)["shuffled"].shuffles == ()
