from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from monai_mocoi.analysis import fit_logistic, predict_probabilities
from monai_mocoi.metrics import UNKNOWN

PENALTIES = [1e-1, 1e-3, 10.0, 1e-2]  # in no order
CLASSES = 4


def data(count: int = 150, width: int = 12, kind: str = "multilabel", dtype=np.float64):
    """Correlated features of very different means and scales, and labels that depend on them."""
    rng = np.random.default_rng(0)
    features = rng.standard_normal((count, width)) @ rng.standard_normal((width, width))
    scores = features @ rng.standard_normal((width, CLASSES)) / width + rng.gumbel(size=(count, CLASSES))
    features = features * 10.0 ** np.linspace(-2, 2, width) + 10 * rng.standard_normal(width)
    labels = (
        scores.argmax(1)
        if kind == "multiclass"
        else (scores > np.quantile(scores, [0.5, 0.7, 0.9, 0.2], axis=0).diagonal())
    )
    return features.astype(dtype), labels.astype(int)


def reference(features, labels, penalty, sample_weight=None, total=None):
    """Weights and bias for standardised features, and probabilities, by scikit-learn."""
    scaler = StandardScaler().fit(features)
    total = len(features) if total is None else total
    model = LogisticRegression(C=1 / (penalty * total), solver="newton-cg", tol=1e-10, max_iter=1000)
    model.fit(scaler.transform(features), labels, sample_weight)
    return model.coef_, model.intercept_, model.predict_proba(scaler.transform(features))


def on_standardised(fit, features):
    return fit.weight * features.std(0), fit.bias + fit.weight @ features.mean(0)


@pytest.mark.parametrize(("count", "width"), [(150, 12), (40, 60), (30, 30)])
def test_multilabel_equals_scikit_learn(count, width):
    features, labels = data(count, width)
    for fit in fit_logistic(features, labels, PENALTIES, "multilabel", CLASSES, tolerance=1e-8):
        assert fit.converged.all()
        found, offset = on_standardised(fit, features)
        probabilities = predict_probabilities(features, fit.weight, fit.bias, "multilabel")
        for k in range(CLASSES):
            weight, bias, expected = reference(features, labels[:, k], fit.penalty)
            np.testing.assert_allclose(found[k], weight[0], atol=1e-5)
            np.testing.assert_allclose(offset[k], bias[0], atol=1e-5)
            np.testing.assert_allclose(probabilities[:, k], expected[:, 1], atol=1e-6)


@pytest.mark.parametrize(("count", "width"), [(150, 12), (40, 60)])
def test_softmax_equals_scikit_learn(count, width):
    features, labels = data(count, width, "multiclass")
    one_hot = np.eye(CLASSES, dtype=int)[labels]
    for fit, same in zip(
        fit_logistic(features, labels, PENALTIES, "multiclass", CLASSES, tolerance=1e-8),
        fit_logistic(features, one_hot, PENALTIES, "multiclass", CLASSES, tolerance=1e-8),
        strict=True,
    ):
        assert fit.converged.all()
        found, offset = on_standardised(fit, features)
        weight, bias, expected = reference(features, labels, fit.penalty)
        np.testing.assert_allclose(found, weight, atol=1e-5)
        np.testing.assert_allclose(offset, bias, atol=1e-5)
        probabilities = predict_probabilities(features, fit.weight, fit.bias, "multiclass")
        np.testing.assert_allclose(probabilities, expected, atol=1e-6)
        np.testing.assert_array_equal(fit.weight, same.weight)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_features_of_single_precision_give_nearly_the_same(kind):
    features, labels = data(kind=kind, dtype=np.float32)
    # In double precision of the same rounded values, so that only the arithmetic differs.
    exact = fit_logistic(features.astype(np.float64), labels, PENALTIES, kind, CLASSES, tolerance=1e-8)
    for fit, other in zip(fit_logistic(features, labels, PENALTIES, kind, CLASSES), exact, strict=True):
        assert fit.converged.all()
        np.testing.assert_allclose(
            predict_probabilities(features, fit.weight, fit.bias, kind),
            predict_probabilities(features, other.weight, other.bias, kind),
            atol=2e-4,
        )


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_the_stated_gradient_is_the_true_one(kind):
    """Against automatic differentiation of the objective as the docstring has it."""
    features, labels = data(kind=kind)
    z = torch.from_numpy(StandardScaler().fit_transform(features))
    target = torch.from_numpy(labels)

    def gradient(weight, bias, penalty):
        weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
        logits = z @ weight.T + bias
        if kind == "multiclass":
            loss = torch.nn.functional.cross_entropy(logits, target)
        else:
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, target.double()) * CLASSES
        (loss + penalty / 2 * (weight**2).sum()).backward()
        both = torch.cat([weight.grad, bias.grad[:, None]], dim=1)
        return both.norm() if kind == "multiclass" else both.norm(dim=1)

    share = torch.from_numpy(np.eye(CLASSES)[labels] if kind == "multiclass" else labels * 1.0).mean(0)
    start = gradient(torch.zeros(CLASSES, 12).double(), share.log() if kind == "multiclass" else share.logit(), 0)
    for tolerance in (1e-2, 1e-6):
        for fit in fit_logistic(features, labels, PENALTIES, kind, CLASSES, tolerance=tolerance):
            weight, bias = map(torch.from_numpy, on_standardised(fit, features))
            stated = torch.from_numpy(fit.gradient)
            torch.testing.assert_close(
                (gradient(weight, bias, fit.penalty) / start).expand(4), stated, rtol=1e-3, atol=1e-10
            )
            assert (stated <= tolerance).all()


def test_softmax_of_two_classes_is_the_sigmoid_at_half_the_penalty():
    features, labels = data()
    one = labels[:, 0]
    (two,) = fit_logistic(features, one, [0.02], "multiclass", 2, tolerance=1e-9)
    (single,) = fit_logistic(features, one[:, None], [0.01], "multilabel", 1, tolerance=1e-9)
    np.testing.assert_allclose(two.weight[1] - two.weight[0], single.weight[0], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(two.weight[0], -two.weight[1], rtol=1e-6, atol=1e-12)


def test_sample_weights_equal_scikit_learn():
    features, labels = data()
    counts = np.random.default_rng(1).integers(0, 4, len(labels))
    (fit,) = fit_logistic(features, labels, [0.01], "multilabel", CLASSES, counts, tolerance=1e-9)
    by_class = np.stack([counts, counts + 1, 2 * counts, np.ones_like(counts)], axis=1)
    (each,) = fit_logistic(features, labels, [0.01], "multilabel", CLASSES, by_class, tolerance=1e-9)
    for weights, found, k in ((counts, fit, 0), (counts, fit, 3), (counts + 1, each, 1), (counts, each, 2)):
        weight, bias, _ = reference(features, labels[:, k], 0.01, weights, weights.sum())
        own, offset = on_standardised(found, features)
        np.testing.assert_allclose(own[k], weight[0], atol=1e-5)
        np.testing.assert_allclose(offset[k], bias[0], atol=1e-5)
    classes = data(kind="multiclass")[1]
    (fit,) = fit_logistic(features, classes, [0.01], "multiclass", CLASSES, counts, tolerance=1e-9)
    weight, _, _ = reference(features, classes, 0.01, counts, counts.sum())
    np.testing.assert_allclose(on_standardised(fit, features)[0], weight, atol=1e-5)


def test_a_very_strong_penalty_leaves_the_prevalence():
    features, labels = data()
    (fit,) = fit_logistic(features, labels, [1e9], "multilabel", CLASSES)
    probabilities = predict_probabilities(features, fit.weight, fit.bias, "multilabel")
    np.testing.assert_allclose(probabilities, np.broadcast_to(labels.mean(0), probabilities.shape), atol=1e-6)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_a_penalty_alone_and_in_a_grid_give_the_same(kind):
    features, labels = data(kind=kind)
    grid = fit_logistic(features, labels, PENALTIES, kind, CLASSES, tolerance=1e-9)
    assert [fit.penalty for fit in grid] == PENALTIES
    for fit in grid:
        (alone,) = fit_logistic(features, labels, [fit.penalty], kind, CLASSES, tolerance=1e-9)
        np.testing.assert_allclose(fit.weight, alone.weight, rtol=1e-5, atol=1e-8)
    again = fit_logistic(features, labels, PENALTIES, kind, CLASSES, tolerance=1e-9)
    assert all((a.weight == b.weight).all() and (a.bias == b.bias).all() for a, b in zip(grid, again, strict=True))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_features_get_no_weight(dtype):
    features, labels = data(dtype=dtype)
    noise = np.random.default_rng(0).choice([-1, 0, 1], len(features))
    tiny = np.finfo(dtype).eps
    extra = np.stack([np.zeros(150), np.full(150, 0.1), 7 * (1 + tiny * noise)], axis=1).astype(dtype)
    (fit,) = fit_logistic(np.hstack([extra, features]), labels, [0.01], "multilabel", CLASSES)
    (without,) = fit_logistic(features, labels, [0.01], "multilabel", CLASSES)
    assert (fit.weight[:, :3] == 0).all()
    assert np.isfinite(fit.bias).all()
    np.testing.assert_allclose(fit.weight[:, 3:], without.weight, rtol=2e-2, atol=1e-4)
    (nothing,) = fit_logistic(extra, labels, [0.01], "multilabel", CLASSES)
    assert nothing.converged.all()
    np.testing.assert_allclose(1 / (1 + np.exp(-nothing.bias)), labels.mean(0))


def test_a_label_that_training_cannot_know_is_constant():
    features, labels = data()
    labels[:, 1], labels[:, 3] = 0, 1
    (fit,) = fit_logistic(features, labels, [0.01], "multilabel", CLASSES)
    assert fit.constant == (1, 3)
    assert fit.converged.all()
    assert (fit.weight[[1, 3]] == 0).all()
    np.testing.assert_allclose(1 / (1 + np.exp(-fit.bias[[1, 3]])), [0.5 / 151, 150.5 / 151])
    (others,) = fit_logistic(features, labels[:, [0, 2]], [0.01], "multilabel", 2)
    np.testing.assert_allclose(fit.weight[[0, 2]], others.weight, rtol=1e-6, atol=1e-9)
    weights = np.ones(labels.shape)
    weights[labels[:, 0] == 1, 0] = 0  # positives without a weight are none
    (unknown,) = fit_logistic(features, labels, [0.01], "multilabel", CLASSES, weights)
    assert unknown.constant == (0, 1, 3)
    (none,) = fit_logistic(features, np.zeros_like(labels), [0.01], "multilabel", CLASSES)
    assert none.constant == (0, 1, 2, 3)
    assert np.isfinite(none.bias).all()


def test_a_class_without_images_keeps_a_small_probability():
    features, labels = data(kind="multiclass")
    labels[labels == 2] = 0
    (fit,) = fit_logistic(features, labels, [0.1], "multiclass", CLASSES)
    (three,) = fit_logistic(features, np.array([0, 1, 9, 2])[labels], [0.1], "multiclass", 3)
    assert fit.constant == (2,)
    probabilities = predict_probabilities(features, fit.weight, fit.bias, "multiclass")
    assert 0.2 / 151 < probabilities[:, 2].mean() < 1 / 151
    rest = probabilities[:, [0, 1, 3]] / probabilities[:, [0, 1, 3]].sum(1, keepdims=True)
    np.testing.assert_allclose(rest, predict_probabilities(features, three.weight, three.bias, "multiclass"), atol=1e-6)
    (alone,) = fit_logistic(features, np.full(150, 3), [0.1], "multiclass", CLASSES)
    assert alone.constant == (0, 1, 2, 3)
    found = predict_probabilities(features[:1], alone.weight, alone.bias, "multiclass")[0]
    assert found[3] > 0.98
    np.testing.assert_allclose(found[:3] / found[3], 0.5 / 150.5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_classes_that_can_be_separated_completely(dtype):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((20, 200)).astype(dtype)
    labels = np.zeros((20, 3), int)
    labels[0, 0] = labels[:10, 1] = labels[:19, 2] = 1
    for fit in fit_logistic(features, labels, np.logspace(2, -6, 9), "multilabel", 3):
        assert fit.converged.all()
    probabilities = predict_probabilities(features, fit.weight, fit.bias, "multilabel")
    assert ((probabilities > 0.5) == labels).all()


def test_what_has_not_converged_is_said_with_numbers():
    features, labels = data()
    with pytest.warns(RuntimeWarning, match=r"max_iterations 2\): penalty 0.0001: class\(es\) 0, .* at 0\.\d"):
        (fit,) = fit_logistic(features, labels, [1e-4], "multilabel", CLASSES, max_iterations=2)
    assert fit.iterations == 2
    assert (fit.converged == (fit.gradient <= 1e-5)).all()
    assert not fit.converged.all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit_logistic(features, labels, [1e-4], "multilabel", CLASSES)


@pytest.mark.parametrize("kind", ["multilabel", "multiclass"])
def test_a_tolerance_beyond_the_precision_comes_to_an_end(kind):
    features, labels = data(kind=kind, dtype=np.float32)
    with pytest.warns(RuntimeWarning, match="tolerance"):
        fits = fit_logistic(features, labels, [1.0, 0.01], kind, CLASSES, tolerance=1e-14)
    assert all((fit.gradient < 1e-5).all() for fit in fits)


def test_probabilities_of_extreme_logits():
    features = np.array([[1.0], [-1.0]], np.float32)
    weight, bias = np.array([[800.0], [2.0]]), np.array([0.0, 1.0])
    expected = [[1, 1 / (1 + np.exp(-3.0))], [0, 1 / (1 + np.exp(1.0))]]
    np.testing.assert_allclose(predict_probabilities(features, weight, bias, "multilabel"), expected)
    found = predict_probabilities(features, weight, bias, "multiclass")
    np.testing.assert_allclose(found, [[1, 0], [0, 1]], atol=1e-300)


def test_many_rows_are_predicted_in_blocks():
    features = np.random.default_rng(0).standard_normal((9000, 3)).astype(np.float32)
    weight, bias = np.array([[0.1, -1, 2]]), np.array([0.3])
    expected = 1 / (1 + np.exp(-(features.astype(np.float64) @ weight.T + bias)))
    np.testing.assert_allclose(predict_probabilities(features, weight, bias, "multilabel"), expected, rtol=1e-12)


def test_bad_input():
    features, labels = data()
    good = {"features": features, "labels": labels, "penalties": [1.0], "kind": "multilabel", "classes": CLASSES}
    holed = features.copy()
    holed[3, 4] = np.nan
    for change, text in (
        ({"kind": "binary"}, "'binary'"),
        ({"features": features[0]}, "shape"),
        ({"features": features.astype(int)}, "int64"),
        ({"features": holed}, "not finite"),
        ({"penalties": []}, "penalties"),
        ({"penalties": [0.0]}, "above 0"),
        ({"penalties": [float("nan")]}, "above 0"),
        ({"tolerance": 0}, "tolerance"),
        ({"labels": labels[:9]}, "9 labels for 150"),
        ({"labels": labels[:, :2]}, r"\(150, 4\)"),
        ({"labels": labels * 2}, "0 and 1"),
        ({"labels": labels, "kind": "multiclass"}, "exactly one"),
        ({"labels": labels[:, 0] + 3, "kind": "multiclass"}, "0 to 3"),
        ({"labels": labels[:, 0] * 0.5, "kind": "multiclass"}, "whole numbers"),
        ({"sample_weight": np.ones(3)}, r"\(3,\)"),
        ({"sample_weight": -np.ones(150)}, "0 or more"),
        ({"sample_weight": np.zeros(150)}, "not all of them 0"),
    ):
        with pytest.raises(ValueError, match=text):
            fit_logistic(**{**good, **change})


def test_each_finding_is_fitted_where_it_is_known():
    features, labels = data()
    labels[np.random.default_rng(2).random(labels.shape) < [0, 0.5, 0.2, 0]] = UNKNOWN
    labels[:, 3] = np.where(labels[:, 3] == 1, UNKNOWN, 0)  # no positive is known
    (fit,) = fit_logistic(features, labels, [0.01], "multilabel", CLASSES, tolerance=1e-9)
    assert fit.constant == (3,)
    scaled = StandardScaler().fit_transform(features)  # on all images: standardising heeds no labels
    found, offset = on_standardised(fit, features)
    for k in range(3):
        known = labels[:, k] != UNKNOWN
        model = LogisticRegression(C=1 / (0.01 * known.sum()), solver="newton-cg", tol=1e-10, max_iter=1000)
        model.fit(scaled[known], labels[known, k])
        np.testing.assert_allclose(found[k], model.coef_[0], atol=1e-5)
        np.testing.assert_allclose(offset[k], model.intercept_[0], atol=1e-5)
    with pytest.raises(ValueError, match="labels have the shape"):
        fit_logistic(features, labels, [0.01], "multiclass", CLASSES)
    labels[:, 1] = UNKNOWN  # nothing at all is known: even odds
    (fit,) = fit_logistic(features, labels, [0.01], "multilabel", CLASSES)
    assert (fit.constant, fit.bias[1]) == ((1, 3), 0)
