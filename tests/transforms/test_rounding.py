from __future__ import annotations

import numpy as np
import pytest
import torch

from monai_mocoi.errors import ConstantImageError, ImageReadError
from monai_mocoi.transforms import RoundToBits, RoundToBitsd
from monai_mocoi.transforms.rounding import dequantise, quantise


@pytest.mark.parametrize("bits", [8, 16])
def test_quantise_against_whole_number_arithmetic(bits):
    limit = 2**bits - 1
    values = np.random.default_rng(0).random((3, 40, 50), dtype=np.float32)
    expected = np.array([round(float(np.float32(v) * np.float32(limit))) for v in values.ravel()])
    q = quantise(torch.from_numpy(values), bits)
    assert q.dtype == {8: np.uint8, 16: np.uint16}[bits]
    np.testing.assert_array_equal(q.ravel(), expected)
    assert float((dequantise(q) - torch.from_numpy(values)).abs().max()) <= 0.5 / limit * 1.01


@pytest.mark.parametrize("bits", [8, 16])
def test_every_level_comes_back_exactly(bits):
    levels = np.arange(2**bits, dtype=np.float32)[None, None]
    exact = levels / np.float32(2**bits - 1)
    np.testing.assert_array_equal(dequantise(quantise(exact, bits)).numpy(), exact)


def test_what_cannot_be_quantised():
    quantise(np.full((1, 1, 1), 1.0009, np.float32), 8)  # the overshoot of a filter
    for value, text in ((1.01, "1.01"), (-0.01, "-0.01"), (255, "255")):
        with pytest.raises(ImageReadError, match=rf"values from .*{text}"):
            quantise(np.full((1, 2, 2), value, np.float32), 8)
    for value in (np.nan, np.inf, -np.inf):
        one_pixel = np.zeros((1, 3, 3), np.float32)
        one_pixel[0, 1, 2] = value
        with pytest.raises(ImageReadError, match=r"not finite \(NaN or infinity\)"):
            quantise(one_pixel, 8)
    with pytest.raises(ImageReadError, match=r"shape \(2, 2\)"):
        quantise(np.zeros((2, 2), np.float32), 8)


def test_what_rounding_makes_constant_is_refused_and_what_16_bits_keep_is_not():
    faint = np.arange(120, dtype=np.float32).reshape(1, 10, 12) / 65535
    with pytest.raises(ConstantImageError, match=r"one grey level in 8 bits; keep 16 \(cache_bits 16\)"):
        quantise(faint, 8)
    assert np.unique(quantise(faint, 16)).size == 120
    with pytest.raises(ConstantImageError, match="in 16 bits; train with another intensity"):
        quantise(faint / 1000, 16)
    levels = np.array([0.1, 0.5, 0.9], np.float32)[:, None, None]
    coloured = levels + np.repeat(faint, 3, axis=0)  # each channel becomes one value, but not the same
    with pytest.raises(ConstantImageError):
        quantise(coloured, 8)
    coloured[1, 3, 4] += np.float32(0.01)  # one channel shows something
    assert np.unique(quantise(coloured, 8)).size == 4
    assert np.unique(quantise(np.full((1, 4, 4), 0.3, np.float32), 8)).size == 1  # was constant before


@pytest.mark.parametrize("bits", [8, 16])
def test_the_transform_gives_what_the_cache_gives(bits):
    picture = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(0))
    expected = dequantise(quantise(picture, bits))
    assert torch.equal(RoundToBits(bits)(picture), expected)
    made = RoundToBitsd("image", bits)({"image": picture, "index": 4})
    assert made["index"] == 4
    assert torch.equal(made["image"], expected)
    assert not torch.equal(RoundToBits(24 - bits)(picture), expected)
    with pytest.raises(ValueError, match="bits is 12"):
        RoundToBits(12)
