from __future__ import annotations

import numpy as np
import pytest

from monai_mocoi.analysis.online_probe import RIDGE_PENALTY, probed_aucs
from monai_mocoi.metrics import UNKNOWN, nearest_neighbour_scores

STAGES = {1: 5, 2: 8, 3: 60, 4: 12}  # of the third the classifier has more features than images


def made(images: int, seed: int, told: float = 0.0) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """Features of four stages, and three findings, of which stage 2 and 4 tell the second one."""
    random = np.random.default_rng(seed)
    positive = random.random((images, 3)) < 0.4
    features = {stage: random.random((images, width)).astype(np.float32) for stage, width in STAGES.items()}
    for stage in (2, 4):
        features[stage][:, 1] += told * positive[:, 1]
    return features, positive


def naive_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    return float(np.mean(pairs))


def naive_ridge(train: np.ndarray, positive: np.ndarray, features: np.ndarray) -> np.ndarray:
    """The normal equations, with an intercept that is not penalised."""
    train, features = train.astype(np.float64), features.astype(np.float64)
    mean, std = train.mean(axis=0), train.std(axis=0)
    x, y = (train - mean) / std, positive - positive.mean()
    weight = np.linalg.solve(x.T @ x + RIDGE_PENALTY * len(x) * np.eye(x.shape[1]), x.T @ y)
    return (features - mean) / std @ weight


def test_ridge_equals_the_normal_equations_for_narrow_and_wide_stages() -> None:
    (train, positive), (test, truth) = made(40, 1, 0.5), made(30, 2, 0.5)
    values = probed_aucs(train, positive, test, truth, [0, 1])
    assert list(values) == ["knn_auc", *(f"ridge_auc_stage{stage}" for stage in STAGES)]
    for stage in STAGES:
        aucs = [naive_auc(truth[:, c], naive_ridge(train[stage], positive[:, c], test[stage])) for c in (0, 1)]
        assert values[f"ridge_auc_stage{stage}"] == pytest.approx(np.mean(aucs), abs=1e-9)


def test_what_features_tell_is_found_and_nothing_else() -> None:
    (train, positive), (test, truth) = made(400, 3, 3.0), made(400, 4, 3.0)
    told = probed_aucs(train, positive, test, truth, [1])
    assert min(told[name] for name in ("knn_auc", "ridge_auc_stage2", "ridge_auc_stage4")) > 0.99
    assert max(abs(told[f"ridge_auc_stage{stage}"] - 0.5) for stage in (1, 3)) < 0.1
    untold = probed_aucs(train, positive, test, truth, [0, 2])
    assert max(abs(value - 0.5) for value in untold.values()) < 0.1


def test_the_same_features_give_the_same_numbers_and_a_constant_one_does_no_harm() -> None:
    (train, positive), (test, truth) = made(40, 5, 1.0), made(30, 6, 1.0)
    for stages in (train, test):
        stages[4][:, 0] = 0
    values = probed_aucs(train, positive, test, truth, [0, 1, 2])
    assert values == probed_aucs(train, positive, test, truth, [0, 1, 2])
    assert all(np.isfinite(list(values.values())))


def test_a_finding_is_learnt_and_scored_where_it_is_known() -> None:
    (train, positive), (test, truth) = made(60, 1, 0.5), made(50, 2, 0.5)
    labels, wanted = positive.astype(int), truth.astype(int)
    random = np.random.default_rng(3)
    labels[random.random(60) < 0.4, 1] = UNKNOWN
    wanted[random.random(50) < 0.3, 0] = UNKNOWN
    values = probed_aucs(train, labels, test, wanted, [0, 1])
    aucs: dict[str, list[float]] = {}
    for c in (0, 1):
        learnt, scored = labels[:, c] != UNKNOWN, wanted[:, c] != UNKNOWN
        for stage in STAGES:
            scores = naive_ridge(train[stage][learnt], labels[learnt, c], test[stage])
            aucs.setdefault(f"ridge_auc_stage{stage}", []).append(naive_auc(truth[scored, c], scores[scored]))
        near = nearest_neighbour_scores(train[4][learnt], labels[learnt, c], test[4])[:, 0]
        aucs.setdefault("knn_auc", []).append(naive_auc(truth[scored, c], near[scored]))
    assert values == pytest.approx({name: np.mean(own) for name, own in aucs.items()}, abs=1e-9)
