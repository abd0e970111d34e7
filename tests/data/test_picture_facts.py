from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from monai_mocoi.data.picture_facts import MEASURED, measure_pictures
from monai_mocoi.errors import DatasetError
from tests.data.dataset_folders import picture, save
from tests.transforms.fundus_pictures import fundus


def items(*paths):
    return [{"image": str(path)} for path in paths]


def test_sizes_and_what_cannot_be_read(tmp_path):
    paths = [
        save(tmp_path / f"{rows}x{columns}.PNG", np.resize(picture(rows), (rows, columns)))
        for rows, columns in ((20, 60), (30, 30), (50, 40))
    ]
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    facts = measure_pictures(items(*paths, tmp_path / "broken.jpg", tmp_path / "missing.png"))
    assert (facts.of, facts.read, facts.unreadable) == (5, 3, 2)
    assert facts.shorter_sides == (20, 30, 40)
    assert facts.long_to_short == 1.25
    assert facts.suffixes == ("jpg", "png")
    assert facts.without_disc is None
    with pytest.raises(DatasetError, match="none of 1 training images"):
        measure_pictures(items(tmp_path / "missing.png"))


def test_colour_is_what_more_than_a_hundredth_of_the_pixels_show(tmp_path):
    grey = np.repeat(picture(1, 40)[..., None], 3, axis=2)
    marked, red = grey.copy(), grey.copy()
    marked[:4, :4, 0] = 255  # 16 of 1,600: a coloured letter
    red[:4, :5, 0] = 255
    tinted = np.clip(grey + np.array([5, 0, -5]), 0, 255).astype(np.uint8)
    files = {"grey": grey[..., 0], "rgb": grey, "marked": marked, "tinted": tinted, "red": red}
    found = {
        name: measure_pictures(items(save(tmp_path / f"{name}.png", pixels))).coloured for name, pixels in files.items()
    }
    assert found == {"grey": 0, "rgb": 0, "marked": 0, "tinted": 0, "red": 1}


def test_the_range_that_is_used(tmp_path):
    ramp = np.linspace(0, 1, 10_000).reshape(100, 100)
    Image.fromarray(np.rint(ramp * 65535).astype(np.uint16)).save(tmp_path / "whole.png")
    Image.fromarray(np.rint(ramp * 4095).astype(np.uint16)).save(tmp_path / "part.png")
    whole, part = (measure_pictures(items(tmp_path / f"{name}.png")) for name in ("whole", "part"))
    assert whole.range_used == pytest.approx(0.99, abs=1e-3)
    assert part.range_used == pytest.approx(0.99 / 16, abs=1e-3)
    assert (whole.flattened, part.flattened) == (0, 1)


def test_discs_of_a_fundus(tmp_path):
    disc = np.rint(fundus(80, 120, 40, 60, 33) * 255).astype(np.uint8).transpose(1, 2, 0)
    paths = [save(tmp_path / "disc.png", disc), save(tmp_path / "black.png", (picture(3, 80) // 50))]
    assert measure_pictures(items(*paths), fundus=True).without_disc == 1


def test_no_more_than_so_many_are_read_and_always_the_same(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", picture(1))
    seen = []
    monkeypatch.setattr(
        "monai_mocoi.data.picture_facts.read_image", lambda name: seen.append(name) or picture(1)[None] / 255
    )
    many = [{"image": f"{number}{path}"} for number in range(3 * MEASURED)]
    facts = measure_pictures(many)
    first, seen[:] = sorted(seen), []
    measure_pictures(many)
    assert sorted(seen) == first
    assert (facts.of, facts.read, len(set(first))) == (3 * MEASURED, MEASURED, MEASURED)
