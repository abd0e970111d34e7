from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from monai.transforms import Compose
from PIL import Image

from monai_mocoi.data import DatasetError, resolved_cache_bits
from monai_mocoi.transforms import FitSquare, ReadImage, RescaleIntensity
from tests.data.dataset_folders import picture

DECODE = Compose([ReadImage(channels=1), RescaleIntensity(), FitSquare(16)])


def ramp(levels, high):
    """A picture of so many values, evenly spaced from 0 to ``high`` of 65535."""
    return torch.linspace(0, high / 65535, levels)[None, None].repeat(1, 3, 1)


def folder(tmp_path, faint, whole):
    """PNG files: ``whole`` of 8 bits and then ``faint`` ones, 16 bits stored and values to 4095."""
    items = []
    for index in range(faint + whole):
        values = picture(index, 20).astype(np.uint16) * 16 + np.arange(20, dtype=np.uint16) % 16
        image = picture(index, 20) if index < whole else np.minimum(values, 4095)
        path = tmp_path / f"{index}.png"
        Image.fromarray(image).save(path)
        items.append({"image": str(path)})
    return items


def test_8_bit_files_stay_in_8_bits_however_few_levels_they_have(tmp_path):
    items = []
    for index in range(5):
        Image.fromarray(picture(index, 20) // 16).save(tmp_path / f"{index}.png")
        items.append({"image": str(tmp_path / f"{index}.png")})
    assert resolved_cache_bits("auto", items, DECODE) == 8


def test_a_set_that_would_be_flattened_is_kept_in_16_bits_and_this_is_said(tmp_path, caplog):
    items = folder(tmp_path, faint=3, whole=5)
    with caplog.at_level(logging.INFO):
        assert resolved_cache_bits("auto", items, DECODE) == 16
    assert "3 of 8 training images" in caplog.text
    assert "--intensity percentiles" in caplog.text
    assert resolved_cache_bits("auto", items[:5], DECODE) == 8


def test_what_rescaling_mends_needs_no_16_bits(tmp_path):
    stretched = Compose([ReadImage(channels=1), RescaleIntensity("picture"), FitSquare(16)])
    assert resolved_cache_bits("auto", folder(tmp_path, faint=3, whole=0), stretched) == 8


def test_one_of_more_than_a_hundred_is_left(tmp_path, monkeypatch):
    items = folder(tmp_path, faint=1, whole=3)
    monkeypatch.setattr("monai_mocoi.data.cache_bits._PROBED", 200)
    assert resolved_cache_bits("auto", [*items[:3] * 40, items[3]], DECODE) == 8  # 1 of 121
    assert resolved_cache_bits("auto", [*items[:3] * 40, items[3], items[3]], DECODE) == 16  # 2 of 122


def test_each_of_a_sample_is_read_once_and_evenly_spaced():
    read = []

    def decode(path):
        read.append(int(path))
        return ramp(300, 65535)

    assert resolved_cache_bits("auto", [{"image": str(i)} for i in range(1000)], decode) == 8
    assert len(read) == len(set(read)) == 64
    gaps = np.diff(sorted(read))
    assert (min(read), max(read)) == (0, 999)
    assert set(gaps.tolist()) <= {15, 16}


def test_bad_images_do_not_count(tmp_path):
    items = folder(tmp_path, faint=1, whole=0)
    missing = [{"image": str(tmp_path / f"missing{i}.png")} for i in range(3)]
    assert resolved_cache_bits("auto", [*missing, *items], DECODE) == 16
    assert resolved_cache_bits("auto", missing, DECODE) == 8
    assert resolved_cache_bits("auto", [], DECODE) == 8


def test_given_bits_are_taken_without_a_look():
    for bits in (8, 16):
        assert resolved_cache_bits(bits, [{"image": "missing"}], None) == bits
    with pytest.raises(DatasetError, match="choose 8, 16 or auto"):
        resolved_cache_bits(12, [], DECODE)
