from __future__ import annotations

import numpy as np
from PIL import Image

from data_prep.eyepacs_photographs import Pair, write_contact_sheet
from monai_mocoi.transforms.disc_fit import Disc


def _sheet(path, *pairs):
    write_contact_sheet(iter(pairs), len(pairs), path)
    return np.asarray(Image.open(path))


def test_before_and_after_where_they_belong(tmp_path):
    before, after = np.full((3, 72, 144), 0.2, np.float32), np.full((3, 20, 20), 0.8, np.float32)
    sheet = _sheet(tmp_path / "a.png", *[Pair("", before, after)] * 6)
    assert sheet.shape == (2 * 164 + 6, 5 * 306, 3)
    for left, top in ((0, 0), (4 * 306, 0), (0, 164)):
        cell = sheet[top + 20 : top + 164, left + 6 : left + 150]
        assert (cell[36:108] == 51).all()  # half as high as wide: in the middle of its cell
        assert (cell[:36] == 70).all()
        assert (sheet[top + 20 : top + 164, left + 156 : left + 300] == 204).all()
    assert (sheet[164 + 6 :, 306:] == 70).all()  # no seventh


def test_the_circle_is_drawn_where_the_disc_is(tmp_path):
    before = np.zeros((3, 288, 288), np.float32)
    for seen, colour in ((True, (0, 255, 0)), (False, (80, 160, 255))):
        cell = _sheet(tmp_path / "a.png", Pair("", before, None, Disc(144, 100, 80, seen)))[20:164, 6:150]
        rows, columns = np.nonzero((cell == colour).all(2))
        assert len(rows)
        assert np.abs(np.hypot(rows + 0.5 - 72, columns + 0.5 - 50) - 40).max() <= 1.5


def test_captions_stay_above_their_own_pair(tmp_path):
    black = np.zeros((3, 10, 10), np.float32)
    sheet = _sheet(tmp_path / "a.png", Pair("W" * 200, black), Pair("", black))
    assert (sheet[6:20, 6:300] > 200).any()
    assert (sheet[6:20, 300:] == 70).all()
