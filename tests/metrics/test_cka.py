from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from ignite.metrics import HSIC
from monai.metrics import compute_embedding_collapse
from scipy.stats import t

from monai_mocoi.metrics import cka_matrix, jackknife_interval, linear_cka, percentile_interval, permuted_cka_sd
from monai_mocoi.metrics.feature_moments import FeatureRows, moments
from monai_mocoi.metrics.hsic_of_features import hsic_left_out
from monai_mocoi.metrics.hsic_of_kernels import linear_kernel, rbf_kernel, u_centred
from monai_mocoi.metrics.hsic_pairs import draw_order


def _hsic_by_loops(first, second):
    """The U-statistic as Song et al. (2012) define it: the mean over all ordered quadruples of different images.

    Through their equation 4, with each sum over different indices written out.
    """
    n, k, m = len(first), first @ first.T, second @ second.T
    pairs = triples = apart = 0.0
    for i in range(n):
        for j in range(n):
            if i != j:
                pairs += k[i, j] * m[i, j]
                apart += k[i, j] * sum(
                    m[q, r] for q in range(n) for r in range(n) if q != r and q not in (i, j) and r not in (i, j)
                )
                triples += k[i, j] * sum(m[i, q] for q in range(n) if q not in (i, j))
    return pairs / (n * (n - 1)) + apart / (n * (n - 1) * (n - 2) * (n - 3)) - 2 * triples / (n * (n - 1) * (n - 2))


def _cka_by_matrices(k, m):
    """From kernel matrices, by the formula of Song et al. (2012), equation 5."""

    def hsic(a, b):
        n = len(a)
        a, b = (np.where(np.eye(n, dtype=bool), 0, kernel) for kernel in (a, b))
        ones = np.ones(n)
        total = np.trace(a @ b) + (ones @ a @ ones) * (ones @ b @ ones) / ((n - 1) * (n - 2))
        return (total - 2 / (n - 2) * (ones @ a @ b @ ones)) / (n * (n - 3))

    return hsic(k, m) / np.sqrt(hsic(k, k) * hsic(m, m))


def _sets(n, generator, widths=(3, 8)):
    """Two first sets and three second ones: related, unrelated, and equal to the second one of the first."""
    first = [generator.standard_normal((n, width)) + 2 for width in widths]
    mixed = first[0] @ generator.standard_normal((widths[0], 6)) + generator.standard_normal((n, 6))
    return first, [mixed, generator.standard_normal((n, 11)) - 1, first[1].copy()]


@pytest.mark.parametrize("n", [4, 5, 9])
def test_equals_naive_loops(n):
    generator = np.random.default_rng(n)
    first, second = generator.standard_normal((n, 3)), generator.standard_normal((n, 6))
    second[:, :3] += first
    expected = _hsic_by_loops(first, second) / np.sqrt(_hsic_by_loops(first, first) * _hsic_by_loops(second, second))
    assert linear_cka(first, second) == pytest.approx(expected, abs=1e-10)
    for wide in (first, np.hstack([first, np.zeros((n, 20))])):  # sums over rows (n > 6 only), and kernel matrices
        assert cka_matrix([wide], [second]).value[0, 0] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("n", [12, 40])
def test_every_pair_equals_the_formula_with_matrices_and_so_without_each_patient(n):
    generator = np.random.default_rng(0)
    first, second = _sets(n, generator)
    patients = generator.integers(0, 5, n) if n == 12 else np.arange(n) // 3 * (np.arange(n) > 8)
    expected = [[_cka_by_matrices(x @ x.T, y @ y.T) for y in second] for x in first]
    left_out = [
        [[_cka_by_matrices(x[own] @ x[own].T, y[own] @ y[own].T) for y in second] for x in first]
        for own in (patients != patient for patient in np.unique(patients))
    ]
    sums = cka_matrix(first, second, patients)
    wide = [np.hstack([x, np.zeros((n, n))]) for x in first]
    kernels = cka_matrix(wide, [np.hstack([y, np.zeros((n, n))]) for y in second], patients)
    for found, tolerance in ((sums, 1e-6), (kernels, 1e-10)):
        np.testing.assert_allclose(found.value, expected, atol=1e-10)
        np.testing.assert_allclose(found.left_out, left_out, atol=tolerance)
    assert sums.value[1, 2] == kernels.value[1, 2] == 1


def test_left_out_in_float64_is_exact():
    generator = np.random.default_rng(0)
    first, second = _sets(30, generator)
    patients = np.arange(30) % 7
    data = FeatureRows.of([*first, *second], 8)
    order = draw_order(patients, 7, 0)
    pairs = [(0, 2), (0, 0), (2, 2)]
    found = hsic_left_out(data, moments(data, [order.rows] * 5, pairs), order)
    for patient in range(7):
        own = patients != patient
        ratio = found[0, 2][patient] / np.sqrt(found[0, 0][patient] * found[2, 2][patient])
        assert ratio == pytest.approx(linear_cka(first[0][own], second[0][own]), abs=1e-10)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_the_result_does_not_depend_on_the_blocks(kernel):
    generator = np.random.default_rng(0)
    first, second = _sets(50, generator)
    patients = generator.integers(0, 20, 50)
    expected = cka_matrix(first, second, patients, kernel)
    for rows in (1, 7, 49, 50, 64):
        found = cka_matrix(first, second, patients, kernel, rows_at_once=rows)
        np.testing.assert_allclose(found.value, expected.value, atol=1e-10)
        np.testing.assert_allclose(found.left_out, expected.left_out, atol=1e-6)
        np.testing.assert_allclose(found.permuted, expected.permuted, atol=1e-6)
        np.testing.assert_allclose(found.exchanged, expected.exchanged, atol=1e-6)


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_identity_is_one_and_has_no_width(kernel):
    features = np.random.default_rng(0).gamma(1, size=(60, 16)).astype(np.float32)
    found = cka_matrix([features, features[:, :5]], [features.copy()], np.arange(60) // 2, kernel)
    assert found.value[0, 0] == 1
    assert (jackknife_interval(found.value, found.left_out)[:, 0, 0] == 1).all()
    assert found.value[1, 0] < 1


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_moving_turning_and_scaling_change_nothing(kernel):
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((40, 6)), generator.gamma(1, size=(40, 6))
    second += first
    turned = 1e-4 * (second @ np.linalg.qr(generator.standard_normal((6, 6)))[0]) + 3
    found = cka_matrix([first, second], [second, turned], kernel=kernel)
    np.testing.assert_allclose(found.value[:, 0], found.value[:, 1], atol=1e-9)
    low, high = jackknife_interval(found.value, found.left_out)[:, 1, 1]
    assert 1 - 1e-5 < low <= high <= 1
    assert abs(found.value[0, 0] - cka_matrix([first], [second * [9, 1, 1, 1, 1, 1]]).value[0, 0]) > 0.01


def test_rbf_is_that_of_ignite_with_the_median_distance():
    generator = np.random.default_rng(0)
    first, second = generator.standard_normal((30, 4)), generator.standard_normal((30, 3))
    second += first[:, :3]
    apart = [[np.linalg.norm(x - y) for x, y in itertools.combinations(side, 2)] for side in (first, second)]
    widths = [float(np.median(distances)) for distances in apart]

    def hsic(x, y, sigma_x, sigma_y):
        metric = HSIC(sigma_x, sigma_y)
        metric.update((torch.from_numpy(x), torch.from_numpy(y)))
        return metric.compute()

    ones = [hsic(side, side, width, width) for side, width in zip((first, second), widths, strict=True)]
    expected = hsic(first, second, *widths) / np.sqrt(np.prod(ones))
    found = cka_matrix([first], [second], kernel="rbf").value[0, 0]
    assert found == pytest.approx(expected, abs=1e-6)
    assert found > 0.1


def test_the_biased_estimate_is_that_of_monai():
    generator = np.random.default_rng(0)
    first, second = (generator.standard_normal((50, 20)).astype(np.float32) for _ in range(2))
    second += first
    theirs = compute_embedding_collapse(
        torch.from_numpy(first), target_embeddings=torch.from_numpy(second), include_indicators=["domain_shift"]
    )["domain_shift"]
    assert linear_cka(first, second, debiased=False) == pytest.approx(float(theirs), abs=1e-5)
    assert linear_cka(first, second) < float(theirs) - 0.05


@pytest.mark.parametrize("width", [64, 256, 2048])
def test_unrelated_features_are_0_within_the_interval_at_any_width(width):
    generator = np.random.default_rng(width)
    first, second = ([generator.gamma(1, size=(300, width)).astype(np.float32)] for _ in range(2))
    found = cka_matrix(first, second, np.arange(300) // 2)
    low, high = jackknife_interval(found.value, found.left_out)[:, 0, 0]
    assert low < 0 < high
    assert high - low < 0.05
    assert abs(found.value[0, 0]) < 5 * permuted_cka_sd(300)
    assert linear_cka(first[0], second[0], debiased=False) > 0.15  # the biased estimate of the same features


def test_resamples_with_repeated_rows_bring_the_diagonal_back():
    """Which is why there is no bootstrap here: unrelated features, and its whole interval is far above 0."""
    generator = np.random.default_rng(0)
    n, width = 600, 2048
    first, second = (generator.standard_normal((n, width)).astype(np.float32) for _ in range(2))
    kernels = [linear_kernel(side, np.arange(n)) for side in (first, second)]
    naive = []
    for _ in range(40):
        rows = generator.integers(0, n, n)
        one, other = (u_centred(kernel[np.ix_(rows, rows)]) for kernel in kernels)
        naive.append((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))
    low, high = percentile_interval(naive)
    assert 0.7 < low < high < 0.82  # 2048 / (2048 + 600) = 0.77: the repeated rows alone
    found = cka_matrix([first], [second])
    low, high = jackknife_interval(found.value, found.left_out)[:, 0, 0]
    assert -0.02 < low < 0 < high < 0.02


@pytest.mark.parametrize("rbf", [False, True])
def test_mean_and_sd_over_all_orders_are_the_closed_form(rbf):
    generator = np.random.default_rng(0)
    n = 6
    first, second = generator.gamma(0.3, size=(n, 2)), generator.standard_normal((n, 3))
    kernels = [linear_kernel(features, np.arange(n)) for features in (first, second)]
    one, other = (u_centred(rbf_kernel(kernel) if rbf else kernel) for kernel in kernels)
    length = np.sqrt((one**2).sum() * (other**2).sum())
    values = [(one * other[np.ix_(p, p)]).sum() / length for p in itertools.permutations(range(n))]
    assert np.mean(values) == pytest.approx(0, abs=1e-12)
    assert np.std(values) == pytest.approx(permuted_cka_sd(n), abs=1e-12)


@pytest.mark.parametrize("wide", [False, True])
def test_the_random_orders_are_what_they_are_said_to_be(wide):
    generator = np.random.default_rng(0)
    patients = np.array([0] * 3 + [1] * 4 + [2] * 4 + [3] + [4] * 8)
    of_patient = generator.standard_normal((5, 3))[patients]
    first, second = (of_patient + 0.1 * generator.standard_normal((20, 3)) for _ in range(2))
    if wide:
        first, second = (np.hstack([side, np.zeros((20, 30))]) for side in (first, second))
    found = cka_matrix([first], [second], patients, seed=3)
    order = draw_order(patients, 5, 3)
    assert sorted(order.permuted) == sorted(order.rows) == list(range(20))
    assert found.permuted[0, 0] == pytest.approx(
        linear_cka(first[order.rows], second[order.rows[order.permuted]]), abs=1e-6
    )
    one, other = (order.rows[places] for places in order.exchanged)
    assert found.exchanged[0, 0] == pytest.approx(linear_cka(first[one], second[other]), abs=1e-6)
    assert len(set(one)) == len(set(other)) == len(one)
    assert (patients[one] != patients[other]).all()
    assert {tuple(pair) for pair in zip(patients[one], patients[other], strict=True)} == set(
        dict(zip(patients[one], patients[other], strict=True)).items()
    )


def test_exchanged_patients_show_what_the_likeness_of_a_patients_images_gives():
    generator = np.random.default_rng(0)
    patients = np.arange(200) // 20
    first, second = (
        generator.standard_normal((10, 5))[patients] + 0.1 * generator.standard_normal((200, 5)) for _ in range(2)
    )
    found = cka_matrix([first], [second], patients)
    assert found.exchanged[0, 0] > 0.1
    assert abs(found.permuted[0, 0]) < 5 * permuted_cka_sd(200)
    assert cka_matrix([first], [second]).exchanged is None  # each image a patient: the permuted rows are that


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize(
    ("patients", "shown"), [([0, 1, 2, 2], False), ([0] * 7 + [1], False), ([0] * 7 + [1] * 2, True)]
)
def test_fewer_than_four_exchanged_images_are_none(kernel, wide, patients, shown):
    generator = np.random.default_rng(0)
    width = 12 if wide else 2
    first, second = (generator.standard_normal((len(patients), width)) for _ in range(2))
    found = cka_matrix([first], [second], patients, kernel)
    assert np.isfinite(found.value).all()
    assert (found.exchanged is not None) == shown
    if shown:  # two and two: just enough
        assert -1 <= found.exchanged[0, 0] <= 1


def test_the_interval_of_a_cka_above_0_holds_the_truth_in_95_percent_of_draws():
    def drawn(n, generator):
        first = generator.standard_normal((n, 4))
        return first, first + 0.8 * generator.standard_normal((n, 4))

    truth = linear_cka(*drawn(100_000, np.random.default_rng(0)))
    assert 0.3 < truth < 0.7
    draws, held, below = 200, 0, 0
    for seed in range(1, draws + 1):
        first, second = drawn(80, np.random.default_rng(seed))
        found = cka_matrix([first], [second])
        low, high = jackknife_interval(found.value, found.left_out)[:, 0, 0]
        held += low <= truth <= high
        below += high < truth
    assert 0.91 < held / draws < 0.99  # 95 % -+ 2.6 standard errors of 200 draws
    assert below / draws < 0.06


def test_a_large_mean_and_float32_cost_no_digits():
    generator = np.random.default_rng(0)
    first = (generator.standard_normal((100, 8)) + 300).astype(np.float32)
    second = (first.astype(np.float64) @ generator.standard_normal((8, 8)) + generator.standard_normal((100, 8))) * 1e-6
    expected = linear_cka(first.astype(np.float64) - 300, (second - second.mean(axis=0)) * 1e6)
    assert linear_cka(first, second) == pytest.approx(expected, abs=1e-10)


def test_bad_input_is_refused():
    good = np.random.default_rng(0).standard_normal((6, 3))
    with pytest.raises(ValueError, match="kernel is 'cubic'; choose one of linear, rbf"):
        cka_matrix([good], [good], kernel="cubic")
    with pytest.raises(ValueError, match=r"features 1 have shape \(5, 3\).*6 images"):
        cka_matrix([good], [good[:5]])
    with pytest.raises(ValueError, match="4 images or more, but there are 3"):
        linear_cka(good[:3], good[:3])
    with pytest.raises(ValueError, match="4 images or more, but there are 3"):
        permuted_cka_sd(3)
    with pytest.raises(ValueError, match="not all finite"):
        linear_cka(good, np.where(good > 1, np.inf, good))
    with pytest.raises(ValueError, match="the patients have shape"):
        cka_matrix([good], [good], ["a"] * 5)
    with pytest.raises(ValueError, match="median distance is 0"):
        cka_matrix([np.r_[np.ones((20, 2)), good[:2, :2]]], [np.ones((22, 1))], kernel="rbf")
    for wide in (good, np.hstack([good, good, good])):
        assert np.isnan(cka_matrix([wide], [np.full((6, 2), 0.1)]).value).all()
    found = cka_matrix([good[:5]], [good[:5]], [0, 0, 1, 2, 3])  # three images left without patient 0
    assert np.isnan(found.left_out).tolist() == [[[True]], [[False]], [[False]], [[False]]]


def test_equals_the_formula_on_fishers_scale():
    generator = np.random.default_rng(0)
    left_out = generator.uniform(0.5, 0.6, (7, 2, 3))
    value = left_out.mean(axis=0)
    found = jackknife_interval(value, left_out, 0.9)
    for place in np.ndindex(2, 3):
        z = [np.arctanh(v) for v in left_out[(slice(None), *place)]]
        error = np.sqrt(6 / 7 * sum((one - np.mean(z)) ** 2 for one in z))
        reach = t.ppf(0.95, 6) * error
        middle = np.arctanh(value[place])
        np.testing.assert_allclose(found[(slice(None), *place)], np.tanh([middle - reach, middle + reach]))


def test_of_a_mean_it_is_the_usual_standard_error():
    values = np.random.default_rng(0).uniform(-0.01, 0.01, 20)  # where Fisher's scale is straight
    left_out = (values.sum() - values) / 19
    reach = t.ppf(0.975, 19) * values.std(ddof=1) / np.sqrt(20)
    mean = values.mean()
    np.testing.assert_allclose(jackknife_interval(mean, left_out), [mean - reach, mean + reach], rtol=1e-3)


def test_never_beyond_1_and_no_width_where_all_are_equal():
    generator = np.random.default_rng(0)
    low, high = jackknife_interval(0.99, generator.uniform(0.9, 0.9999, 5))
    assert low < 0.99 < high < 1
    low, high = jackknife_interval(1 - 1e-9, 1 - generator.uniform(0, 1e-7, 50))
    assert 1 - 1e-5 < low <= high <= 1
    assert jackknife_interval(1.0, np.ones(5)).tolist() == [1, 1]
    assert jackknife_interval(np.array([1.0, 0.5]), np.stack([np.ones(5), np.full(5, 0.5)], 1)).shape == (2, 2)


def test_what_has_no_interval_is_refused():
    with pytest.raises(ValueError, match="two or more"):
        jackknife_interval(0.5, [0.5])
    with pytest.raises(ValueError, match="undefined without one of the patients"):
        jackknife_interval(0.5, [0.5, np.nan])
    with pytest.raises(ValueError, match="level is 95"):
        jackknife_interval(0.5, [0.5, 0.5], 95)
