import math

import numpy as np
import pytest
import torch
from PIL import Image

from monai_mocoi.transforms import RandResizedCrop, RandResizedCropd, crop_resize


def pillow_resize(channel, box, size):
    """Pillow's own resampling, in floating point."""
    rows, columns = size
    image = Image.fromarray(channel.numpy().astype(np.float32))
    return torch.from_numpy(np.array(image.resize((columns, rows), Image.Resampling.BILINEAR, box=box)))


@pytest.mark.parametrize("size", [(8, 8), (31, 31), (90, 90), (20, 40), (1, 1)])
@pytest.mark.parametrize("box", [(0, 0, 53, 37), (5, 3, 50, 30), (0.3, 1.7, 52.9, 36.2), (10, 10, 11, 11)])
def test_equals_pillow(box, size):
    image = torch.rand(1, 2, 37, 53, generator=torch.Generator().manual_seed(0))
    result = crop_resize(image, torch.tensor([box], dtype=torch.float64), size)[0]
    expected = torch.stack([pillow_resize(channel, box, size) for channel in image[0]])
    torch.testing.assert_close(result, expected, rtol=0, atol=2e-6)


def test_equals_pillow_on_eight_bit_colour():
    pixels = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    pillow = np.array(Image.fromarray(pixels).resize((16, 16), Image.Resampling.BILINEAR, box=(2, 4, 29, 33)))
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    ours = crop_resize(image, torch.tensor([[2, 4, 29, 33]]), 16)[0].permute(1, 2, 0)
    np.testing.assert_allclose(ours.numpy(), pillow / 255, rtol=0, atol=1.5 / 255)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_batch_equals_one_by_one(channels, dtype):
    images = torch.rand(3, channels, 41, 29, generator=torch.Generator().manual_seed(0)).to(dtype)
    boxes = torch.tensor([[0, 0, 29, 41], [3, 4, 9, 11], [1.5, 2, 28.5, 40]])
    batch = crop_resize(images, boxes, (12, 10))
    assert torch.equal(batch, torch.cat([crop_resize(images[i : i + 1], boxes[i : i + 1], (12, 10)) for i in range(3)]))
    assert batch.shape == (3, channels, 12, 10)
    assert batch.dtype == dtype
    assert crop_resize(images[:0], boxes[:0], 5).shape == (0, channels, 5, 5)


def test_whole_image_at_its_own_size_is_the_image():
    images = torch.rand(2, 1, 9, 9)
    assert torch.equal(crop_resize(images, torch.tensor([[0, 0, 9, 9]] * 2), 9), images)
    assert torch.equal(
        crop_resize(images[..., :1, :1], torch.tensor([[0, 0, 1, 1]] * 2), 4)[..., 3, 0], images[..., 0, 0]
    )


@pytest.mark.parametrize("box", [(0, 0, 10, 9), (-1, 0, 5, 5), (5, 0, 5, 5), (0, 6, 5, 5), (0, 0, float("nan"), 5)])
def test_box_outside_the_image_is_refused(box):
    boxes = torch.tensor([(0, 0, 9, 9), box])
    with pytest.raises(ValueError, match=r"box 1 .* 9 rows and 9 columns"):
        crop_resize(torch.rand(2, 1, 9, 9), boxes, 4)


def test_other_wrong_arguments():
    with pytest.raises(ValueError, match=r"boxes of shape \(2, 4\), got \(1, 4\)"):
        crop_resize(torch.rand(2, 1, 9, 9), torch.tensor([[0, 0, 9, 9]]), 4)
    for arguments in (
        {"size": 0},
        {"size": 8, "scale": (0, 1)},
        {"size": 8, "scale": (0.5, 1.1)},
        {"size": 8, "ratio": (2, 1)},
    ):
        with pytest.raises(ValueError, match=list(arguments)[-1]):
            RandResizedCrop(**arguments)


def test_boxes_have_the_asked_area_and_ratio():
    crop = RandResizedCrop(8, scale=(0.2, 0.7), ratio=(0.5, 2.0)).set_random_state(seed=0)
    image = torch.zeros(1, 200, 200)
    boxes = []
    for _ in range(2000):
        crop.randomize(image)
        boxes.append(crop._box)
    left, top, right, bottom = np.array(boxes).T
    width, height = right - left, bottom - top
    assert left.min() >= 0
    assert top.min() >= 0
    assert right.max() <= 200
    assert bottom.max() <= 200
    area, log_ratio = width * height / 200**2, np.log(width / height)
    assert area.min() > 0.19
    assert area.max() < 0.71
    assert abs(area.mean() - 0.45) < 0.02  # uniform in area
    assert np.abs(log_ratio).max() < math.log(2) + 0.02
    assert abs(log_ratio.mean()) < 0.05  # and in the logarithm of the ratio
    # Every place is as likely as the others.
    assert abs((left / np.maximum(200 - width, 1)).mean() - 0.5) < 0.03
    assert abs((top / np.maximum(200 - height, 1)).mean() - 0.5) < 0.03


@pytest.mark.parametrize(
    ("rows", "columns", "box"), [(10, 100, (43, 0, 57, 10)), (100, 10, (0, 43, 10, 57)), (1, 1, (0, 0, 1, 1))]
)
def test_the_central_part_where_nothing_fits(rows, columns, box):
    crop = RandResizedCrop(4, scale=(1.0, 1.0), ratio=(1 / 1.35, 1.35)).set_random_state(seed=0)
    crop.randomize(torch.zeros(1, rows, columns))
    left, top, right, bottom = crop._box
    assert (left + right, top + bottom) == pytest.approx((columns, rows), abs=1)
    assert crop._box == pytest.approx(box, abs=1)


def test_random_crop_is_the_batched_function_on_its_box():
    crop = RandResizedCrop((6, 9), scale=(0.3, 0.6)).set_random_state(seed=1)
    image = torch.rand(3, 20, 30)
    result = crop(image)
    assert torch.equal(result, crop_resize(image[None], torch.tensor([crop._box]), (6, 9))[0])
    assert torch.equal(crop(image, randomize=False), result)
    assert not torch.equal(crop(image), result)
    assert torch.equal(crop.set_random_state(seed=1)(image), result)


def test_dict_form_cuts_the_same_box_from_all_keys():
    image = torch.rand(1, 20, 30)
    crop = RandResizedCropd(["a", "b"], 8, scale=(0.3, 0.6)).set_random_state(seed=1)
    data = crop({"a": image, "b": 1 - image})
    assert torch.equal(data["a"], RandResizedCrop(8, scale=(0.3, 0.6)).set_random_state(seed=1)(image))
    torch.testing.assert_close(data["a"] + data["b"], torch.ones(1, 8, 8))


@pytest.mark.parametrize(("rows", "columns"), [(37, 53), (20, 20), (8, 90)])
def test_without_a_scale_the_whole_image_is_resized(rows, columns):
    image = torch.rand(2, rows, columns)
    crop = RandResizedCrop(16, scale=None).set_random_state(seed=0)
    assert torch.equal(crop(image), crop_resize(image[None], torch.tensor([[0, 0, columns, rows]]), 16)[0])
    assert torch.equal(crop(image), crop(image))
    both = RandResizedCropd(("a", "b"), 16, scale=None)({"a": image, "b": 1 - image})
    torch.testing.assert_close(both["a"] + both["b"], torch.ones(2, 16, 16))
