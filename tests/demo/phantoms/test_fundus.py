"""What is drawn, measured on the masks and outlines and by drawing the same photograph with and without one thing."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage
from scipy.stats import rankdata

from monai_mocoi.demo.phantoms.fundus import draw_photograph
from monai_mocoi.demo.phantoms.fundus_outlines import LESIONS, blob
from monai_mocoi.demo.phantoms.fundus_person import SIDES, sample_person, sample_photograph
from monai_mocoi.demo.phantoms.fundus_vessels import Outline
from monai_mocoi.transforms.fundus_disc import find_disc

CIRCLE = np.linspace(0, 2 * np.pi, 100, endpoint=False)


def _person(seed, grade=None):
    person = sample_person(np.random.default_rng(seed))
    return person if grade is None else replace(person, grades=(grade, grade))


def _photograph(seed, grade=None, side="right"):
    person = _person(seed, grade)
    return person, sample_photograph(np.random.default_rng([seed, 1]), person, side)


def _plain(seed=0, **change):
    """A photograph of an eye without anything on its retina, without noise, blur and unevenness."""
    person, photograph = _photograph(seed, 0)
    person = replace(person, dust=(), notch=None, vignette=0.0, choroid=0.0, aspect=1.5, filling=0.9, view=22.5)
    plain = {"outlines": (), "noise": 0.0, "focus": 0.0, "light": (1.0, 0.0, 0.0), "flare": (0, 0, 1, 0), "rim": 0.0}
    return person, replace(photograph, **{**plain, "pointing": (5.0, 0.0), "shift": (0.0, 0.0), **change})


def _area(outline):
    x, y = outline.points.T
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2


def test_same_seed_same_image_other_seed_other_image():
    first, again, other = (draw_photograph(*_photograph(seed), 64).image for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    other = np.asarray(Image.fromarray((other * 255).astype(np.uint8)).resize(first.shape[1::-1])) / 255
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize("size", [32, 65, 160])
def test_image_is_rgb_float32_of_0_to_1_with_the_columns_of_the_camera(size):
    person, photograph = _photograph(0)
    drawing = draw_photograph(replace(person, aspect=1.5), photograph, size)
    assert drawing.image.shape == (size, round(1.5 * size), 3)
    assert drawing.image.dtype == np.float32
    assert drawing.image.min() >= 0
    assert drawing.image.max() <= 1
    assert set(drawing.masks) == {"field", "optic disc", "vessel", *LESIONS}
    assert all(mask.shape == drawing.image.shape[:2] and mask.dtype == bool for mask in drawing.masks.values())


def test_a_large_picture_shows_the_same_as_a_small_one():
    person, photograph = _photograph(1, 3)
    small, large = (draw_photograph(person, photograph, size) for size in (160, 640))
    for name, mask in small.masks.items():
        assert large.masks[name].mean() == pytest.approx(mask.mean(), rel=0.25, abs=2e-4)
    assert large.row == pytest.approx(4 * small.row)
    assert large.radius == pytest.approx(4 * small.radius)


def test_the_grade_says_which_lesions_there_are():
    for seed in range(8):
        kinds = [{o.kind for o in _photograph(seed, grade)[1].outlines} & set(LESIONS) for grade in range(5)]
        assert kinds[0] == set()
        assert kinds[1] == {"microaneurysm"}
        assert kinds[2] >= {"microaneurysm", "haemorrhage"}
        assert "new vessel" not in kinds[2] | kinds[3]
        assert kinds[4] >= {"microaneurysm", "haemorrhage", "new vessel"}
    assert [_photograph(0, grade)[1].label for grade in range(5)] == [0, 0, 1, 1, 1]


def test_no_lesion_is_drawn_at_grade_0_and_their_area_grows_with_the_grade():
    outlined, drawn = np.zeros(5), np.zeros(5)
    for seed in range(6):
        for grade in range(5):
            person, photograph = _photograph(seed, grade, SIDES[seed % 2])
            outlined[grade] += sum(_area(o) for o in photograph.outlines if o.kind in LESIONS)
            masks = draw_photograph(person, photograph, 80).masks
            drawn[grade] += np.any([masks[kind] for kind in LESIONS], axis=0).mean()
    for area in (outlined, drawn):
        assert area[0] == 0
        assert (np.diff(area) > 0).all()
        assert area[2] > 2 * area[1]


def test_lesions_lie_in_the_photograph_and_off_the_optic_disc():
    for seed in range(10):
        person, photograph = _photograph(seed, 3, SIDES[seed % 2])
        mirror = 1 if photograph.side == "right" else -1
        drawing = draw_photograph(person, photograph, 100)
        for outline in photograph.outlines:
            if outline.kind in LESIONS:
                x, y = outline.points.mean(0)
                column = drawing.column + mirror * (x - photograph.pointing[0]) * drawing.radius / person.view
                row = drawing.row + (y - photograph.pointing[1]) * drawing.radius / person.view
                assert drawing.masks["field"][int(row), int(column)]
                assert np.hypot(x - person.disc[0], y - person.disc[1]) > person.disc[2]


def test_eyes_of_a_person_are_alike_and_two_fifths_are_referable():
    grades = np.array([_person(seed).grades for seed in range(1500)])
    apart = np.abs(np.diff(grades, axis=1))
    assert apart.max() == 1
    assert 0.15 < apart.mean() < 0.30
    assert 0.35 < (grades >= 2).mean() < 0.45
    assert np.bincount(grades.ravel()).min() > 0.07 * grades.size
    assert grades[:, 0].mean() == pytest.approx(grades[:, 1].mean(), abs=0.1)


def test_the_optic_disc_lies_towards_the_nose_in_either_eye():
    for seed in range(6):
        for side, sign in (("right", 1), ("left", -1)):
            drawing = draw_photograph(*_photograph(seed, 0, side), 64)
            columns = np.nonzero(drawing.masks["optic disc"])[1]
            assert sign * (columns.mean() - drawing.column) > 0.1 * drawing.radius


def test_a_left_eye_is_a_right_ones_mirror_image():
    person, right = _plain(seed=2, outlines=_photograph(2, 3)[1].outlines)
    right, left = (draw_photograph(person, replace(right, side=side), 120) for side in ("right", "left"))
    for name, mask in right.masks.items():
        # Not to the pixel: Pillow fills the border of a polygon on one side.
        assert (mask != left.masks[name][:, ::-1]).mean() < 0.02
    assert np.abs(right.image - left.image[:, ::-1]).mean() < 0.01
    assert np.abs(right.image - left.image).mean() > 0.015


def test_the_optic_disc_and_the_fovea_are_where_they_were_asked_to_be():
    person, photograph = _plain()
    person = replace(person, disc=(15.0, -2.0, 3.0), macula=0.5)
    drawing = draw_photograph(person, photograph, 200)
    degree = drawing.radius / 22.5
    rows, columns = np.nonzero(drawing.masks["optic disc"])
    assert (columns.mean() + 0.5 - drawing.column) / degree == pytest.approx(10.0, abs=0.1)
    assert (rows.mean() + 0.5 - drawing.row) / degree == pytest.approx(-2.0, abs=0.1)
    assert len(rows) / degree**2 == pytest.approx(np.pi * 9 * 1.08, rel=0.03)
    grey = drawing.image.mean(2)
    inside = np.hypot(*(np.indices(grey.shape) + 0.5 - np.array([drawing.row, drawing.column])[:, None, None]))
    row, column = np.unravel_index(np.where(inside < 0.9 * drawing.radius, grey, 1).argmin(), grey.shape)
    assert (column + 0.5 - drawing.column) / degree == pytest.approx(-5.0, abs=0.3)
    assert (row + 0.5 - drawing.row) / degree == pytest.approx(0.0, abs=0.3)


@pytest.mark.parametrize(
    ("kind", "sign"),
    [
        *((kind, -1) for kind in ("artery", "vein", "new vessel", "microaneurysm", "haemorrhage", "pigment", "naevus")),
        *((kind, 1) for kind in ("drusen", "sheen", "cotton wool", "exudate")),
    ],
)
def test_an_outline_darkens_or_brightens_the_picture_where_it_lies(kind, sign):
    circle = np.stack([2.0 + 1.5 * np.cos(CIRCLE), 6.0 + 1.5 * np.sin(CIRCLE)], 1)
    person, photograph = _plain()
    without = draw_photograph(person, photograph, 200)
    with_it = draw_photograph(person, replace(photograph, outlines=(Outline(kind, circle, 0.8),)), 200)
    change = (with_it.image - without.image).mean(2)
    degree = without.radius / 22.5
    rows, columns = np.indices(change.shape) + 0.5
    distance = np.hypot((columns - without.column) / degree + 3.0, (rows - without.row) / degree - 6.0)
    assert sign * change[distance < 0.8].mean() > 0.03
    assert np.abs(change[distance > 3.2]).max() < 1e-6
    if kind in LESIONS:
        assert with_it.masks[kind].sum() / degree**2 == pytest.approx(np.pi * 1.5**2, rel=0.05)
        assert not without.masks[kind].any()


def test_blood_is_redder_than_pigment():
    """What tells a haemorrhage from a harmless dark spot."""
    circle = np.stack([2.0 + 1.5 * np.cos(CIRCLE), 6.0 + 1.5 * np.sin(CIRCLE)], 1)
    person, photograph = _plain()
    redness = {}
    for kind in ("haemorrhage", "pigment"):
        image = draw_photograph(person, replace(photograph, outlines=(Outline(kind, circle, 0.8),)), 100).image
        red, green, _ = image[50 + 6 * 2, 75 - 3 * 2]
        redness[kind] = red / green
    assert redness["haemorrhage"] > 1.3 * redness["pigment"]


def test_a_blob_has_its_size():
    rng = np.random.default_rng(0)
    for radius, stretch in ((1.0, 1.0), (0.3, 1.3)):
        points = blob(rng, (4.0, -3.0), radius, stretch)
        assert points.mean(0) == pytest.approx([4.0, -3.0])
        assert _area(Outline("x", points)) == pytest.approx(np.pi * radius**2, rel=0.03)
        farthest = np.hypot(*(points - points.mean(0)).T)
        assert farthest.max() == pytest.approx(radius * stretch, rel=1e-6)


def test_vessels_run_from_the_optic_disc_round_the_fovea():
    for seed in range(6):
        person, photograph = _photograph(seed, 0)
        vessels = [o.points for o in photograph.outlines if o.kind in ("artery", "vein")]
        assert len(vessels) > 20
        points = np.concatenate(vessels)
        assert np.hypot(*points.T).min() > 1.0
        assert sum(np.hypot(*(v - person.disc[:2]).T).min() < 1.5 for v in vessels) >= 8
        assert points[:, 1].min() < -8 < 8 < points[:, 1].max()
        assert points[:, 0].min() < -5


def test_the_crop_finds_the_field_within_two_pixels():
    cut = 0
    for seed in range(16):
        drawing = draw_photograph(*_photograph(seed, None, SIDES[seed % 2]), 160)
        found = find_disc(np.ascontiguousarray(np.moveaxis(drawing.image, 2, 0)))
        assert found.edge_seen
        assert (found.row, found.column, found.radius) == pytest.approx(
            (drawing.row, drawing.column, drawing.radius), abs=2
        )
        cut += drawing.row - drawing.radius < -1
    assert 3 < cut < 13  # of some, the camera cuts top and bottom off


def test_colour_varies_more_between_persons_than_within():
    colours = []
    for seed in range(12):
        for side in SIDES:
            drawing = draw_photograph(*_photograph(seed, 0, side), 48)
            red, green, blue = drawing.image[drawing.masks["field"]].mean(0)
            colours.append((green / red, blue / red))
    colours = np.array(colours).reshape(12, 2, 2)
    assert (colours.mean(1).std(0) > 3 * colours.std(1).mean(0)).all()


def _auc(values, labels):
    """Area under the ROC curve of each column by mid-ranks, in the better direction; values (N, K), labels (N,)."""
    positives = labels.sum()
    ranks = rankdata(values, axis=0)[labels == 1].sum(0)
    area = (ranks - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))
    return np.maximum(area, 1 - area)


@pytest.mark.slow
def test_no_single_statistic_tells_the_class():
    """Colours, edges and pixels; in the field, so that its size in the picture plays no part."""
    statistics, labels = [], []
    for seed in range(150):
        for side in SIDES:
            person, photograph = _photograph(seed, None, side)
            person = replace(person, filling=1.0, aspect=1.0)
            image = draw_photograph(person, replace(photograph, shift=(0.0, 0.0)), 64).image
            grey = image @ np.float32([0.299, 0.587, 0.114])
            numbers = [np.abs(np.diff(grey, axis=1)).mean(), np.abs(ndimage.laplace(grey)).mean()]
            for plane in (*np.moveaxis(image, 2, 0), grey):
                numbers += [plane.mean(), plane.std(), *np.percentile(plane, range(0, 101, 5))]
            for n in (4, 8, 16):
                numbers += np.asarray(Image.fromarray(grey).resize((n, n), Image.Resampling.BOX)).ravel().tolist()
            statistics.append(numbers)
            labels.append(photograph.label)
    assert _auc(np.array(statistics), np.array(labels)).max() < 0.72
