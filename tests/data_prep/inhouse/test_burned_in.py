from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import gaussian_filter

from data_prep.inhouse.burned_in import has_text_like_border


def _radiograph(side=400, seed=0):
    """Soft shapes with the noise of a detector: what a radiograph is without text."""
    random = np.random.default_rng(seed)
    soft = gaussian_filter(random.normal(size=(side, side)), 12)
    soft = (soft - soft.min()) / np.ptp(soft)
    return np.clip(40 + 140 * soft + random.normal(0, 2, (side, side)), 0, 255).astype(np.uint8)


def _with_text(levels, text, size, grey, where):
    picture, font = Image.fromarray(levels), ImageFont.load_default(size)
    pen = ImageDraw.Draw(picture)
    width = pen.textlength(text, font=font)
    rows, columns = levels.shape
    place = {
        "top left": (6, 6),
        "bottom right": (columns - width - 6, rows - 1.4 * size - 6),
        "middle": ((columns - width) / 2, rows / 2 - size / 2),
    }[where]
    pen.text(place, text, fill=grey, font=font)
    return np.asarray(picture)


def _looks(levels, channels=1):
    return has_text_like_border(np.repeat(levels[None].astype(np.float32) / 255, channels, 0))


@pytest.mark.parametrize("size", [12, 20, 32])
@pytest.mark.parametrize(("grey", "where"), [(255, "top left"), (255, "bottom right"), (0, "top left")])
def test_a_name_in_a_corner_is_noticed(size, grey, where):
    assert _looks(_with_text(_radiograph(), "Qvistgaard 123", size, grey, where))


def test_colour_pictures_are_looked_at_too():
    assert _looks(_with_text(_radiograph(), "Qvistgaard 123", 20, 255, "top left"), channels=3)


def test_the_middle_is_not_looked_at():
    assert not _looks(_with_text(_radiograph(800), "Name", 20, 255, "middle"))


@pytest.mark.parametrize("seed", range(5))
def test_soft_shapes_and_noise_are_no_text(seed):
    assert not _looks(_radiograph(seed=seed))


@pytest.mark.parametrize("what", ["collimator", "line", "grid", "white", "flat", "letter"])
def test_edges_lines_and_a_letter_are_no_text(what):
    levels = _radiograph()
    if what == "collimator":
        levels[:40], levels[-40:], levels[:, :30] = 0, 0, 0
    elif what == "line":
        levels[:, 20:22] = 255
    elif what == "grid":
        levels[:, ::8] = 255  # upright only, as an anti-scatter grid
    elif what == "white":
        levels[:] = 255
    elif what == "flat":
        levels[:] = 90
    else:
        levels = _with_text(levels, "L", 40, 255, "top left")
    assert not _looks(levels)


@pytest.mark.parametrize("shape", [(31, 400), (400, 31), (1, 1), (32, 32), (33, 64)])
def test_small_pictures_are_no_fault(shape):
    assert not has_text_like_border(np.zeros((1, *shape), np.float32))
