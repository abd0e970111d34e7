from __future__ import annotations

import pytest
import torch

from monai_mocoi.engines import autocast_dtype
from monai_mocoi.engines.options import at_least_float32, prepare_images


def test_named_precisions() -> None:
    assert autocast_dtype("float32", "cuda") is None
    assert autocast_dtype("bf16", "cpu") == torch.bfloat16
    assert autocast_dtype("fp16", "cuda") == torch.float16
    with pytest.raises(ValueError, match="needs a GPU"):
        autocast_dtype("fp16", "cpu")
    with pytest.raises(ValueError, match="'half'"):
        autocast_dtype("half", "cpu")


def test_images_and_labels_come_as_they_are_but_for_the_memory_format() -> None:
    batch = {"image": torch.rand(2, 3, 4, 5), "label": torch.tensor([1, 0])}
    for channels_last in (True, False):
        images, labels = prepare_images(batch, "cpu", channels_last=channels_last)
        assert torch.equal(images, batch["image"])
        assert images.is_contiguous(memory_format=torch.channels_last) is channels_last
        assert labels is not None
        assert torch.equal(labels, batch["label"])
    assert prepare_images({"image": batch["image"]})[1] is None


def test_fewer_digits_become_float32_and_more_stay() -> None:
    for given, wanted in ((torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64,) * 2):
        assert at_least_float32(torch.ones(1, dtype=given)).dtype == wanted
