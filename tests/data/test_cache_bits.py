from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from monai.transforms import Compose
from PIL import Image

from monai_mocoi.data import resolved_cache_bits
from monai_mocoi.errors import DatasetError
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
    assert "intensity percentiles" in caplog.text
    assert resolved_cache_bits("auto", items[:5], DECODE) == 8


def test_what_rescaling_mends_needs_no_16_bits(tmp_path):
    stretched = Compose([ReadImage(channels=1), RescaleIntensity("picture"), FitSquare(16)])
    assert resolved_cache_bits("auto", folder(tmp_path, faint=3, whole=0), stretched) == 8


def test_a_sample_is_read_once_the_same_in_every_run_and_not_evenly_spaced():
    def places(total):
        read = []

        def decode(path):
            read.append(int(path))
            return ramp(300, 65535)

        assert resolved_cache_bits("auto", [{"image": str(place)} for place in range(total)], decode) == 8
        return sorted(read)

    read = places(3000)
    assert len(read) == len(set(read)) == 128
    assert read == places(3000)
    assert len(set(np.diff(read).tolist())) > 20
    assert max(np.diff([0, *read, 2999])) < 300
    assert places(100) == list(range(100))  # a small set is read whole


@pytest.mark.parametrize("total", [189, 1134, 5000])
def test_kinds_that_take_turns_are_both_met(total):
    """Every third picture of 8 bits, the others flattened: 64 of 189 evenly spaced ones would all be of one kind."""
    for kind in range(3):

        def decode(path, kind=kind):
            return ramp(300, 65535) if int(path) % 3 == kind else ramp(300, 4095)

        assert resolved_cache_bits("auto", [{"image": str(place)} for place in range(total)], decode) == 16


def test_two_in_a_hundred_are_found_in_most_sets():
    def found(seed):
        faint = set(np.random.default_rng(seed).choice(2000, 40, replace=False).tolist())

        def decode(path):
            return ramp(300, 4095) if int(path) in faint else ramp(300, 65535)

        return resolved_cache_bits("auto", [{"image": str(place)} for place in range(2000)], decode) == 16

    assert sum(found(seed) for seed in range(25)) >= 20  # 1 - 0.98 ** 128 is 92 %


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
