from __future__ import annotations

import numpy as np
import pytest

from data_prep.console import print_noted
from data_prep.picture import BINS, FLATTENED, IGNORED_WINDOW, histogram, noted, picture_note
from monai_mocoi.transforms.dicom import WINDOW_IGNORED
from monai_mocoi.transforms.reader import to_channels


def test_what_is_noted_of_a_picture():
    faint = np.linspace(0, 4095 / 65535, 4096, dtype=np.float32).reshape(1, 64, 64)
    assert picture_note(faint) == FLATTENED
    assert picture_note(faint * 16) == 0
    assert picture_note(faint * 16, {WINDOW_IGNORED}) == IGNORED_WINDOW
    assert picture_note(faint, {WINDOW_IGNORED}) == FLATTENED + IGNORED_WINDOW


def test_what_is_told_of_it(capsys):
    notes = {"b": FLATTENED, "a": {"bits": FLATTENED + IGNORED_WINDOW + 1}, "c": 1, "d": {"levels": 3}}
    assert noted(notes) == {"few_grey_levels": ["a", "b"], "window_ignored": ["a"]}
    print_noted(notes)
    printed = capsys.readouterr().out
    assert "2 of 4 pictures use a small part" in printed
    assert "cache_bits auto" in printed
    assert "1 pictures have a window" in printed
    print_noted(notes, written_in_8_bits=True)  # whatever cache_bits is then
    printed = capsys.readouterr().out
    assert "2 of 4 pictures use a small part" in printed
    assert "what is lost stays lost" in printed
    assert "cache_bits" not in printed
    print_noted({"c": 1})
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("channels", [1, 3])
def test_against_counting_one_by_one(channels):
    picture = np.random.default_rng(0).integers(0, 256, (channels, 9, 7)).astype(np.float32) / np.float32(255)
    expected = np.zeros(BINS)
    for value in to_channels(picture, 1).ravel().tolist():
        expected[min(int(value * BINS), BINS - 1)] += 1 / 63
    np.testing.assert_allclose(histogram(picture), expected, atol=1e-6)


def test_black_and_white_are_in_it():
    picture = np.array([0, 1, 1, 1], np.float32).reshape(1, 2, 2)
    assert histogram(picture)[[0, -1]].tolist() == [0.25, 0.75]
