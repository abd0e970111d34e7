import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from monai_mocoi.transforms import RandGaussianBlur, RandGaussianBlurd, gaussian_blur


@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.5, 1.0, 2.0, 7.0])
@pytest.mark.parametrize("shape", [(1, 1), (5, 9), (33, 20)])
def test_equals_scipy(shape, sigma):
    images = torch.rand(1, 3, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = np.stack([gaussian_filter(channel, sigma, mode="nearest") for channel in images[0].numpy()])
    torch.testing.assert_close(gaussian_blur(images, sigma)[0], torch.from_numpy(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_sigma_means_what_pillow_calls_radius(sigma):
    pixels = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    rough = Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1))
    pillow = np.array(rough.filter(ImageFilter.GaussianBlur(sigma))) / 255
    ours = gaussian_blur(torch.from_numpy(np.array(rough))[None, None] / 255, sigma)[0, 0].numpy()
    other = gaussian_blur(torch.from_numpy(np.array(rough))[None, None] / 255, 1.5 * sigma)[0, 0].numpy()
    # Pillow approximates the Gaussian by boxes, and continues the edges again for each: near, and much nearer than
    # another sigma would be.
    assert np.abs(ours - pillow)[8:-8, 8:-8].max() < 3 / 255
    assert np.abs(ours - pillow).mean() < 0.4 * np.abs(other - pillow).mean()


def test_edges_do_not_darken():
    torch.testing.assert_close(gaussian_blur(torch.ones(1, 1, 8, 8), 2.0), torch.ones(1, 1, 8, 8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("channels", [1, 3])
def test_batch_equals_one_by_one(channels, dtype):
    images = torch.rand(4, channels, 12, 15, generator=torch.Generator().manual_seed(0)).to(dtype)
    sigma = torch.tensor([0.0, 0.3, 1.1, 2.0])
    batch = gaussian_blur(images, sigma)
    assert torch.equal(batch, torch.cat([gaussian_blur(images[i : i + 1], float(sigma[i])) for i in range(4)]))
    assert torch.equal(batch[0], images[0])
    assert batch.dtype == dtype
    assert gaussian_blur(images[:0], sigma[:0]).shape == (0, channels, 12, 15)


@pytest.mark.parametrize("sigma", [-1.0, float("nan"), float("inf")])
def test_impossible_sigma(sigma):
    with pytest.raises(ValueError, match="sigma must be 0 or more"):
        gaussian_blur(torch.rand(1, 1, 4, 4), sigma)


def test_random_blur_draws_one_sigma_within_its_range():
    blur = RandGaussianBlur((0.1, 2.0), prob=1.0).set_random_state(seed=0)
    image = torch.rand(1, 10, 10)
    drawn = []
    for _ in range(300):
        result = blur(image)
        drawn.append(blur._sigma)
    assert torch.equal(result, gaussian_blur(image[None], drawn[-1])[0])
    assert 0.1 <= min(drawn) < 0.15
    assert 1.95 < max(drawn) <= 2.0
    # The same in both directions.
    torch.testing.assert_close(blur(image, randomize=False).mT, blur(image.mT, randomize=False))


def test_probability_and_seed():
    image = torch.rand(1, 10, 10)
    assert torch.equal(RandGaussianBlur(prob=0.0)(image), image)
    blur = RandGaussianBlur((1, 2), prob=0.5).set_random_state(seed=0)
    first = [blur(image) for _ in range(100)]
    assert 30 < sum(torch.equal(result, image) for result in first) < 70
    blur.set_random_state(seed=0)
    assert all(torch.equal(result, blur(image)) for result in first)


@pytest.mark.parametrize("sigma", [(2, 1), (-1, 1), (1,), (0, float("inf"))])
def test_wrong_range(sigma):
    with pytest.raises(ValueError, match="sigma"):
        RandGaussianBlur(sigma)


def test_dict_form():
    image = torch.rand(1, 10, 10)
    data = RandGaussianBlurd("a", (0.5, 2), prob=1.0).set_random_state(seed=2)({"a": image})
    assert torch.equal(data["a"], RandGaussianBlur((0.5, 2), prob=1.0).set_random_state(seed=2)(image))
