"""What is drawn, measured on the masks and by drawing the same patch with and without one thing."""

import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.stats import rankdata

from monai_mocoi.demo.phantoms.histology import draw_patch
from monai_mocoi.demo.phantoms.histology_patch import Patch, sample_patch, sample_slide
from monai_mocoi.demo.phantoms.histology_tissue import FIELD_UM, Nucleus

EMPTY = Patch(nuclei=(), lumens=(), cytoplasm=(), fat=(), fibres=(0.0, 6.0), amounts=(1.0, 1.0), noise=0.0, seed=0)


def _slide(seed=0):
    return sample_slide(np.random.default_rng(seed))


def _patches(seed, patients, each):
    for patient in range(patients):
        rng = np.random.default_rng([seed, patient])
        slide = sample_slide(rng)
        for _ in range(each):
            yield slide, sample_patch(rng, slide)


def test_same_seed_same_image_other_seed_other_image():
    first, again, other = (draw_patch(*next(_patches(seed, 1, 1)), 50)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize("size", [32, 50, 101])
def test_image_is_rgb_float32_of_0_to_1(size):
    image, masks = draw_patch(*next(_patches(0, 1, 1)), size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    assert all(mask.shape == (size, size) and mask.dtype == bool for mask in masks.values())


def test_label_is_whether_tumour_cells_are_in_the_field():
    labels = []
    for slide, patch in _patches(1, 12, 5):
        inside = [n for n in patch.nuclei if n.tumour and 0 < n.x < FIELD_UM and 0 < n.y < FIELD_UM]
        assert patch.label == (len(inside) > 0)
        assert not 0 < len(inside) < 3
        assert draw_patch(slide, patch, 50)[1]["tumour"].any() == (patch.label == 1)
        labels.append(patch.label)
    assert 0.2 < np.mean(labels) < 0.6


def test_burden_is_the_share_of_patches_with_tumour():
    for burden, tolerance in ((0.0, 0), (0.5, 0.2), (1.0, 0)):
        rng = np.random.default_rng(2)
        slide = replace(sample_slide(rng), burden=burden)
        assert np.mean([sample_patch(rng, slide).label for _ in range(40)]) == pytest.approx(burden, abs=tolerance)


def test_a_nucleus_has_the_size_and_place_that_were_asked_for():
    for tumour, stretch in ((False, 1.0), (True, 1.3)):
        nucleus = Nucleus(30.0, 45.0, 6.0, tumour, stretch=stretch, turn=0.7)
        masks = draw_patch(_slide(), replace(EMPTY, nuclei=(nucleus,)), 200)[1]
        mask = masks["tumour" if tumour else "benign"]
        assert not masks["benign" if tumour else "tumour"].any()
        rows, columns = np.nonzero(mask)
        pixel = FIELD_UM / 200
        assert (columns.mean() + 0.5) * pixel == pytest.approx(30, abs=0.2)
        assert (rows.mean() + 0.5) * pixel == pytest.approx(45, abs=0.2)
        assert mask.sum() * pixel**2 == pytest.approx(math.pi * 36, rel=0.02)
        axes = np.sqrt(np.linalg.eigvalsh(np.cov(rows, columns)))
        assert axes[1] / axes[0] == pytest.approx(stretch**2, rel=0.02)


def test_a_nucleus_changes_the_picture_where_it_lies_and_takes_red_light_first():
    """Haematoxylin is blue: of red, green and blue it lets the most blue light through, and eosin the most red."""
    nucleus = Nucleus(35.0, 35.0, 6.0, False)
    with_it, masks = draw_patch(_slide(), replace(EMPTY, nuclei=(nucleus,)), 100)
    without = draw_patch(_slide(), EMPTY, 100)[0]
    change = with_it - without
    far = np.hypot(*(np.indices((100, 100)) * FIELD_UM / 100 - 35)) > 9
    assert np.abs(change[far]).max() == 0
    assert change[masks["benign"]].mean(0)[0] < -0.2
    red, _, blue = with_it[masks["benign"]].mean(0)
    assert blue > red
    red, green, _ = without.mean((0, 1))
    assert red > green


def test_nuclei_over_the_edge_are_cut_off_and_ones_outside_are_not_drawn():
    without = draw_patch(_slide(), EMPTY, 50)[0]
    for x, y in ((-20, 30), (30, -20), (120, 30), (30, 120)):
        patch = replace(EMPTY, nuclei=(Nucleus(x, y, 5.0, False),))
        np.testing.assert_array_equal(draw_patch(_slide(), patch, 50)[0], without)
    for x, y in ((0, 30), (30, 0), (FIELD_UM, 30), (30, FIELD_UM)):
        mask = draw_patch(_slide(), replace(EMPTY, nuclei=(Nucleus(x, y, 5.0, False),)), 200)[1]["benign"]
        assert mask.sum() * (FIELD_UM / 200) ** 2 == pytest.approx(math.pi * 25 / 2, rel=0.05)


def test_lumens_and_fat_are_as_light_as_the_lamp():
    disc = ((30.0, 40.0, 15.0),)
    for name, patch in (("lumen", replace(EMPTY, lumens=disc)), ("fat", replace(EMPTY, fat=disc))):
        slide = _slide()
        image, masks = draw_patch(slide, patch, 100)
        assert masks[name].sum() * (FIELD_UM / 100) ** 2 == pytest.approx(math.pi * 225, rel=0.03)
        assert image[40 * 100 // 75, 30 * 100 // 75] == pytest.approx(np.array(slide.lamp), abs=0.03)


def test_nuclei_lie_neither_on_each_other_nor_in_empty_places():
    for _, patch in _patches(3, 10, 3):
        x, y, r = np.array([(n.x, n.y, n.radius) for n in patch.nuclei]).T
        distance = np.hypot(x[:, None] - x, y[:, None] - y) + 1e3 * np.eye(len(x))
        assert (distance >= 0.9 * (r[:, None] + r) - 1e-9).all()
        fat = np.array(patch.fat).reshape(-1, 3)
        assert (np.hypot(x[:, None] - fat[:, 0], y[:, None] - fat[:, 1]) >= fat[:, 2]).all()


def test_stain_varies_more_between_patients_than_within():
    colours = np.array([draw_patch(slide, patch, 32)[0].mean((0, 1)) for slide, patch in _patches(4, 16, 6)])
    colours = colours.reshape(16, 6, 3)
    within, between = colours.std(1).mean(), colours.mean(1).std(0).mean()
    assert between > within > 0.005


def _auc(values, labels):
    """Area under the ROC curve of each column by mid-ranks, in the better direction; values (N, K), labels (N,)."""
    positives = labels.sum()
    ranks = rankdata(values, axis=0)[labels == 1].sum(0)
    area = (ranks - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))
    return np.maximum(area, 1 - area)


def test_no_single_statistic_tells_the_class():
    """Colours, edges, pixels, and even what no picture tells outright: number of nuclei, their area, empty area."""
    images, labels, drawn = [], [], []
    for slide, patch in _patches(5, 50, 6):
        image, masks = draw_patch(slide, patch, 50)
        images.append(image)
        labels.append(patch.label)
        nuclear, empty = masks["tumour"] | masks["benign"], masks["lumen"] | masks["fat"]
        drawn.append((len(patch.nuclei), nuclear.mean(), empty.mean()))
    images, labels = np.array(images), np.array(labels)
    grey = images @ np.float32([0.299, 0.587, 0.114])
    blueness = np.log((images[..., 2] + 0.01) / (images[..., 0] + 0.01))
    statistics = [np.array(drawn), np.abs(np.diff(grey, axis=2)).mean((1, 2))[:, None]]
    for plane in (*np.moveaxis(images, 3, 0), grey, blueness):
        flat = plane.reshape(len(plane), -1)
        statistics += [flat.mean(1)[:, None], flat.std(1)[:, None], np.percentile(flat, range(0, 101, 5), axis=1).T]
    for n in (4, 8, 16):
        small = [np.asarray(Image.fromarray(plane).resize((n, n), Image.Resampling.BOX)) for plane in grey]
        statistics.append(np.array(small).reshape(len(grey), -1))
    assert _auc(np.concatenate(statistics, axis=1), labels).max() < 0.8
