from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from monai.transforms import Compose
from PIL import Image

from monai_mocoi.data import ImageDataset, NewImageDataset, collate_readable
from monai_mocoi.errors import DatasetError
from monai_mocoi.transforms import (
    FitSquare,
    FitSquared,
    LoadImageFiled,
    ReadImage,
    RoundToBitsd,
    ScaleFrom8Bitd,
)
from tests.transforms.dicom_files import write


def chain(bits: int = 8) -> Compose:
    """What inference.json does before it normalises."""
    read = [LoadImageFiled("image", 1), ScaleFrom8Bitd("image", 1)]
    return Compose([*read, FitSquared("image", 9), RoundToBitsd("image", bits), FitSquared("image", 8)])


@pytest.fixture
def items(tmp_path: Path) -> list[dict[str, str]]:
    """Three images; the second cannot be read."""
    random = np.random.default_rng(1)
    for number in range(3):
        Image.fromarray(random.integers(0, 65536, (12, 10), dtype=np.uint16)).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"no picture")
    return [{"image": str(tmp_path / f"{number}.png"), "name": f"{number}.png"} for number in range(3)]


@pytest.mark.parametrize("bits", [8, 16])
def test_images_are_those_of_training_bit_for_bit(items: list[dict[str, str]], tmp_path: Path, bits: int) -> None:
    readable = [items[0], items[2]]
    trained = ImageDataset(
        [{**item, "patient": "p"} for item in readable],
        Compose([ReadImage(1), FitSquare(9)]),
        FitSquared("image", 8),
        cache_dir=tmp_path / "cache",
        bits=bits,
        progress=False,
    )
    new = NewImageDataset(items, chain(bits))
    for place, row in ((0, 0), (1, 2)):
        assert torch.equal(trained[place]["image"], new[row]["image"])
        assert new[row]["index"] == row
    assert not torch.equal(new[0]["image"], NewImageDataset(items, chain(24 - bits))[0]["image"])


def test_a_constant_picture_is_an_unreadable_image(items: list[dict[str, str]], tmp_path: Path) -> None:
    Image.fromarray(np.full((12, 10), 240, np.uint8)).save(tmp_path / "0.png")
    assert "same value, so it shows nothing" in NewImageDataset(items, chain())[0]["reason"]
    noisy = np.full((12, 10), 240, np.uint8)
    noisy[3:6, 3:6] = 241  # a blank tile with a scanner's noise, which making it smaller leaves
    Image.fromarray(noisy).save(tmp_path / "0.png")
    assert set(NewImageDataset(items, chain())[0]) == {"index", "image"}


def test_a_picture_that_8_bits_make_constant_is_unreadable_in_training_and_inference(
    items: list[dict[str, str]], tmp_path: Path
) -> None:
    Image.fromarray(np.arange(120, dtype=np.uint16).reshape(12, 10)).save(tmp_path / "0.png")
    assert "one grey level in 8 bits" in NewImageDataset(items, chain())[0]["reason"]
    assert set(NewImageDataset(items, chain(16))[0]) == {"index", "image"}
    good = {**items[2], "patient": "p"}
    for cache in (True, False):
        trained = ImageDataset(
            [{**items[0], "patient": "p"}, *[good] * 9],
            Compose([ReadImage(1), FitSquare(9)]),
            FitSquared("image", 8),
            cache=cache,
            cache_dir=tmp_path / "cache",
            bits=8,
            on_bad_image="skip",
            max_bad_share=0.2,
            progress=False,
        )
        assert len(trained) == 9
        assert ["one grey level" in bad["reason"] for bad in trained.skipped] == [True]


def test_an_unreadable_image_gives_its_reason_without_its_name(items: list[dict[str, str]], tmp_path: Path) -> None:
    dataset = NewImageDataset(items, chain())
    sample = dataset[1]
    assert set(sample) == {"index", "reason"}
    assert sample["reason"].startswith("the file is of an unknown kind")
    assert str(tmp_path) not in sample["reason"]
    batch = collate_readable([dataset[number] for number in range(len(dataset))])
    assert batch["image"].shape == (2, 1, 8, 8)
    assert batch["index"].tolist() == [0, 2]
    assert batch["unreadable"] == {1: sample["reason"]}
    assert torch.equal(batch["image"][1], dataset[2]["image"])


def test_a_batch_without_images(items: list[dict[str, str]]) -> None:
    batch = collate_readable([NewImageDataset(items, chain())[1]])
    assert batch["image"] is None
    assert batch["index"].shape == (0,)
    assert batch["index"].dtype == torch.int64


def test_the_machines_trouble_is_not_the_images(items: list[dict[str, str]]) -> None:
    def full(sample: dict[str, str]) -> dict[str, torch.Tensor]:
        raise OSError(24, "Too many open files", sample["image"])

    def small(sample: dict[str, str]) -> dict[str, torch.Tensor]:
        raise MemoryError

    with pytest.raises(DatasetError, match=r"image 3: .*machine's fault") as caught:
        NewImageDataset(items, full)[2]
    assert items[2]["image"] not in str(caught.value)
    with pytest.raises(MemoryError, match="image 3: "):
        NewImageDataset(items, small)[2]


def test_a_window_that_was_ignored_is_counted(items: list[dict[str, str]], tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7), dtype=np.uint8)
    items[0]["image"] = str(write(tmp_path / "x.dcm", pixels, WindowCenter=100, WindowWidth=0))
    dataset = NewImageDataset(items, chain())
    samples = [dataset[number] for number in range(3)]
    assert ["window_ignored" in sample for sample in samples] == [True, False, False]
    assert collate_readable(samples)["windows_ignored"] == 1
    assert collate_readable(samples[1:])["windows_ignored"] == 0


def test_a_dicom_header_that_contradicts_the_classifier_is_told_beside_the_image(
    items: list[dict[str, str]], tmp_path: Path
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (12, 10), dtype=np.uint8)
    write(tmp_path / "hip.dcm", pixels, Modality="CR", BodyPartExamined="HIP")
    dataset = NewImageDataset([*items, {"image": str(tmp_path / "hip.dcm")}], chain(), "chest")
    batch = collate_readable([dataset[number] for number in range(4)])
    assert batch["index"].tolist() == [0, 2, 3], "it is classified all the same"
    assert list(batch["contradictions"]) == [3]
    assert "Body Part Examined HIP" in batch["contradictions"][3]
    assert "contradiction" not in NewImageDataset(dataset.data, chain())[3]
