"""Brier score, net benefit, operating points and reliability against scikit-learn and naive loops."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss, confusion_matrix

from monai_mocoi.metrics import (
    brier_by_patient,
    equal_count_bins,
    net_benefit_by_patient,
    observed_share_by_patient,
    operating_point_by_patient,
    threshold_for,
)
from monai_mocoi.metrics.patient_resamples import leave_each_out

DRAWN = np.random.default_rng(0)
PATIENTS = DRAWN.integers(0, 30, 120)
SAID = DRAWN.uniform(size=120).round(2)  # with ties
LABELS = DRAWN.uniform(size=120) < SAID
COUNTS = np.random.default_rng(1).integers(0, 4, (len(np.unique(PATIENTS)), 5)).astype(float)
WEIGHTS = COUNTS[np.unique(PATIENTS, return_inverse=True)[1]]  # (images, resamples)
CUTS = [0.1, 0.25, 0.5, 0.77]


def statistics():
    place = equal_count_bins(SAID, 6)
    return {
        "brier": brier_by_patient(LABELS, SAID, PATIENTS),
        "net benefit": net_benefit_by_patient(LABELS, SAID, PATIENTS, CUTS),
        "operating point": operating_point_by_patient(LABELS, SAID, PATIENTS, [0.5, 0.1, 0.77]),
        "reliability": observed_share_by_patient(LABELS, SAID, PATIENTS, place),
    }


@pytest.mark.parametrize("name", statistics())
def test_values_without_each_patient_are_those_of_leaving_it_out(name: str) -> None:
    statistic = statistics()[name]
    np.testing.assert_allclose(statistic.left_out(), leave_each_out(statistic, len(COUNTS)), atol=1e-12)


def test_brier_score_is_that_of_scikit_learn() -> None:
    found = brier_by_patient(LABELS, SAID, PATIENTS)(COUNTS)
    for resample, weights in enumerate(WEIGHTS.T):
        score = brier_score_loss(LABELS, SAID, sample_weight=weights)
        share = np.average(LABELS, weights=weights)
        reference = brier_score_loss(LABELS, np.full(120, share), sample_weight=weights)
        np.testing.assert_allclose(found[resample], [score, 1 - score / reference], atol=1e-12)


def test_net_benefit_is_that_of_a_loop_over_images() -> None:
    found = net_benefit_by_patient(LABELS, SAID, PATIENTS, CUTS)(COUNTS)
    for resample, weights in enumerate(WEIGHTS.T):
        for column, cut in enumerate(CUTS):
            benefits = []
            for treated in (cut <= SAID, np.ones(120, bool)):
                true = sum(w for w, y, t in zip(weights, LABELS, treated, strict=True) if t and y)
                false = sum(w for w, y, t in zip(weights, LABELS, treated, strict=True) if t and not y)
                benefits.append((true - false * cut / (1 - cut)) / weights.sum())
            expected = [*benefits, benefits[0] - benefits[1]]
            np.testing.assert_allclose(found[resample, column :: len(CUTS)], expected, atol=1e-12)


def test_a_perfect_model_has_the_share_of_positives_as_net_benefit() -> None:
    found = net_benefit_by_patient(LABELS, LABELS.astype(float), PATIENTS, CUTS)(np.ones((len(COUNTS), 1)))[0]
    np.testing.assert_allclose(found[:4], LABELS.mean(), atol=1e-12)


@pytest.mark.parametrize("cuts", [[], [0.5, 0.5], [0.0], [1.0], [0.6, 0.5]])
def test_thresholds_of_a_decision_curve_ascend_between_0_and_1(cuts: list[float]) -> None:
    with pytest.raises(ValueError, match="ascending"):
        net_benefit_by_patient(LABELS, SAID, PATIENTS, cuts)


def test_operating_points_are_those_of_a_confusion_matrix() -> None:
    cuts = [0.5, 0.1, 0.77, 0.5]
    found = operating_point_by_patient(LABELS, SAID, PATIENTS, cuts)(COUNTS)
    for resample, weights in enumerate(WEIGHTS.T):
        for column, cut in enumerate(cuts):
            tn, fp, fn, tp = confusion_matrix(LABELS, cut <= SAID, sample_weight=weights).ravel()
            expected = [tp / (tp + fn), tn / (tn + fp), tp / (tp + fp), tn / (tn + fn)]
            np.testing.assert_allclose(found[resample, column :: len(cuts)], expected, atol=1e-12)


def test_a_predictive_value_of_nothing_called_is_none() -> None:
    found = operating_point_by_patient(LABELS, SAID, PATIENTS, [2.0])(COUNTS)
    assert np.isnan(found[:, 2]).all()
    assert not np.isnan(found[:, [0, 1, 3]]).any()


@pytest.mark.parametrize("target", ["sensitivity", "specificity"])
@pytest.mark.parametrize("at_least", [0.05, 0.5, 0.8, 0.9, 1.0])
def test_the_threshold_for_a_target_is_the_best_of_all_candidates(target: str, at_least: float) -> None:
    values = np.unique(SAID)
    candidates = [values[0], *((values[:-1] + values[1:]) / 2)]
    rates = [((c <= SAID)[LABELS].mean(), (c > SAID)[~LABELS].mean()) for c in candidates]
    wanted, other = (0, 1) if target == "sensitivity" else (1, 0)
    reaching = [i for i, rate in enumerate(rates) if rate[wanted] >= at_least]
    threshold = threshold_for(target, at_least, LABELS, SAID)
    if not reaching:
        assert np.isnan(threshold)
        return
    own = ((threshold <= SAID)[LABELS].mean(), (threshold > SAID)[~LABELS].mean())
    assert own[wanted] >= at_least
    assert own[other] == max(rates[i][other] for i in reaching)


def test_no_threshold_reaches_a_specificity_when_all_say_the_same() -> None:
    assert np.isnan(threshold_for("specificity", 0.9, [0, 1, 0], [0.5, 0.5, 0.5]))
    assert threshold_for("sensitivity", 0.9, [0, 1, 0], [0.5, 0.5, 0.5]) == 0.5
    assert np.isnan(threshold_for("sensitivity", 0.9, [0, 0], [0.5, 0.6]))


@pytest.mark.parametrize("bins", [1, 4, 10])
def test_reliability_is_scikit_learns_curve_of_quantiles(bins: int) -> None:
    said = np.random.default_rng(2).uniform(size=200)
    labels = np.random.default_rng(3).uniform(size=200) < said
    place = equal_count_bins(said, bins)
    observed = observed_share_by_patient(labels, said, np.arange(200), place)(np.ones((200, 1)))[0]
    expected, predicted = calibration_curve(labels, said, n_bins=bins, strategy="quantile")
    np.testing.assert_allclose(observed, expected, atol=1e-12)
    np.testing.assert_allclose([said[place == i].mean() for i in range(bins)], predicted, atol=1e-12)


def test_few_distinct_probabilities_have_few_bins() -> None:
    assert set(equal_count_bins([0.1] * 50 + [0.9] * 50, 10)) == {0, 1}
    assert set(equal_count_bins([0.3] * 20, 10)) == {0}
