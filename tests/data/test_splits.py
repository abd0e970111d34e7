from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.data import split_by_patient
from monai_mocoi.errors import DatasetError
from monai_mocoi.metrics import UNKNOWN


def _cohort(n_patients: int, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Patients with 1 to 30 images and three findings, one of them rare, that go with the patient."""
    rng = np.random.default_rng(seed)
    patients, labels = [], []
    for patient in range(n_patients):
        odds = np.array([0.3, 0.1, 0.01]) * rng.choice([0.2, 3])
        for _ in range(min(30, 1 + rng.geometric(0.4))):
            patients.append(f"p{patient:05d}")
            labels.append(rng.random(3) < odds)
    return patients, np.array(labels).astype(int)


@pytest.mark.parametrize("seed", [0, 1])
def test_no_patient_in_two_splits_and_like_prevalences(seed):
    patients, labels = _cohort(1500)
    split = split_by_patient(patients, labels, [0.7, 0.1, 0.2], seed)
    assert len(set(zip(patients, split.tolist(), strict=True))) == len(set(patients))
    sizes = np.bincount(split) / len(split)
    np.testing.assert_allclose(sizes, [0.7, 0.1, 0.2], atol=0.002)
    prevalence = np.array([labels[split == k].mean(0) for k in range(3)])
    np.testing.assert_allclose(prevalence[:, :2], np.tile(labels.mean(0)[:2], (3, 1)), rtol=0.02)
    rare = np.array([labels[split == k, 2].sum() for k in range(3)])
    np.testing.assert_allclose(rare, labels[:, 2].sum() * np.array([0.7, 0.1, 0.2]), atol=3)
    # Patients with many images are in every split in like proportion, too.
    images = np.array([patients.count(patient) for patient in dict.fromkeys(patients)])
    of_patient = np.array([split[patients.index(patient)] for patient in dict.fromkeys(patients)])
    mean = [images[of_patient == k].mean() for k in range(3)]
    np.testing.assert_allclose(mean, images.mean(), rtol=0.1)


def test_better_balanced_than_chance():
    patients, labels = _cohort(300)
    target = labels.sum(0) * 0.1

    def error(chosen: np.ndarray) -> float:
        return float(np.abs(labels[chosen].sum(0) - target).sum())

    names = np.array(sorted(set(patients)))
    chance = []
    for seed in range(20):
        drawn = np.random.default_rng(seed).choice(names, len(names) // 10, replace=False)
        chance.append(error(np.isin(patients, drawn)))
    ours = [error(split_by_patient(patients, labels, [0.9, 0.1], seed) == 1) for seed in range(20)]
    assert max(ours) < np.median(chance)


def test_seed_decides_and_order_does_not():
    patients, labels = _cohort(100)
    first = split_by_patient(patients, labels, [0.8, 0.2], 3)
    shuffled = np.random.default_rng(0).permutation(len(patients))
    again = split_by_patient([patients[i] for i in shuffled], labels[shuffled], [0.8, 0.2], 3)
    np.testing.assert_array_equal(again, first[shuffled])
    assert (split_by_patient(patients, labels, [0.8, 0.2], 4) != first).any()


def test_classes_and_no_labels():
    patients = [f"p{i // 2}" for i in range(400)]
    grades = np.repeat([0, 0, 0, 2], 100)
    split = split_by_patient(patients, grades, [0.75, 0.25])
    assert [(grades[split == k] == 2).sum() for k in (0, 1)] == [74, 26] or [
        (grades[split == k] == 2).sum() for k in (0, 1)
    ] == [76, 24]
    assert np.bincount(split_by_patient(patients, None, [0.5, 0.5])).tolist() == [200, 200]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_every_split_gets_a_patient(n):
    split = split_by_patient([f"p{i}" for i in range(n)], None, [1 - 0.01 * (n - 1)] + [0.01] * (n - 1))
    assert sorted(split.tolist()) == list(range(n))


@pytest.mark.parametrize(
    ("patients", "labels", "fractions", "text"),
    [
        (["a"], None, [0.5, 0.5], "1 patient"),
        ([], None, [1.0], "no images"),
        (["a", "b"], None, [0.5, 0.4], "sum must be 1"),
        (["a", "b"], None, [1.0, 0.0], "above 0"),
        (["a", "b"], [1], [0.5, 0.5], "1 labels"),
    ],
)
def test_errors(patients, labels, fractions, text):
    with pytest.raises(DatasetError, match=text):
        split_by_patient(patients, labels, fractions)


def test_what_is_known_of_a_finding_is_balanced_over_the_splits():
    random = np.random.default_rng(0)
    labels = (random.random((2000, 2)) < [0.3, 0.05]).astype(int)
    labels[random.random(2000) < 0.9, 1] = UNKNOWN
    patients = [f"p{number // 2}" for number in range(2000)]
    split = split_by_patient(patients, labels, [0.7, 0.1, 0.2], seed=1)
    for side in (0, 1):
        found = np.bincount(split, weights=labels[:, 1] == side)
        np.testing.assert_allclose(found, found.sum() * np.array([0.7, 0.1, 0.2]), atol=2)  # images, of 11 and 180
    with_none = [[None if value == UNKNOWN else value for value in label] for label in labels.tolist()]
    np.testing.assert_array_equal(split_by_patient(patients, with_none, [0.7, 0.1, 0.2], seed=1), split)
