from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as reference_loss
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from monai_mocoi.analysis import PENALTIES, LinearEvaluation, fit_logistic, predict_probabilities
from monai_mocoi.analysis.linear_evaluation import FIXED_PENALTY, log_loss

CLASSES = 3


def macro_auc(labels, probabilities):
    return roc_auc_score(labels, probabilities, multi_class="ovr")


def data(kind: str, count: int = 90, seed: int = 0, width: int = 20):
    """Features of which five tell the labels, as float32, with a mean and scales."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((count, width))
    scores = features[:, :5] @ np.random.default_rng(99).standard_normal((5, CLASSES)) + 2 * rng.gumbel(
        size=(count, CLASSES)
    )
    features = (features * np.linspace(0.1, 5, width) + 3).astype(np.float32)
    return features, scores.argmax(1) if kind == "multiclass" else (scores > 1).astype(int)


@pytest.mark.parametrize("selection", ["metric", "loss"])
@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_the_whole_against_scikit_learn(kind, selection):
    train, validation = data(kind), data(kind, seed=1)
    fit = LinearEvaluation(kind, CLASSES, macro_auc, selection).fit(*train, *validation)
    scaler = StandardScaler().fit(train[0].astype(float))
    scores = []
    for penalty in PENALTIES:
        columns = train[1].T if kind == "multilabel" else [train[1]]
        models = [
            LogisticRegression(C=1 / (penalty * 90), max_iter=5000).fit(scaler.transform(train[0]), c) for c in columns
        ]
        found = [model.predict_proba(scaler.transform(validation[0])) for model in models]
        probabilities = np.stack([p[:, 1] for p in found], axis=1) if kind == "multilabel" else found[0]
        if selection == "metric":
            scores.append(macro_auc(validation[1], probabilities))
        elif kind == "multiclass":
            scores.append(-reference_loss(validation[1], probabilities))
        else:
            scores.append(-np.mean([reference_loss(validation[1][:, k], probabilities[:, k]) for k in range(CLASSES)]))
    np.testing.assert_allclose([point.score for point in fit.grid], scores, atol=2e-3)
    assert fit.penalty == PENALTIES[int(np.argmax(scores))]
    assert fit.score == max(point.score for point in fit.grid)
    assert (fit.selection, fit.constant) == (selection, ())
    assert all(point.converged for point in fit.grid)
    assert [point.penalty for point in fit.grid] == sorted(PENALTIES, reverse=True)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_the_weights_fit_into_a_linear_layer(kind):
    train, validation = data(kind), data(kind, seed=1)
    fit = LinearEvaluation(kind, CLASSES, selection="loss").fit(*train, *validation)
    layer = torch.nn.Linear(20, CLASSES)
    layer.load_state_dict({"weight": torch.from_numpy(fit.weight), "bias": torch.from_numpy(fit.bias)})
    with torch.no_grad():
        logits = layer(torch.from_numpy(validation[0]))
    probabilities = logits.sigmoid() if kind == "multilabel" else logits.softmax(1)
    np.testing.assert_allclose(probabilities, fit.probabilities(validation[0], kind), atol=1e-6)
    assert -log_loss(validation[1], probabilities.double().numpy(), kind) == pytest.approx(fit.score, abs=1e-6)


def test_the_chosen_penalty_is_the_best_by_the_given_metric():
    train, validation = data("multilabel"), data("multilabel", seed=1)
    seen = []

    def metric(labels, probabilities):
        np.testing.assert_array_equal(labels, validation[1])
        assert probabilities.shape == (90, CLASSES)
        seen.append(probabilities)
        return [0.5, np.nan, 0.7, 0.7, np.inf, 0.6][len(seen) - 1]

    penalties = [3.0, 1.0, 0.1, 0.01, 0.3, 0.03]
    fit = LinearEvaluation("multilabel", CLASSES, metric, penalties=penalties).fit(*train, *validation)
    ordered = sorted(penalties, reverse=True)
    assert [point.score for point in fit.grid] == [0.5, None, 0.7, 0.7, None, 0.6]
    assert (fit.penalty, fit.score, fit.edge) == (ordered[2], 0.7, None)  # of equals the stronger
    (alone,) = fit_logistic(*train, [fit.penalty], "multilabel", CLASSES)
    np.testing.assert_allclose(
        seen[2], predict_probabilities(validation[0], alone.weight, alone.bias, "multilabel"), atol=1e-3
    )


@pytest.mark.parametrize(("sign", "edge"), [(1, "strongest"), (-1, "weakest"), (0, "strongest")])
def test_a_choice_at_the_edge_of_the_grid_is_said(sign, edge, caplog):
    train, validation = data("multilabel"), data("multilabel", seed=1)
    calls = []

    def metric(labels, probabilities):
        calls.append(1)
        return -sign * float(len(calls))

    with caplog.at_level(logging.INFO):
        fit = LinearEvaluation("multilabel", CLASSES, metric).fit(*train, *validation)
    assert fit.edge == edge
    assert f"{fit.penalty:.3g}, is the {edge}" in caplog.text


def test_without_a_defined_metric_the_loss_decides(caplog):
    train, validation = data("multilabel"), data("multilabel", seed=1)
    fit = LinearEvaluation("multilabel", CLASSES, lambda *_: float("nan")).fit(*train, *validation)
    by_loss = LinearEvaluation("multilabel", CLASSES, selection="loss").fit(*train, *validation)
    assert (fit.selection, fit.penalty, fit.score) == ("loss", by_loss.penalty, by_loss.score)
    assert "not defined on the 90 validation images" in caplog.text


def test_without_validation_the_penalty_is_the_fixed_one():
    train = data("multiclass")
    fit = LinearEvaluation("multiclass", CLASSES, selection="last").fit(*train)
    (expected,) = fit_logistic(*train, [FIXED_PENALTY], "multiclass", CLASSES)
    assert (fit.penalty, fit.selection, fit.score, fit.edge, len(fit.grid)) == (FIXED_PENALTY, "last", None, None, 1)
    np.testing.assert_array_equal(fit.weight, expected.weight)


def test_standardising_and_fitting_see_training_alone():
    train, validation = data("multilabel"), data("multilabel", seed=1)
    shifted = (100 * validation[0] + 7, 1 - validation[1])
    grids = [
        LinearEvaluation("multilabel", CLASSES, selection="loss", penalties=[0.1]).fit(*train, *given)
        for given in (validation, shifted)
    ]
    np.testing.assert_array_equal(grids[0].weight, grids[1].weight)


def test_sample_weights_are_heeded():
    train, validation = data("multilabel"), data("multilabel", seed=1)
    weight = np.where(train[1] == 1, 5.0, 1.0)
    evaluation = LinearEvaluation("multilabel", CLASSES, selection="loss", penalties=[0.1])
    plain, weighted = evaluation.fit(*train, *validation), evaluation.fit(*train, *validation, sample_weight=weight)
    rise = weighted.probabilities(validation[0], "multilabel") - plain.probabilities(validation[0], "multilabel")
    assert (rise.mean(0) > 0.1).all()


def test_a_class_unknown_to_training_and_the_summary():
    train, validation = data("multilabel"), data("multilabel", seed=1)
    train[1][:, 1] = 0
    fit = LinearEvaluation("multilabel", CLASSES, macro_auc).fit(*train, *validation)
    assert fit.constant == (1,)
    summary = json.loads(json.dumps(fit.summary(), allow_nan=False))
    assert summary["constant_classes"] == [1]
    assert summary["penalty"] == fit.penalty
    assert [point["score"] for point in summary["grid"]] == [point.score for point in fit.grid]
    assert set(summary["grid"][0]) == {"penalty", "score", "iterations", "gradient", "converged"}


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_log_loss_equals_scikit_learn_and_is_finite_at_the_ends(kind):
    _, labels = data(kind)
    logits = torch.from_numpy(np.random.default_rng(0).standard_normal((90, CLASSES)))
    probabilities = (logits.sigmoid() if kind == "multilabel" else logits.softmax(1)).numpy()
    if kind == "multiclass":
        expected = reference_loss(labels, probabilities)
        assert log_loss(np.eye(CLASSES)[labels], probabilities, kind) == pytest.approx(expected)
    else:
        expected = np.mean([reference_loss(labels[:, k], probabilities[:, k]) for k in range(CLASSES)])
    assert log_loss(labels, probabilities, kind) == pytest.approx(expected)
    wrong = 1.0 - labels if kind == "multilabel" else 1.0 - np.eye(CLASSES)[labels]
    assert 30 < log_loss(labels, wrong, kind) < 40


def test_bad_input():
    train = data("multilabel")
    for options, text in (({"selection": "auc"}, "'auc'"), ({}, "metric is needed")):
        with pytest.raises(ValueError, match=text):
            LinearEvaluation("multilabel", CLASSES, **options)
    for validation in ((), (train[0][:0], train[1][:0])):
        with pytest.raises(ValueError, match='needs validation images; without them use "last"'):
            LinearEvaluation("multilabel", CLASSES, macro_auc).fit(*train, *validation)
