from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from monai_mocoi.errors import FundusError
from monai_mocoi.transforms import Disc, crop_to_disc, find_disc
from tests.transforms.fundus_pictures import fundus


def _near(disc: Disc, row: float, column: float, radius: float, tolerance: float) -> None:
    assert disc.edge_seen
    off = np.hypot(disc.row - row, disc.column - column)
    assert off <= tolerance, f"centre {off:.2f} px off"
    assert abs(disc.radius - radius) <= tolerance, f"radius {disc.radius - radius:+.2f} px off"


@pytest.mark.parametrize(
    ("rows", "columns", "row", "column", "radius"),
    [
        (300, 300, 150, 150, 140),  # whole
        (240, 360, 120.3, 177.7, 110.5),  # black borders at the sides
        (360, 240, 200, 120, 90),  # above and below
        (300, 300, 120, 180, 100),  # off-centre
        (260, 390, 130, 195, 180),  # cut above and below, as most cameras do
        (300, 300, 150, 150, 185),  # cut on four sides: only the corners are dark
        (300, 240, 150, 90, 185),  # two of the corners are left
        (300, 300, 100, 150, 140),  # cut at the top
        (300, 300, 90, 80, 140),  # cut at two sides
        (300, 300, 150, -20, 170),  # its centre lies outside
        (48, 48, 24, 24, 20),  # tiny
        (32, 40, 15, 21, 13),
    ],
)
@pytest.mark.parametrize("light", [1.0, 0.4])
def test_known_discs_are_found(rows, columns, row, column, radius, light):
    picture = fundus(rows, columns, row, column, radius, light=light)
    _near(find_disc(picture), row, column, radius, tolerance=max(1.0, 0.01 * radius))


def test_large_pictures_are_measured_to_a_pixel_of_the_small_one():
    _near(find_disc(fundus(600, 900, 290, 470, 320)), 290, 470, 320, tolerance=2.25)


@pytest.mark.parametrize("seed", range(5))
def test_many_discs(seed):
    random = np.random.default_rng(seed)
    radius = random.uniform(60, 150)
    row, column = random.uniform(100, 160, 2)
    _near(find_disc(fundus(256, 256, row, column, radius, seed=seed)), row, column, radius, max(1.0, 0.012 * radius))


@pytest.mark.parametrize("off", [(0, 0), (1, 0), (0, 3), (2, 2)])
@pytest.mark.parametrize("radius", [96, 98, 99, 100, 101, 102, 104])
def test_a_square_that_nearly_fits_the_disc_costs_no_more_than_2_percent_of_the_radius(off, radius):
    """It may be taken for one that was cut out before."""
    disc = find_disc(fundus(200, 200, 100 + off[0], 100 + off[1], radius))
    wrong = np.subtract((disc.row, disc.column, disc.radius), (100 + off[0], 100 + off[1], radius))
    assert np.abs(wrong).max() <= 0.02 * radius + 0.5  # and half a pixel of the outline


def test_black_bars_do_not_move_the_circle():
    # The camera cut the disc, and somebody added black bars to make the picture square: straight edges inside it.
    picture = fundus(200, 300, 100, 150, 140)
    barred = np.pad(picture, ((0, 0), (60, 40), (0, 0)))
    _near(find_disc(barred), 160, 150, 140, 1.5)
    barred = np.pad(fundus(240, 240, 120, 120, 145), ((0, 0), (30, 30), (30, 30)))
    _near(find_disc(barred), 150, 150, 145, 2.5)


def test_the_notch_and_letters_beside_the_disc_do_not_move_the_circle():
    picture = fundus(300, 300, 150, 150, 120)
    picture[:, 60:75, 225:245] = 0.6  # the notch, upper right
    picture[:, 280:290, 10:60] = 1.0  # a date
    _near(find_disc(picture), 150, 150, 120, 1.5)


def test_a_background_that_is_not_black():
    for background in (0.05, 0.15):
        picture = fundus(300, 300, 140, 160, 110, background=background, noise=0.02)
        _near(find_disc(picture), 140, 160, 110, 1.5)


def test_grey_pictures_and_half_in_shade():
    picture = fundus(300, 300, 150, 150, 120)
    _near(find_disc(picture.mean(0, keepdims=True)), 150, 150, 120, 1.5)
    picture[:, :, :150] *= np.linspace(0.02, 1, 150, dtype=np.float32)  # the left third is lost in the dark
    _near(find_disc(picture), 150, 150, 120, 2.5)


def test_a_retina_that_fills_the_picture():
    disc = find_disc(fundus(200, 300, 100, 150, 400))
    assert disc == Disc(100, 150, 150, edge_seen=False)
    disc = find_disc(np.pad(fundus(200, 200, 100, 100, 400), ((0, 0), (0, 0), (50, 30))))  # black bars beside it
    assert (disc.row, disc.column, disc.radius) == pytest.approx((100, 150, 100), abs=1)
    assert not disc.edge_seen


def test_the_same_picture_gives_the_same_disc():
    picture = fundus(260, 390, 130, 195, 180)
    state = np.random.get_state()[1].copy()  # noqa: NPY002  # the global one, which must stay as it is
    assert find_disc(picture) == find_disc(picture.copy())
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (np.zeros((3, 200, 200), np.float32), "it is black"),
        (fundus(200, 200, 100, 100, 80, light=0.02, noise=0.002), "only specks"),
        (fundus(200, 200, 100, 100, 80, light=0.09, noise=0.002), "too dark"),
        (np.clip(fundus(200, 200, 100, 100, 80) * 12, 0, 1), "too bright"),
        (np.full((3, 200, 200), 0.5, np.float32), "no structure"),
        (np.random.default_rng(0).random((3, 31, 200), np.float32), "too small"),
        (np.zeros((1, 1, 1), np.float32), "too small"),
    ],
)
def test_unusable_pictures_say_why(picture, reason):
    with pytest.raises(FundusError, match=reason):
        find_disc(picture)


def test_what_is_no_disc():
    cross = np.zeros((1, 200, 200), np.float32)
    cross[:, 90:110, 20:180] = cross[:, 20:180, 90:110] = 0.5
    cross[:, 100:, :] *= 0.8
    sliver = fundus(200, 200, 100, 100, 90)
    sliver[:, :, 60:] = 0
    for picture in (cross, sliver):
        with pytest.raises(FundusError, match="disc"):
            find_disc(picture)


def test_exposure_can_be_left_unjudged():
    dark = fundus(200, 200, 100, 100, 80, light=0.09, noise=0.002)
    _near(find_disc(dark, check_exposure=False), 100, 100, 80, 1.5)


def test_impossible_pictures():
    for shape in ((200, 200), (2, 200, 200), (3, 1, 200, 200)):
        with pytest.raises(ValueError, match="is needed"):
            find_disc(np.zeros(shape, np.float32))


def test_crop_against_pillow():
    picture = fundus(100, 120, 50, 60, 40)
    ours = crop_to_disc(picture, Disc(50, 60, 40), 37)
    for channel, values in zip(ours, picture, strict=True):
        theirs = Image.fromarray(values).crop((20, 10, 100, 90)).resize((37, 37), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(channel, np.asarray(theirs))


@pytest.mark.parametrize("size", [40, 80, 113])
def test_the_crop_holds_the_disc_where_it_must_be(size):
    # Reduced, kept and enlarged; a disc of a twelfth of the picture.
    picture = fundus(200, 300, 110, 140, 40, noise=0)
    lit = crop_to_disc(picture, find_disc(picture), size)[0] > 0.2
    y, x = np.mgrid[:size, :size] + 0.5
    expected = np.hypot(y - size / 2, x - size / 2) < size / 2
    assert (lit != expected).mean() < 0.03


def test_what_lies_outside_the_picture_is_black():
    picture = np.ones((3, 60, 60), np.float32)
    cropped = crop_to_disc(picture, Disc(10, 50, 20), 40)
    expected = np.zeros((40, 40), np.float32)
    expected[10:, :30] = 1
    np.testing.assert_array_equal(cropped, np.stack([expected] * 3))
    assert not crop_to_disc(picture, Disc(-200, 30, 20), 40).any()
