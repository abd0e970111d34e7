from __future__ import annotations

from statistics import NormalDist

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from monai_mocoi.metrics import logit_interval, normal_interval, obuchowski_auc


def kernel(a: float, b: float) -> float:
    return 1.0 if a > b else 0.5 if a == b else 0.0


def naive_delong(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Covariance of the columns after DeLong et al. 1988, for independent images."""
    hit, rest = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    v10 = np.array([[np.mean([kernel(s[i], s[j]) for j in rest]) for s in scores.T] for i in hit])
    v01 = np.array([[np.mean([kernel(s[i], s[j]) for i in hit]) for s in scores.T] for j in rest])
    return np.atleast_2d(np.cov(v10, rowvar=False)) / len(hit) + np.atleast_2d(np.cov(v01, rowvar=False)) / len(rest)


def naive_obuchowski(labels: np.ndarray, first: np.ndarray, second: np.ndarray, patients: np.ndarray) -> float:
    """Covariance of two AUCs, as the paper writes it, with clusters in a loop."""
    hit, rest = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    names = sorted(set(patients))

    def sums(scores: np.ndarray) -> np.ndarray:
        area = np.mean([kernel(scores[i], scores[j]) for i in hit for j in rest])
        rows = []
        for name in names:
            own_hit, own_rest = [i for i in hit if patients[i] == name], [j for j in rest if patients[j] == name]
            x = sum(np.mean([kernel(scores[i], scores[j]) for j in rest]) for i in own_hit)
            y = sum(np.mean([kernel(scores[i], scores[j]) for i in hit]) for j in own_rest)
            rows.append((x - len(own_hit) * area, y - len(own_rest) * area))
        return np.array(rows)

    s10 = s01 = s11 = 0.0
    for (x, y), (u, v) in zip(sums(first), sums(second), strict=True):
        s10, s01, s11 = s10 + x * u, s01 + y * v, s11 + x * v + u * y
    with_hit, with_rest = len(set(patients[hit])), len(set(patients[rest]))
    s10 *= with_hit / ((with_hit - 1) * len(hit))
    s01 *= with_rest / ((with_rest - 1) * len(rest))
    s11 *= len(names) / (len(names) - 1)
    return s10 / len(hit) + s01 / len(rest) + s11 / (len(hit) * len(rest))


def clustered(patients: int, size: int, seed: int, decimals: int = 12) -> tuple[np.ndarray, ...]:
    generator = np.random.default_rng([patients, size, seed])
    ids = np.repeat(np.arange(patients), generator.integers(1, size + 1, patients))
    own = generator.standard_normal((patients, 2))[ids]
    labels = (own[:, 0] + generator.standard_normal(len(ids)) > 0).astype(int)
    scores = labels[:, None] + own[:, 1:] + 0.5 * generator.standard_normal((len(ids), 2))
    return labels, scores.round(decimals), ids


@pytest.mark.parametrize("decimals", [0, 12])
@pytest.mark.parametrize("n", [4, 5, 40])
def test_is_delong_where_each_patient_has_one_image(n: int, decimals: int) -> None:
    generator = np.random.default_rng(n)
    labels = np.r_[0, 0, 1, 1, generator.integers(0, 2, n - 4)]
    common = generator.standard_normal((n, 1)) + labels[:, None]
    scores = (common + generator.standard_normal((n, 2))).round(decimals)
    got = obuchowski_auc(labels, scores, np.arange(n))
    np.testing.assert_allclose(got.auc, [roc_auc_score(labels, s) for s in scores.T], rtol=1e-12)
    np.testing.assert_allclose(got.covariance, naive_delong(labels, scores), rtol=1e-10, atol=1e-16)


@pytest.mark.parametrize("decimals", [0, 12])
@pytest.mark.parametrize(("patients", "size"), [(4, 3), (12, 1), (12, 2), (20, 6)])
def test_equals_the_papers_sums(patients: int, size: int, decimals: int) -> None:
    labels, scores, ids = clustered(patients, size, 2, decimals)
    got = obuchowski_auc(labels, scores, ids)
    expected = [[naive_obuchowski(labels, s, t, ids) for s in scores.T] for t in scores.T]
    np.testing.assert_allclose(got.covariance, expected, rtol=1e-9, atol=1e-15)
    np.testing.assert_array_equal(got.variance, np.diag(got.covariance))
    one = obuchowski_auc(labels, scores[:, 0], ids)
    assert one.auc.shape == (1,)
    assert one.variance[0] == pytest.approx(got.variance[0], rel=1e-12)
    shuffled = np.random.default_rng(0).permutation(len(ids))
    again = obuchowski_auc(labels[shuffled], scores[shuffled], ids[shuffled].astype(str))
    np.testing.assert_allclose(again.covariance, got.covariance, rtol=1e-10, atol=1e-15)


def test_foretells_the_spread_over_studies() -> None:
    results = [obuchowski_auc(*clustered(80, 5, seed)) for seed in range(600)]
    areas = np.array([r.auc for r in results])
    foretold = np.mean([r.covariance for r in results], axis=0)
    np.testing.assert_allclose(foretold, np.cov(areas, rowvar=False), rtol=0.15)
    difference = foretold[0, 0] + foretold[1, 1] - 2 * foretold[0, 1]
    assert difference == pytest.approx(np.var(areas[:, 1] - areas[:, 0]), rel=0.15)
    # As if all images were of different patients it is too small: the reason for the method.
    ignoring = np.mean([obuchowski_auc(y, s, np.arange(len(y))).variance for y, s, _ in map(make, range(40))])
    assert ignoring < 0.7 * foretold[0, 0]


def make(seed: int) -> tuple[np.ndarray, ...]:
    return clustered(80, 5, seed)


def test_what_has_no_variance() -> None:
    assert np.isnan(obuchowski_auc([1, 1], [1, 2], ["a", "b"]).auc).all()
    one_patient = obuchowski_auc([1, 1, 0, 0], [2, 2, 1, 3], ["a", "a", "b", "c"])
    assert one_patient.auc.tolist() == [0.5]
    assert np.isnan(one_patient.variance).all()
    with pytest.raises(ValueError, match="scores hold inf in row 1"):
        obuchowski_auc([0, 1], [0, np.inf], ["a", "b"])


def test_intervals() -> None:
    z = NormalDist().inv_cdf(0.975)
    low, high = normal_interval([0.7, 0.98], [0.01, 0.01])
    assert low == pytest.approx([0.7 - 0.1 * z, 0.98 - 0.1 * z])
    assert high == pytest.approx([0.7 + 0.1 * z, 1])
    low, high = logit_interval(0.9, 0.0009)
    middle, half = np.log(9), z * 0.03 / 0.09
    assert float(low) == pytest.approx(1 / (1 + np.exp(half - middle)))
    assert float(high) == pytest.approx(1 / (1 + np.exp(-half - middle)))
    assert 0.9 - low > high - 0.9 > 0
    assert logit_interval([0, 1], [0, 0]).tolist() == normal_interval([0, 1], [0, 0]).tolist() == [[0, 1], [0, 1]]
    assert np.ptp(logit_interval(0.5, 0.01, 0.9)) < np.ptp(logit_interval(0.5, 0.01))
