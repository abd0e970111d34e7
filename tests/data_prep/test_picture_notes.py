from __future__ import annotations

import numpy as np

from data_prep.picture_notes import FLATTENED, IGNORED_WINDOW, noted, picture_note, print_noted
from monai_mocoi.transforms.dicom_display import WINDOW_IGNORED


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
