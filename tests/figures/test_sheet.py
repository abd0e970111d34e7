from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from monai_mocoi.figures import sheet
from monai_mocoi.figures.grad_cam_sheet import grad_cam_sheet
from monai_mocoi.figures.sheet import (
    CAPTION,
    GAP,
    Captioned,
    Part,
    as_rgb,
    beside,
    broken,
    enlarged,
    picture_sheet,
    save_sheet,
    stacked,
    text_block,
)

RED, BLUE = (255, 0, 0), (0, 0, 255)


def plain(rows: int, columns: int, colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((rows, columns, 3), colour, dtype=np.uint8)


def places(shown: np.ndarray, colour: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """First and last row, first and last column of a colour."""
    rows, columns = np.nonzero((shown == colour).all(axis=-1))
    return int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts, in the order in which they are drawn."""
    texts: list[str] = []
    real = sheet.text_block
    monkeypatch.setattr(sheet, "text_block", lambda text, *rest: [texts.append(text), real(text, *rest)][1])
    return texts


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_as_bytes(channels: int) -> None:
    picture = np.linspace(-0.5, 1.5, channels * 12, dtype=np.float32).reshape(channels, 3, 4)
    shown = as_rgb(picture)
    assert (shown.shape, shown.dtype) == ((3, 4, 3), np.uint8)
    for row, column, place in np.ndindex(3, 4, 3):
        value = picture[place % channels, row, column]
        assert shown[row, column, place] == pytest.approx(255 * min(max(float(value), 0), 1), abs=0.51)


def test_the_longer_side_is_enlarged_and_the_shape_kept() -> None:
    assert enlarged(plain(32, 32, RED), 256).shape == (256, 256, 3)
    assert enlarged(plain(10, 40, RED), 200).shape == (50, 200, 3)
    assert enlarged(plain(400, 1, RED), 100).shape == (100, 1, 3)
    assert (enlarged(plain(10, 40, RED), 200) == RED).all()


def test_pictures_stand_in_rows_above_their_captions(written: list[str]) -> None:
    cells = [Captioned(plain(9, 9, RED), "row 0"), Captioned(plain(5, 10, BLUE), "row 1\ntruth: absent")]
    shown = picture_sheet("title", [Part("heading", cells), Part("none here", [])], columns=2, side=150)
    assert written == ["title", "heading", "row 0", "row 1\ntruth: absent", "none here"]
    top, bottom, left, right = places(shown, RED)
    assert (bottom - top + 1, right - left + 1, left) == (150, 150, GAP)
    _, level, left, right = places(shown, BLUE)
    assert (level, left, right - left + 1) == (bottom, 150 + 2 * GAP, 150), "both stand on their captions"
    below = shown[bottom + 1 : bottom + 1 + 3 * CAPTION]
    assert (below[:, : 150 + GAP] < 128).any(), "there is ink"
    assert (below[:, 150 + 2 * GAP :] < 128).any()
    assert shown.shape[1] == 2 * (150 + GAP) + GAP


def test_a_new_row_begins_when_one_is_full() -> None:
    one = [Captioned(plain(8, 8, RED), "a")]
    heights = [len(picture_sheet("t", [Part("", one * count)], columns=3, side=128)) for count in range(1, 8)]
    assert heights[0] == heights[1] == heights[2] < heights[3] == heights[5] < heights[6]
    assert heights[3] - heights[0] == heights[6] - heights[3]


def test_narrow_pictures_leave_room_for_their_captions() -> None:
    shown = picture_sheet("t", [Part("", [Captioned(plain(100, 10, RED), "row 3")])], columns=1, side=100)
    assert shown.shape[1] >= 120


@pytest.mark.parametrize("text", ["one two three four five six", "unbreakable" * 9, "a\n\nb c", "", " x  y"])
@pytest.mark.parametrize("width", [20, 60, 300])
def test_lines_fit_and_lose_no_letter(text: str, width: int) -> None:
    lines = broken(text, width, 15)
    assert all(sheet._font(15).getlength(line) <= width or len(line) == 1 for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "").replace("\n", "")


def test_words_stay_whole_where_there_is_room() -> None:
    lines = broken("one two three four five six", 100, 15)
    assert len(lines) > 1
    assert " ".join(lines) == "one two three four five six"
    assert broken("a\nb", 100, 15) == ["a", "b"]


def test_blocks_are_put_together_without_loss() -> None:
    row = beside([plain(4, 3, RED), plain(2, 5, BLUE)])
    assert row.shape == (4, 8 + GAP, 3)
    assert (places(row, RED), places(row, BLUE)) == ((0, 3, 0, 2), (0, 1, 3 + GAP, 7 + GAP))
    column = stacked([plain(4, 3, RED), plain(2, 5, BLUE)], 5 + 2 * GAP)
    assert places(column, BLUE) == (4 + 2 * GAP, 5 + 2 * GAP, GAP, 4 + GAP)
    assert len(column) == 6 + 3 * GAP


def test_any_text_can_be_drawn() -> None:
    for text in ("$x_{", "Ödem \N{CJK UNIFIED IDEOGRAPH-80BA}", "%s", "\t"):
        assert text_block(text, 200, 15).shape[1] == 200
    assert text_block("", 200, 15).shape == (0, 200, 3)


def test_the_same_sheet_is_the_same_file(tmp_path: Path) -> None:
    files = [tmp_path / "a" / "x.png", tmp_path / "b.png"]
    for file in files:
        save_sheet(file, picture_sheet("t", [Part("h", [Captioned(plain(8, 8, RED), "row 1")])]))
    assert files[0].read_bytes() == files[1].read_bytes()
    with Image.open(files[0]) as png:
        assert (png.mode, png.info) == ("RGB", {}), "and nothing is said in it but the picture"


@pytest.mark.parametrize(("size", "side"), [((32, 32), 256), ((300, 300), 300), ((20, 40), 256), ((64, 8), 256)])
def test_a_grad_cam_sheet_shows_both_pictures_large(size: tuple[int, int], side: int) -> None:
    scale = np.stack([np.arange(256)] * 3, axis=-1)[:, None].astype(np.uint8)
    shown = grad_cam_sheet("t", plain(*size, RED), plain(*size, BLUE), scale, ("left", "right"), "notes")
    for colour in (RED, BLUE):
        top, bottom, left, right = places(shown, colour)
        height, width = bottom - top + 1, right - left + 1
        assert max(height, width) == side
        assert height / width == pytest.approx(size[0] / size[1], rel=0.01)
    (_, _, _, right_of_first), (_, _, left_of_second, _) = places(shown, RED), places(shown, BLUE)
    assert right_of_first < left_of_second


def test_the_scale_of_a_grad_cam_sheet_goes_up_to_the_strongest() -> None:
    scale = np.stack([np.full(256, 7), np.arange(256), np.full(256, 77)], axis=-1)[:, None].astype(np.uint8)
    shown = grad_cam_sheet("t", plain(32, 32, RED), plain(32, 32, BLUE), scale, ("", ""), "n")
    bar = shown[(shown[..., 0] == 7) & (shown[..., 2] == 77)].reshape(256, -1, 3)
    assert (bar[:, 0, 1] == np.arange(255, -1, -1)).all()
