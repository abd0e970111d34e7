import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from monai_mocoi.transforms.colour_jitter import RandGrayscale
from monai_mocoi.transforms.images import check_batch, per_sample, per_sample_on_host, plain_image


def test_plain_image_strips_metadata_and_takes_numpy():
    values = torch.rand(1, 3, 4)
    for img in (values, MetaTensor(values), values.numpy()):
        plain = plain_image(img, "test")
        assert type(plain) is torch.Tensor
        assert torch.equal(plain, values)


@pytest.mark.parametrize("shape", [(3, 4), (1, 1, 3, 4), (0, 3, 4), (1, 0, 4)])
def test_plain_image_names_the_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"asker: .*got \(" + ", ".join(map(str, shape))):
        plain_image(torch.zeros(shape), "asker")


def test_integers_are_refused_with_the_next_step():
    with pytest.raises(ValueError, match="divide uint8 by 255"):
        plain_image(np.zeros((1, 3, 4), np.uint8), "asker")
    with pytest.raises(ValueError, match="divide uint8 by 255"):
        check_batch(torch.zeros(1, 1, 3, 4, dtype=torch.int32), "asker")


def test_check_batch():
    check_batch(torch.zeros(0, 7, 3, 4), "asker")
    check_batch(torch.zeros(2, 3, 3, 4), "asker", colour=True)
    with pytest.raises(ValueError, match="single image"):
        check_batch(torch.zeros(3, 3, 4), "asker")
    with pytest.raises(ValueError, match="got 4"):
        check_batch(torch.zeros(2, 4, 3, 4), "asker", colour=True)


def test_per_sample_takes_numbers_and_tensors():
    images = torch.zeros(3, 1, 2, 2, dtype=torch.float64)
    for value in (2.0, torch.tensor(2.0), torch.full((3,), 2.0)):
        assert torch.equal(per_sample(value, images, "p"), torch.full((3, 1, 1, 1), 2.0, dtype=torch.float64))
        assert np.array_equal(per_sample_on_host(value, images, "p"), np.full(3, 2.0))
    for ask in (per_sample, per_sample_on_host):
        with pytest.raises(ValueError, match=r"angle: .* 3 samples, got a tensor of shape \(2,\)"):
            ask(torch.zeros(2), images, "angle")


@pytest.mark.parametrize("prob", [-0.1, 1.1, float("nan")])
def test_probability_outside_its_range(prob):
    with pytest.raises(ValueError, match="prob"):
        RandGrayscale(prob)
