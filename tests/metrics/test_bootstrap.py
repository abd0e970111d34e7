from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from monai_mocoi.metrics import (
    bootstrap,
    patient_bootstrap,
    patient_resamples,
    roc_auc,
    roc_auc_by_patient,
    weighted_by_patient,
)


def study(patients: int = 30, classes: int = 3, seed: int = 0) -> tuple[np.ndarray, ...]:
    """Patients' ids, labels and scores of images that are alike within a patient and come in no order."""
    generator = np.random.default_rng(seed)
    index = generator.permutation(np.repeat(np.arange(patients), generator.integers(1, 6, patients)))
    own = generator.standard_normal((patients, classes))[index]
    labels = (own + generator.standard_normal(own.shape) > 0.3).astype(int)
    scores = (labels + own + generator.standard_normal(own.shape)).round(1)
    return np.array([f"p{i:03}" for i in index]), labels, scores


def test_a_resample_is_as_many_patients_drawn_with_replacement() -> None:
    patients, labels, _ = study()
    draw = patient_bootstrap(patients, labels, resamples=500)
    names = np.unique(patients)
    assert draw.counts.shape == (500, 30)
    assert (draw.counts.sum(axis=1, dtype=int) == 30).all()
    assert names[draw.index].tolist() == patients.tolist()
    assert draw.counts.mean(axis=0) == pytest.approx(np.ones(30), abs=5 / 500**0.5)
    assert draw.counts.var() == pytest.approx(29 / 30, abs=0.05)
    for name, count in zip(names, draw.counts[7], strict=True):
        assert (draw.weights(7)[patients == name] == count).all()


def test_same_seed_same_resamples_however_they_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    patients, labels, _ = study(patients=7)
    expected = patient_bootstrap(patients, labels, resamples=300, seed=5)
    assert expected.redrawn > 0
    for at_once in (1, 7, 50, 10**4):
        monkeypatch.setattr(bootstrap, "DRAWS_AT_ONCE", at_once)
        again = patient_bootstrap(patients, labels, resamples=300, seed=5)
        np.testing.assert_array_equal(again.counts, expected.counts)
        assert again.redrawn == expected.redrawn
    first = patient_bootstrap(patients, labels, resamples=100, seed=5)
    np.testing.assert_array_equal(first.counts, expected.counts[:100])
    assert (patient_bootstrap(patients, labels, resamples=300, seed=6).counts != expected.counts).any()


def test_the_order_of_the_images_does_not_matter() -> None:
    patients, labels, scores = study()
    order = np.random.default_rng(1).permutation(len(patients))
    values = [
        patient_bootstrap(p, y, 50).apply(roc_auc_by_patient(y, s, p)).values
        for p, y, s in ((patients, labels, scores), (patients[order], labels[order], scores[order]))
    ]
    np.testing.assert_array_equal(values[0], values[1])


def test_undefined_resamples_are_passed_over_and_counted() -> None:
    # Positives of two of five patients: a resample lacks them with probability (3/5)^5.
    patients, labels = np.arange(5), np.array([1, 1, 0, 0, 0])
    draw = patient_bootstrap(patients, labels, resamples=5000, seed=1)
    assert (draw.counts[:, :2].sum(axis=1) > 0).all()
    assert (draw.counts[:, 2:].sum(axis=1) > 0).all()
    undefined = 0.6**5 + 0.4**5
    assert draw.redrawn / (5000 + draw.redrawn) == pytest.approx(undefined, abs=0.015)
    free = patient_bootstrap(patients, resamples=5000 + draw.redrawn, seed=1)
    kept = (free.counts[:, :2].sum(axis=1) > 0) & (free.counts[:, 2:].sum(axis=1) > 0)
    np.testing.assert_array_equal(free.counts[kept], draw.counts)
    assert free.redrawn == 0
    assert (~kept).sum() == draw.redrawn


def test_too_many_undefined_resamples_are_an_error() -> None:
    # Each class needs its one patient: of 4^4 resamples the 4! that hold all four are defined.
    labels = np.eye(4, dtype=int)
    with pytest.raises(ValueError, match="fewer classes"):
        patient_bootstrap(np.arange(4), labels, resamples=200)
    # Positives of each two of patients 1 to 4, and of patient 0 alone; and the same of negatives.
    holders = [*combinations(range(1, 5), 2), (0,)]
    seldom = np.array([[patient in own for own in holders] for patient in range(5)])
    for of_class in (seldom, ~seldom):
        with pytest.raises(ValueError, match="most often column 6 of the labels"):
            patient_bootstrap(np.arange(5), of_class, resamples=200)
    with pytest.raises(ValueError, match="column 1 of the labels has no positive image"):
        patient_bootstrap(np.arange(4), np.array([[1, 0], [0, 0], [1, 0], [0, 0]]))
    with pytest.raises(ValueError, match="column 0 of the labels has no negative image"):
        patient_bootstrap(np.arange(4), np.ones(4))


def test_apply_equals_a_loop_over_repeated_rows() -> None:
    patients, labels, scores = study()
    draw = patient_bootstrap(patients, labels, resamples=60)
    got = draw.apply(roc_auc_by_patient(labels, scores, patients))
    for i in range(60):
        rows = np.concatenate(
            [
                np.tile(np.flatnonzero(patients == p), c)
                for p, c in zip(np.unique(patients), draw.counts[i], strict=True)
            ]
        )
        np.testing.assert_allclose(got.values[i], roc_auc_score(labels[rows], scores[rows], average=None), atol=1e-12)
    np.testing.assert_array_equal(got.estimate, roc_auc(labels, scores))
    for place, name in enumerate(np.unique(patients)):
        others = patients != name
        np.testing.assert_array_equal(got.left_out[place], roc_auc(labels[others], scores[others]))
    macro = got.mean()
    assert macro.estimate == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    np.testing.assert_allclose(macro.values, got.values.mean(axis=1), atol=1e-15)
    np.testing.assert_allclose(macro.left_out, got.left_out.mean(axis=1), atol=1e-15)
    with pytest.raises(ValueError, match="no columns"):
        macro.mean()


def test_blocks_of_any_size_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    patients, labels, scores = study()
    draw = patient_bootstrap(patients, labels, resamples=50)
    by_patient = roc_auc_by_patient(labels, scores, patients)

    def statistic(counts: np.ndarray) -> np.ndarray:
        return by_patient(counts)  # without its closed form of the values left out

    whole = draw.apply(statistic)
    np.testing.assert_array_equal(whole.left_out, draw.apply(by_patient).left_out)
    monkeypatch.setattr(patient_resamples, "COUNTS_AT_ONCE", 1)
    parts = draw.apply(statistic)
    np.testing.assert_array_equal(parts.values, whole.values)
    np.testing.assert_array_equal(parts.left_out, whole.left_out)


def test_a_statistic_that_knows_its_values_without_each_patient_is_not_asked_for_them() -> None:
    class Total:
        def __call__(self, counts: np.ndarray) -> np.ndarray:
            assert counts.shape == (4, 1) or (counts.sum(axis=0) == 4).all(), "asked for a value without a patient"
            return np.array([1.0, 2, 3, 4]) @ counts

        def left_out(self) -> np.ndarray:
            return 10 - np.array([1.0, 2, 3, 4])

    draw = patient_bootstrap(np.arange(4), resamples=50)
    assert draw.apply(Total()).left_out.tolist() == [9, 8, 7, 6]
    assert draw.apply(lambda counts: np.array([1.0, 2, 3, 4]) @ counts).left_out.tolist() == [9, 8, 7, 6]


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_a_paired_difference_is_narrower_than_two_apart(method: str) -> None:
    patients, labels, scores = study(patients=200)
    worse = scores + 0.5 * np.random.default_rng(1).standard_normal(scores.shape)
    draw = patient_bootstrap(patients, labels, resamples=999)
    first, second = (draw.apply(roc_auc_by_patient(labels, own, patients)).mean() for own in (worse, scores))
    difference = second - first
    assert difference.estimate == pytest.approx(roc_auc_score(labels, scores) - roc_auc_score(labels, worse))
    np.testing.assert_allclose(difference.left_out, second.left_out - first.left_out, atol=1e-15)
    low, high = difference.interval(method)
    assert 0 < low < difference.estimate < high
    assert high - low < 0.5 * np.ptp(first.interval(method))
    assert difference.p_value(method) <= 0.05
    turned = first - second
    np.testing.assert_allclose(turned.interval(method)[::-1], [-low, -high], atol=1e-3)
    assert float(turned.p_value(method)) == pytest.approx(float(difference.p_value(method)), abs=1e-6)


def test_a_model_does_not_differ_from_itself() -> None:
    patients, labels, scores = study()
    draw = patient_bootstrap(patients, labels, resamples=99)
    own, same = (draw.apply(roc_auc_by_patient(labels, s, patients)).mean() for s in (scores, np.exp(scores)))
    for method in ("percentile", "bca"):
        assert (same - own).interval(method).tolist() == [0, 0]
        assert (same - own).p_value(method) == 1


def test_only_one_draw_pairs() -> None:
    patients, labels, scores = study()
    statistic = roc_auc_by_patient(labels, scores, patients)
    first, second = (patient_bootstrap(patients, labels, 50, seed).apply(statistic) for seed in (0, 1))
    with pytest.raises(ValueError, match="apply both to one draw"):
        first - second
    with pytest.raises(ValueError, match="method is 'normal'"):
        first.interval("normal")
    with pytest.raises(ValueError, match="method is 'normal'"):
        first.p_value("normal")


def test_what_is_undefined_is_an_error_not_a_gap() -> None:
    patients, labels = np.arange(6), np.array([1, 1, 0, 0, 0, 0])
    statistic = roc_auc_by_patient(labels, np.arange(6.0), patients)
    with pytest.raises(ValueError, match=r"undefined on \d+ of 200 resamples: give patient_bootstrap the labels"):
        patient_bootstrap(patients, resamples=200).apply(statistic)
    with pytest.raises(ValueError, match="undefined on the whole sample"):
        patient_bootstrap(patients, resamples=50).apply(weighted_by_patient(lambda weights: np.nan, patients))
    one = np.array([1, 0, 0, 0, 0, 0])
    draw = patient_bootstrap(patients, one, resamples=200).apply(roc_auc_by_patient(one, np.arange(6.0), patients))
    assert draw.interval("percentile").shape == (2,)
    with pytest.raises(ValueError, match="one patient"):
        draw.interval("bca")


def test_refuses_what_cannot_be_resampled() -> None:
    with pytest.raises(ValueError, match=r"1 patient\(s\)"):
        patient_bootstrap(["a", "a", "a"])
    with pytest.raises(ValueError, match="resamples is 0"):
        patient_bootstrap(["a", "b"], resamples=0)
    with pytest.raises(ValueError, match="labels have shape"):
        patient_bootstrap(["a", "b"], [0, 1, 1])
    with pytest.raises(ValueError, match="patients have shape"):
        patient_bootstrap([["a", "b"]])


def test_the_interval_widens_with_the_images_of_a_patient() -> None:
    """A3: an interval over images pretends that a patient's images were different patients'."""
    generator = np.random.default_rng(0)
    patients = np.repeat(np.arange(100), 10)
    own = generator.standard_normal(100)
    labels = np.repeat(np.arange(100) % 2, 10)
    scores = np.repeat(own + np.arange(100) % 2, 10)
    over_patients, over_images = (
        np.ptp(patient_bootstrap(p, labels).apply(roc_auc_by_patient(labels, scores, p)).interval("percentile"))
        for p in (patients, np.arange(1000))
    )
    assert over_patients / over_images == pytest.approx(10**0.5, rel=0.15)


def test_more_resamples_do_not_narrow_the_interval() -> None:
    """A3: the interval tells the uncertainty of the test set, not of the resampling."""
    patients, labels, scores = study(patients=200)
    statistic = roc_auc_by_patient(labels, scores, patients)
    widths = [
        np.ptp(patient_bootstrap(patients, labels, resamples).apply(statistic).mean().interval("percentile"))
        for resamples in (400, 6400)
    ]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_a_statistic_of_some_images_is_that_of_these_patients_among_all(method):
    generator = np.random.default_rng(0)
    patients, labels, scores = generator.integers(40, size=150), generator.random(150) < 0.4, generator.random(150)
    rows = np.flatnonzero(patients % 3 > 0)
    draw = patient_bootstrap(patients, None, resamples=199)
    some = draw.apply(roc_auc_by_patient(labels[rows], scores[rows], patients[rows]), of=rows)
    slow = draw.apply(weighted_by_patient(lambda weights: roc_auc(labels[rows], scores[rows], weights[rows]), patients))
    np.testing.assert_allclose(some.estimate, slow.estimate, atol=1e-12)
    np.testing.assert_allclose(some.values, slow.values, atol=1e-12)
    np.testing.assert_allclose(some.left_out, slow.left_out, atol=1e-12)
    np.testing.assert_allclose((some - slow).values, 0, atol=1e-12)  # of the same resamples
    np.testing.assert_allclose(some.interval(method), slow.interval(method), atol=1e-9)
