from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import DataLoader, Dataset, MetaTensor
from monai.transforms import Compose
from PIL import Image

from monai_mocoi.transforms import FitSquared, ReadImage, ReadImaged, read_image
from tests.transforms.dicom_files import dataset, save


@pytest.fixture
def path(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (6, 5, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "x.png")
    return tmp_path / "x.png"


@pytest.mark.parametrize("channels", [None, 1, 3])
def test_it_is_what_the_reader_gives_as_a_plain_tensor(path, channels):
    image = ReadImage(channels=channels)(path)
    assert type(image) is torch.Tensor
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    np.testing.assert_array_equal(image.numpy(), read_image(path, channels))


def test_the_dictionary_form_replaces_each_key_and_keeps_the_rest(path):
    data = {"image": str(path), "second": path, "label": 1}
    result = ReadImaged(["image", "second"], channels=1)(data)
    assert data["image"] == str(path)
    assert result["label"] == 1
    for key in ("image", "second"):
        assert not isinstance(result[key], MetaTensor)
        assert torch.equal(result[key], ReadImage(1)(path))
    with pytest.raises(KeyError):
        ReadImaged("other")(data)
    assert ReadImaged(["image", "other"], allow_missing_keys=True)(data)["image"].shape == (3, 6, 5)


def test_a_frame_is_handed_on(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (3, 6, 5), dtype=np.uint8)
    ds = dataset(frames.reshape(18, 5))
    ds.NumberOfFrames, ds.Rows = 3, 6
    path = save(tmp_path / "x.dcm", ds)
    for image in (ReadImage(frame=2)(path), ReadImaged("image", frame=2)({"image": path})["image"]):
        np.testing.assert_array_equal(image[0].numpy(), frames[2] / np.float32(255))


def test_wrong_channels_are_refused_when_made():
    with pytest.raises(ValueError, match="channels is 2"):
        ReadImage(channels=2)
    with pytest.raises(ValueError, match="channels is 2"):
        ReadImaged("image", channels=2)


def test_in_a_data_loader_with_a_worker(path):
    steps = Compose([ReadImaged("image", channels=1), FitSquared("image", size=4)])
    loader = DataLoader(Dataset([{"image": str(path)}] * 2, steps), batch_size=2, num_workers=1)
    (batch,) = loader
    assert batch["image"].shape == (2, 1, 4, 4)
    assert torch.equal(batch["image"][0], steps({"image": path})["image"])
