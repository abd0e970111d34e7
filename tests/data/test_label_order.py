from __future__ import annotations

import time

import numpy as np
import pytest

from monai_mocoi.data import draw_label_order, draw_labelled
from monai_mocoi.errors import DatasetError

FRACTIONS = (0.01, 0.013, 0.06, 0.1, 0.5, 0.9, 1)


def cohort(n_patients: int, seed: int = 0, largest: int = 30) -> tuple[list[str], np.ndarray]:
    """Patients with 1 to 30 images and four findings that go with the patient, the last one rare."""
    rng = np.random.default_rng(seed)
    patients, labels = [], []
    for patient in range(n_patients):
        odds = np.array([0.3, 0.1, 0.05, 0.01]) * rng.choice([0.2, 2.5])
        for _ in range(min(largest, rng.geometric(0.4))):
            patients.append(f"p{patient:05d}")
            labels.append(rng.random(4) < odds)
    return patients, np.array(labels).astype(int)


@pytest.mark.parametrize("kind", ["findings", "classes", "none"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a2_a_fraction_holds_distinct_images(kind, seed):
    patients, labels = cohort(500)
    drawn_by = {"findings": labels, "classes": labels[:, 0], "none": None}[kind]
    sizes = {patient: patients.count(patient) for patient in patients}
    smaller: set[int] = set()
    for fraction in FRACTIONS:
        rows = draw_labelled(patients, drawn_by, fraction, seed).tolist()
        # Each once, as many as asked for or a part of a patient more.
        assert len(set(rows)) == len(rows)
        assert 0 <= len(rows) - round(fraction * len(patients)) < max(sizes.values())
        # Whole patients, and all of what a smaller fraction has.
        assert len(rows) == sum(sizes[patient] for patient in {patients[row] for row in rows})
        assert smaller <= set(rows)
        smaller = set(rows)
    assert len(smaller) == len(patients)


def test_whole_patients_until_the_number_is_reached():
    patients = [patient for patient in "abcdef" for _ in range(4)]
    for asked, got in [(1, 4), (3, 4), (4, 4), (5, 8), (8, 8), (9, 12), (20, 20), (21, 24), (24, 24)]:
        assert len(draw_labelled(patients, None, asked / 24)) == got


@pytest.mark.parametrize("n_patients", [1, 2, 3, 10, 333])
def test_an_order_of_all_patients_which_is_what_a_fraction_takes(n_patients):
    patients, labels = cohort(n_patients)
    order = draw_label_order(patients, labels, 5)
    assert sorted(order) == sorted(set(patients))
    for fraction in FRACTIONS[:-1]:
        drawn = {patients[row] for row in draw_labelled(patients, labels, fraction, 5)}
        assert drawn == set(order[: len(drawn)])


def test_the_order_of_the_images_does_not_matter_and_the_seed_does():
    patients, labels = cohort(100)
    shuffled = np.random.default_rng(0).permutation(len(patients))
    order = draw_label_order(patients, labels, 3)
    assert draw_label_order([patients[row] for row in shuffled], labels[shuffled], 3) == order
    assert draw_label_order(patients, labels, 4) != order


def test_pinned():
    # A changed draw would give everyone who repeats a run other labels.
    patients = [f"p{number}" for number in range(12) for _ in range(1 + number % 3)]
    labels = [number % 4 == 0 for number in range(12) for _ in range(1 + number % 3)]
    order = draw_label_order(patients, np.array(labels)[:, None], 0)
    assert order == ["p10", "p9", "p11", "p8", "p2", "p6", "p0", "p3", "p5", "p7", "p4", "p1"]


@pytest.mark.parametrize("fraction", [0.04, 0.2, 0.37])
def test_prevalences_are_nearer_to_the_whole_than_by_chance(fraction):
    patients, labels = cohort(600)
    names, of_patient = np.unique(patients, return_inverse=True)
    wanted = labels.mean(0)

    def error(rows: np.ndarray) -> np.ndarray:
        return (labels[rows].mean(0) / wanted - 1) ** 2

    chance = []
    for seed in range(60):
        order = np.random.default_rng(seed).permutation(len(names))
        taken = np.searchsorted(np.cumsum(np.bincount(of_patient)[order]), fraction * len(patients)) + 1
        chance.append(error(np.isin(of_patient, order[:taken])))
    ours = [error(draw_labelled(patients, labels, fraction, seed)) for seed in range(30)]
    assert (np.sqrt(np.mean(ours, 0)) < 0.6 * np.sqrt(np.mean(chance, 0))).all()


def test_every_patient_is_as_likely_to_be_drawn():
    patients, labels = cohort(64, largest=4)
    drawn = dict.fromkeys(patients, 0)
    for seed in range(300):
        for patient in {patients[row] for row in draw_labelled(patients, labels, 0.5, seed)}:
            drawn[patient] += 1
    # Binomial(300, 1/2) has a standard deviation of 8.7; the largest of 64 is within 4 of them.
    assert max(abs(count - 150) for count in drawn.values()) < 4.5 * 8.7


def test_one_patient_with_most_of_the_images_comes_when_as_many_are_drawn():
    patients = ["big"] * 60 + [f"p{number}" for number in range(140)]
    labels = np.arange(200)[:, None] % 5 == 0
    for seed in range(10):
        order = draw_label_order(patients, labels, seed)
        assert order.index("big") >= 60
        assert len(draw_labelled(patients, labels, 0.05, seed)) == 10


def test_a_patient_with_most_images_does_not_unbalance_the_others():
    patients, labels = cohort(300, largest=4)
    patients = [*patients, *["big"] * 100]
    labels = np.vstack([labels, np.tile([1, 0, 0, 0], (100, 1))])
    # 10 % is too little for the big one, which must not draw the others' prevalence away from theirs: within 5 points
    # for every seed, where dealing it out with the others gives up to 20.
    shares = [labels[draw_labelled(patients, labels, 0.1, seed), 0].mean() for seed in range(20)]
    np.testing.assert_allclose(shares, labels[:-100, 0].mean(), atol=0.05)


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01, float("nan"), True, "0.1", None])
def test_no_fraction(fraction):
    with pytest.raises(DatasetError, match=r"label_fraction is .*above 0 and at most 1"):
        draw_labelled(["a", "b"], None, fraction)


@pytest.mark.parametrize("seed", [-1, 0.5, True])
def test_no_seed(seed):
    with pytest.raises(DatasetError, match="label_seed is"):
        draw_label_order(["a"], None, seed)


def test_nothing_to_draw_from():
    with pytest.raises(DatasetError, match="no images"):
        draw_label_order([], None)
    with pytest.raises(DatasetError, match="2 patients but 1 labels"):
        draw_labelled(["a", "b"], [1], 0.5)


def test_as_many_images_as_the_largest_public_set_has():
    patients, labels = cohort(32_000)
    begin = time.process_time()
    rows = draw_labelled(patients, np.repeat(labels, 4, axis=1)[:, :14], 0.06)
    assert len(rows) == pytest.approx(0.06 * len(patients), abs=15)
    assert time.process_time() - begin < 10
