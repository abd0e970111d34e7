"""Enough images to learn from, or for a number to mean anything; labels: see test_label_fraction.py too."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monai_mocoi.data import Datalist, check_enough_to_pretrain, check_learnable
from monai_mocoi.data.enough_images import few_labelled_in_words, few_scored_in_words
from monai_mocoi.errors import DatasetError


def of(images: int) -> Datalist:
    items = [{"image": f"/d/{i}", "name": str(i), "patient": "p"} for i in range(images)]
    return Datalist("x", (), Path("/d"), items, [], [], "abc")


def test_it_needs_no_torch() -> None:
    code = "import sys, monai_mocoi.data.enough_images; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


@pytest.mark.parametrize("images", [1, 5, 9])
def test_a_handful_cannot_pretrain(images: int) -> None:
    with pytest.raises(DatasetError, match=rf"^{images} training image\(s\) cannot pretrain .* few hundred") as refused:
        check_enough_to_pretrain(of(images))
    assert refused.value.exit_code == 3


@pytest.mark.parametrize(("images", "warnings"), [(10, 1), (199, 1), (200, 0)])
def test_few_come_with_a_warning(images: int, warnings: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        check_enough_to_pretrain(of(images))
    assert len(caplog.messages) == warnings
    assert all(text.startswith(f"Pretraining on {images} images") for text in caplog.messages)


@pytest.mark.parametrize(
    ("labels", "learnable"),
    [
        ([[1, 0], [1, 0]], False),
        ([[1, 0], [1, 1]], True),
        ([[0, 0]], False),
        ([1, 1, 1], False),
        ([0, 1], True),
    ],
)
def test_a_class_needs_images_that_have_it_and_others(labels: list, learnable: bool) -> None:
    items = [{"label": label} for label in labels]
    if learnable:
        check_learnable(items, ("A", "B"))
        return
    with pytest.raises(DatasetError, match=rf"nothing can be learnt from the labels of the {len(labels)} training"):
        check_learnable(items, ("A", "B"))


def test_how_many_labels_are_few() -> None:
    assert "only 3 labelled" in str(few_labelled_in_words(3))
    assert few_labelled_in_words(20) is None


def test_no_images_are_no_few_images() -> None:
    assert few_scored_in_words(np.zeros((0, 2), dtype=np.int64), ("A", "B")) == ""


def test_nothing_is_learnt_from_a_class_of_which_one_side_is_not_known():
    items = [{"label": [1, None]}, {"label": [None, 0]}]
    with pytest.raises(DatasetError, match=r"images that have it: A 1, not known of 1, B 0, not known of 1"):
        check_learnable(items, ["A", "B"])
    check_learnable([*items, {"label": [0, None]}], ["A", "B"])


def test_where_only_other_patients_are_negatives_images_of_one_are_refused() -> None:
    """Each loss would be 0, and the run would end with an encoder that has learnt nothing."""
    one = of(300)
    for item in one.training:
        item["patient"] = "p"
    check_enough_to_pretrain(one)
    with pytest.raises(DatasetError, match="all 300 training images are of one patient, and with mask_own_patient"):
        check_enough_to_pretrain(one, True)
    one.training[7]["patient"] = "q"
    check_enough_to_pretrain(one, True)
