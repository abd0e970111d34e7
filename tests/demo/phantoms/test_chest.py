"""What is drawn, measured on the masks and by drawing the same image with and without one finding."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from scipy.stats import rankdata

from monai_mocoi.demo.phantoms.chest import CARDIOTHORACIC_LIMIT, CHEST_FINDINGS, draw_chest
from monai_mocoi.demo.phantoms.chest_anatomy import sample_anatomy, sample_study
from monai_mocoi.demo.phantoms.chest_parts import FIELD_CM


def _sample(seed, index=0):
    rng = np.random.default_rng([seed, index])
    anatomy = sample_anatomy(rng)
    return anatomy, sample_study(rng, anatomy)


def _width(mask):
    """Columns between the outermost pixels of a mask."""
    columns = np.flatnonzero(mask.any(0))
    return columns[-1] - columns[0] + 1


def test_same_seed_same_image_other_seed_other_image():
    first, again, other = (draw_chest(*_sample(seed), 64).image for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).mean() > 0.01


@pytest.mark.parametrize("size", [32, 65, 128])
def test_image_is_float32_of_0_to_1(size):
    image = draw_chest(*_sample(0), size).image
    assert image.shape == (size, size)
    assert image.dtype == np.float32
    assert image.min() >= 0
    assert image.max() <= 1
    assert image.std() > 0.1


def test_air_is_dark_and_dense_tissue_bright():
    for index in range(20):
        anatomy, study = _sample(1, index)
        study = replace(study, effusion=(0, 0), infiltrates=(), noise=0)
        drawing = draw_chest(anatomy, study, 96)
        lung = drawing.masks["lung"] & ~drawing.masks["heart"]
        assert np.median(drawing.image[lung]) < np.median(drawing.image[drawing.masks["heart"]]) - 0.1


def test_cardiomegaly_is_the_ratio_measured_on_the_masks():
    labels = []
    for index in range(16):
        anatomy, study = _sample(2, index)
        drawing = draw_chest(anatomy, replace(study, turn=0, shift=(0, 0), oblique=0, scale=1), 256)
        ratio = _width(drawing.masks["heart"]) / _width(drawing.masks["thorax"])
        assert ratio == pytest.approx(anatomy.cardiothoracic_ratio, abs=0.012)
        assert drawing.labels[0] == (ratio > CARDIOTHORACIC_LIMIT)
        labels.append(drawing.labels[0])
    assert 0 < sum(labels) < 16


def test_effusion_fills_the_costophrenic_angle():
    """Without fluid the outermost low corner of each lung is air; with it that corner is fluid, on that side only."""
    anatomy, study = _sample(5)
    study = replace(study, turn=0, shift=(0, 0), scale=1)
    drawing = draw_chest(anatomy, replace(study, effusion=(4.0, 0)), 200)
    middle = 100
    for columns, filled in ((slice(0, middle), True), (slice(middle, None), False)):
        lung, fluid = drawing.masks["lung"][:, columns], drawing.masks["fluid"][:, columns]
        lowest = np.flatnonzero(lung.any(1))[-1]
        assert fluid[lowest][lung[lowest]].all() == filled
        assert fluid.any() == filled


def test_mass_is_a_disc_wider_than_three_centimetres():
    seen = 0
    for index in range(30):
        anatomy, study = _sample(6, index)
        if anatomy.mass is None:
            continue
        mask = draw_chest(anatomy, replace(study, scale=1), 256).masks["mass"]
        diameter = 2 * np.sqrt(mask.sum() / np.pi) * FIELD_CM / 256
        assert diameter == pytest.approx(2 * anatomy.mass[2], rel=0.04)
        assert diameter > 3
        seen += 1
    assert seen >= 4


# Finding, the image without it, its mask, the sign of what it does to grey values.
_WITHOUT = {
    "Effusion": (lambda a, s: (a, replace(s, effusion=(0, 0))), "fluid", 1),
    "Infiltration": (lambda a, s: (a, replace(s, infiltrates=())), "infiltrate", 1),
    "Mass": (lambda a, s: (replace(a, mass=None), s), "mass", 1),
    "Pneumothorax": (lambda a, s: (a, replace(s, pneumothorax=(0, 0))), "rim", -1),
}


@pytest.mark.parametrize("finding", _WITHOUT)
def test_a_finding_changes_the_picture_where_its_mask_is_and_nowhere_else(finding):
    remove, name, sign = _WITHOUT[finding]
    position, seen = CHEST_FINDINGS.index(finding), 0
    for index in range(40):
        anatomy, study = _sample(7, index)
        # One finding at a time: fluid over an infiltrate hides it, as it would in a patient.
        alone = {
            "effusion": study.effusion if name == "fluid" else (0, 0),
            "infiltrates": study.infiltrates if name == "infiltrate" else (),
            "pneumothorax": study.pneumothorax if name == "rim" else (0, 0),
        }
        study = replace(study, noise=0, exposure=(4.0, 0.7), shutters=(0, 0, 0, 0), **alone)
        with_it, without = draw_chest(anatomy, study, 128), draw_chest(*remove(anatomy, study), 128)
        assert without.labels[position] == 0
        assert not without.masks[name].any()
        change = sign * (with_it.image - without.image)
        if with_it.labels[position]:
            mask = with_it.masks[name]
            assert mask.sum() > 20
            assert change[mask].mean() > 0.03
            assert np.abs(change[~with_it.masks["lung"]]).mean() < 0.003
            seen += 1
        else:
            assert np.abs(change).max() == 0
    assert seen >= 4


def test_images_of_a_patient_are_alike_but_not_identical():
    """Nearer to each other than to other patients' images, pose and exposure notwithstanding, on the average."""
    images = []
    for patient in range(30):
        rng = np.random.default_rng([8, patient])
        anatomy = sample_anatomy(rng)
        images.append([draw_chest(anatomy, sample_study(rng, anatomy), 32).image for _ in range(2)])
    flat = np.array(images).reshape(60, -1)
    similarity = np.corrcoef(flat)
    same = similarity[np.arange(0, 60, 2), np.arange(1, 60, 2)]
    assert same.max() < 0.999
    assert same.mean() > similarity[np.triu_indices(60, 2)].mean() + 0.01


def _auc(values, labels):
    """Area under the ROC curve of each column by mid-ranks, in the better direction; values (N, K), labels (N,)."""
    positives = labels.sum()
    ranks = rankdata(values, axis=0)[labels == 1].sum(0)
    area = (ranks - positives * (positives + 1) / 2) / (positives * (len(labels) - positives))
    return np.maximum(area, 1 - area)


def test_rank_auc_agrees_with_scikit_learn():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    values, labels = rng.integers(0, 5, (50, 1)), rng.integers(0, 2, 50)
    direct = roc_auc_score(labels, values[:, 0])
    assert _auc(values, labels)[0] == pytest.approx(max(direct, 1 - direct))


def test_no_single_statistic_tells_a_finding():
    images, labels = [], []
    for patient in range(160):
        rng = np.random.default_rng([9, patient])
        anatomy = sample_anatomy(rng)
        for _ in range(2):
            drawing = draw_chest(anatomy, sample_study(rng, anatomy), 64)
            images.append(drawing.image)
            labels.append(drawing.labels)
    flat, labels = np.array(images).reshape(len(images), -1), np.array(labels)
    small = [
        np.array([np.asarray(Image.fromarray(i).resize((n, n), Image.Resampling.BOX)) for i in images])
        for n in (4, 8, 16)
    ]
    statistics = np.concatenate(
        [
            flat.mean(1)[:, None],
            flat.std(1)[:, None],
            np.percentile(flat, range(101), axis=1).T,  # minimum, median and maximum among them
            *(pixels.reshape(len(flat), -1) for pixels in small),
        ],
        axis=1,
    )
    prevalence = labels.mean(0)
    assert ((prevalence > 0.15) & (prevalence < 0.4)).all(), prevalence
    for position, finding in enumerate(CHEST_FINDINGS):
        assert _auc(statistics, labels[:, position]).max() < 0.8, finding
