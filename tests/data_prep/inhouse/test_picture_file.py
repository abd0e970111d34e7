from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data_prep.candidates import Found, Outcome
from data_prep.inhouse.picture_file import SMALL, count_in_colour, image_note, manifest_of_images
from data_prep.picture import names_with


def note(channels: int = 1, side: int = 40, written: int = 8) -> dict[str, Any]:
    return image_note(np.zeros((channels, side, side + 1), np.float32), 0, 32, written)


def test_the_note_of_an_image() -> None:
    picture = np.zeros((1, 40, 60), np.float32)
    picture[0, 0, ::2] = np.arange(30) / 65535
    picture[0, 1] = 1  # of every second row alone the levels are counted
    assert image_note(picture, 4, 41, 16) == {"bits": 5, "levels": 30, "channels": 1, "written": 16}
    assert image_note(picture, 4, 40, 16)["bits"] == 4


@pytest.mark.parametrize(("colour", "channels"), [(0, 1), (1, 1), (2, 3), (4, 3)])
def test_the_manifest_counts_those_that_are_used(colour: int, channels: int) -> None:
    notes = {f"i{k}": note(3 if k < colour else 1, 20 if k == 0 else 40) for k in range(4)}
    notes["left out"] = note(3, 10, 16)
    splits = {"training": ["i0", "i1"], "test": ["i2", "i3"]}
    told = manifest_of_images(Outcome(Path(), Found("", (), {}), notes, splits, {}, []), 32, "multi", False)
    assert told == {
        "bits": 8,
        "channels": channels,
        "in_colour": colour,
        "size": 32,
        "label_kind": "multi",
        "identified": False,
        "smaller_than_size": 1,
    }
    assert (len(names_with(SMALL, notes)), count_in_colour(notes.values())) == (2, colour + 1)
