import numpy as np
import pytest
import torch
from PIL import Image

from monai_mocoi.transforms import RandRotation, RandRotationd, rotate


@pytest.mark.parametrize("degrees", [-30.0, 0.0, 12.5, 90.0, 170.0])
@pytest.mark.parametrize("shape", [(40, 40), (31, 50)])
def test_equals_pillow_inside(shape, degrees):
    image = torch.rand(*shape, generator=torch.Generator().manual_seed(0))
    turned = Image.fromarray(image.numpy()).rotate(degrees, Image.Resampling.BILINEAR)
    ours, pillow = rotate(image[None, None], degrees)[0, 0], torch.from_numpy(np.array(turned))
    # Where the source lies less than a pixel inside the frame Pillow gives the edge pixel, we blend with black.
    inside = rotate(torch.ones(1, 1, *shape), degrees)[0, 0] > 1 - 1e-5
    inside[[0, -1]] = inside[:, [0, -1]] = False
    assert inside.float().mean() > 0.4
    torch.testing.assert_close(ours[inside], pillow[inside], rtol=0, atol=2e-4)
    outside = rotate(torch.ones(1, 1, *shape), degrees)[0, 0] == 0
    assert torch.equal(outside & (pillow == 0), outside)


def test_a_quarter_turn_is_rot90():
    images = torch.rand(2, 3, 9, 9)
    torch.testing.assert_close(rotate(images, 90.0), torch.rot90(images, 1, (2, 3)), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("padding_mode", "corner"), [("zeros", 0.0), ("border", 1.0), ("reflection", 1.0)])
def test_padding(padding_mode, corner):
    result = rotate(torch.ones(1, 1, 20, 20), 45.0, padding_mode)
    assert result[0, 0, 0, 0] == pytest.approx(corner, abs=1e-5)
    assert result[0, 0, 10, 10] == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_batch_equals_one_by_one(channels, dtype):
    images = torch.rand(4, channels, 12, 15, generator=torch.Generator().manual_seed(0)).to(dtype)
    degrees = torch.tensor([-30.0, 0.0, 11.0, 29.0])
    batch = rotate(images, degrees)
    assert torch.equal(batch, torch.cat([rotate(images[i : i + 1], float(degrees[i])) for i in range(4)]))
    torch.testing.assert_close(batch[1], images[1], rtol=0, atol=1e-5)
    assert batch.dtype == dtype
    assert rotate(images[:0], degrees[:0]).shape == (0, channels, 12, 15)
    torch.testing.assert_close(rotate(images[..., :1, :1], 0.0), images[..., :1, :1])


def test_random_angle_stays_in_its_range():
    image = torch.rand(1, 8, 8)
    for degrees, low, high in ((30, -30, 30), ((10, 20), 10, 20)):
        turn = RandRotation(degrees, prob=1.0).set_random_state(seed=0)
        drawn = []
        for _ in range(300):
            result = turn(image)
            drawn.append(turn._angle)
        assert torch.equal(result, rotate(image[None], drawn[-1])[0])
        assert low <= min(drawn) < low + 1
        assert high - 1 < max(drawn) <= high


def test_probability_and_seed():
    image = torch.rand(1, 8, 8)
    assert torch.equal(RandRotation(30, prob=0.0)(image), image)
    turn = RandRotation((10, 30), prob=0.5).set_random_state(seed=0)
    first = [turn(image) for _ in range(100)]
    assert 30 < sum(torch.equal(result, image) for result in first) < 70
    turn.set_random_state(seed=0)
    assert all(torch.equal(result, turn(image)) for result in first)


def test_wrong_arguments():
    for degrees in (-5, (20, 10), (1, 2, 3), float("nan")):
        with pytest.raises(ValueError, match="degrees"):
            RandRotation(degrees)
    with pytest.raises(ValueError, match="zeros, border, reflection, got 'black'"):
        RandRotation(5, padding_mode="black")


def test_dict_form():
    image = torch.rand(1, 10, 10)
    data = RandRotationd("a", 20, prob=1.0, padding_mode="border").set_random_state(seed=2)({"a": image})
    assert torch.equal(data["a"], RandRotation(20, prob=1.0, padding_mode="border").set_random_state(seed=2)(image))
