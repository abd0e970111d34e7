from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest

from monai_mocoi.metrics import ks_distance, patient_bootstrap, resampled_deviations, swapped_distances


def outputs(n: int, columns: int = 3, decimals: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two models' outputs of the same images, alike but not the same, with ties."""
    generator = np.random.default_rng(seed)
    first = generator.random((n, columns))
    second = (first + 0.3 * generator.standard_normal(first.shape)).clip(0, 1)
    return first.round(decimals), second.round(decimals)


def gap(first: np.ndarray, second: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """By the definition: the difference of shares at every value, of one column."""
    weights = np.ones(len(first)) if weights is None else weights
    values = np.unique(np.concatenate([first, second]))
    shares = [((one[:, None] <= values) * weights[:, None]).sum(0) / weights.sum() for one in (first, second)]
    return shares[0] - shares[1]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of SciPy's p-value, which is not asked for
@pytest.mark.parametrize("sizes", [(1, 1), (7, 7), (40, 40), (40, 1), (13, 57)])
@pytest.mark.parametrize("decimals", [1, 15])
def test_distance_and_its_place_are_scipys(sizes: tuple[int, int], decimals: int) -> None:
    first, second = outputs(sizes[0], decimals=decimals)[0], outputs(sizes[1], decimals=decimals, seed=1)[1]
    distance, place = ks_distance(first, second)
    for column in range(3):
        one, other = first[:, column], second[:, column]
        assert distance[column] == pytest.approx(ks_2samp(one, other, method="asymp").statistic, abs=1e-12)
        shares = (one <= place[column]).mean() - (other <= place[column]).mean()
        assert abs(shares) == pytest.approx(distance[column], abs=1e-12)


def test_a_single_column_gives_single_values() -> None:
    distance, place = ks_distance([0.1, 0.2, 0.3], [0.3, 0.4, 0.5])
    assert distance.shape == place.shape == ()
    assert (distance, place) == (pytest.approx(2 / 3), 0.2)


def test_the_same_outputs_have_no_distance_and_others_that_do_not_meet_have_1() -> None:
    first, _ = outputs(30)
    assert ks_distance(first, first)[0].tolist() == [0, 0, 0]
    assert ks_distance(first, first + 2)[0].tolist() == [1, 1, 1]
    assert (swapped_distances(first, first, np.arange(30), 50) == 0).all()
    deviations = resampled_deviations(first, first, patient_bootstrap(np.arange(30), resamples=50))
    np.testing.assert_allclose(deviations, 0, atol=1e-12)


def test_swaps_against_each_swap_made_by_hand() -> None:
    first, second = outputs(25)
    patients = np.random.default_rng(3).integers(9, size=25)
    found = swapped_distances(first, second, [f"p{i}" for i in patients], swaps=40, seed=5)
    swapped = np.random.default_rng(5).integers(2, size=(40, len(np.unique(patients))), dtype=np.int8)
    place = np.unique(patients, return_inverse=True)[1]
    for row, flip in enumerate(swapped[:, place].astype(bool)):
        one, other = np.where(flip[:, None], second, first), np.where(flip[:, None], first, second)
        assert found[row].tolist() == ks_distance(one, other)[0].tolist()  # exactly, for a p-value counts equal ones


def test_deviations_against_each_resample_made_by_hand() -> None:
    first, second = outputs(25)
    patients = np.random.default_rng(3).integers(9, size=25)
    draw = patient_bootstrap(patients, resamples=30, seed=2)
    found = resampled_deviations(first, second, draw)
    for row in range(30):
        for column in range(3):
            one, other = first[:, column], second[:, column]
            farthest = np.abs(gap(one, other, draw.weights(row)) - gap(one, other)).max()
            assert found[row, column] == pytest.approx(farthest, abs=1e-12)


def test_results_do_not_depend_on_how_many_values_are_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = outputs(25)
    patients = np.arange(25) % 8
    draw = patient_bootstrap(patients, resamples=30)
    before = swapped_distances(first, second, patients, 30), resampled_deviations(first, second, draw)
    monkeypatch.setattr("monai_mocoi.metrics.kolmogorov_smirnov._VALUES_AT_ONCE", 120)
    after = swapped_distances(first, second, patients, 30), resampled_deviations(first, second, draw)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)


def test_p_values_of_two_models_of_one_distribution_are_uniform_also_for_images_of_few_patients() -> None:
    generator = np.random.default_rng(0)
    p_values, naive = [], []
    for _ in range(200):
        patients = np.repeat(np.arange(30), 8)
        of_patient = generator.standard_normal((2, 30))[:, patients]  # models err by patient
        common = generator.standard_normal(len(patients))
        first, second = common + of_patient + 0.1 * generator.standard_normal((2, len(patients)))
        chance = swapped_distances(first, second, patients, swaps=99, seed=int(generator.integers(2**31)))
        p_values.append((1 + (chance >= ks_distance(first, second)[0]).sum()) / 100)
        naive.append(ks_2samp(first, second, method="asymp").pvalue)
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert 0.01 < np.mean(np.array(p_values) <= 0.05) < 0.1
    assert np.mean(np.array(naive) <= 0.05) > 0.2  # to take images for independent is wrong here


def test_interval_covers_the_true_distance_and_that_of_resampled_distances_does_not() -> None:
    """Two models of the same true distribution, and of a true distance of .2: resampled distances are biased up."""
    generator = np.random.default_rng(0)
    for true in (0.0, 0.2):
        hits, naive_hits = 0, 0
        for _ in range(100):
            patients = np.arange(80)
            first, second = generator.random((2, 80))
            second = np.where(generator.random(80) < true, 1 + second, second)  # the share `true` lies above all others
            draw = patient_bootstrap(patients, resamples=99, seed=1)
            distance = ks_distance(first, second)[0]
            hits += abs(distance - true) <= np.quantile(resampled_deviations(first, second, draw), 0.95)
            naive = [gap(first, second, draw.weights(row)) for row in range(40)]
            naive_hits += np.quantile(np.abs(naive).max(1), 0.025) <= true
        assert hits >= 90
        assert naive_hits < hits


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (np.zeros((3, 2)), np.zeros((3, 1)), "same columns"),
        (np.zeros(0), np.zeros(3), "expected rows"),
        ([0.1, np.nan], [0.1, 0.2], "row 1"),
    ],
)
def test_bad_outputs_are_refused(first: object, second: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ks_distance(first, second)


def test_what_is_not_paired_is_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        swapped_distances(np.zeros(3), np.zeros(4), np.arange(3))
    with pytest.raises(ValueError, match="swaps is 0"):
        swapped_distances(np.zeros(3), np.zeros(3), np.arange(3), swaps=0)
    with pytest.raises(ValueError, match="patients have shape"):
        swapped_distances(np.zeros(3), np.zeros(3), np.arange(4))
    with pytest.raises(ValueError, match="resamples of 4 images for 3"):
        resampled_deviations(np.zeros(3), np.zeros(3), patient_bootstrap(np.arange(4), resamples=1))
