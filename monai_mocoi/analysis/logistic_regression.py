"""L2-penalised logistic regression on many features: all labels in one solve, a grid of penalties in one call."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from monai_mocoi.analysis.lbfgs import LogisticSolver
from monai_mocoi.analysis.logistic_inputs import (
    LogisticProblem,
    check_inputs,
    sample_weights,
    standardise,
    targets_of,
)
from monai_mocoi.metrics import check_label_kind, is_known

TOLERANCE = 1e-5
MAX_ITERATIONS = 500

Array = NDArray[Any]


@dataclass(frozen=True)
class LogisticFit:
    """A linear classifier: logits = features @ weight.T + bias, on the features as they were given.

    ``weight``, ``bias``: (classes, features) and (classes,) float64. ``gradient``: (classes,) norm of the gradient at
    the end, relative to that of the best constant classifier. ``converged``: (classes,) whether ``gradient`` is at most
    the tolerance. ``constant``: classes (column numbers) of which training holds no positive or no negative: weights 0.
    """

    penalty: float
    weight: Array
    bias: Array
    gradient: Array
    converged: NDArray[np.bool_]
    iterations: int
    constant: tuple[int, ...]


def fit_logistic(
    features: Array,
    labels: Array,
    penalties: Sequence[float],
    kind: str,
    classes: int,
    sample_weight: Array | None = None,
    tolerance: float = TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> list[LogisticFit]:
    """Fit a logistic regression for each penalty.

    The features are standardised (a constant feature gets the weight 0). For each label, or for the softmax of all
    classes, this is minimised over the weights w and the unpenalised bias b::

        mean over images of the log loss  +  penalty / 2 * |w|^2

    so ``C = 1 / (penalty * number of images)`` in scikit-learn's ``LogisticRegression`` on standardised features (with
    sample weights: 1 / (penalty * their sum)). Multiclass with two classes has a weight vector each: their difference
    is the sigmoid's solution at half the penalty. The returned weights are for the features as they were given.

    Method: L-BFGS. Its first guess of the inverse Hessian is (v S + penalty)^-1, with the features' covariance S and
    the mean variance v of the label's predictions, which makes correlated features harmless. Each penalty, from strong
    to weak, starts from the last solution. Each finding is fitted to the images in which it is known. A class without a
    positive or a negative image gets a constant classifier: the bias of (positives + 1/2) / (images + 1).

    Args:
        features: (images, features) float32 or float64, finite; products with them are in their type, all else in
            float64.
        labels: (images, classes) of 0 and 1, and ``UNKNOWN`` for findings; multiclass: with exactly one 1 a row, or
            (images,) class numbers.
        penalties: > 0, in any order.
        kind: "multilabel" (a sigmoid a class, each a problem of its own) or "multiclass" (one softmax, one problem).
        classes: their number.
        sample_weight: (images,), or for findings also (images, classes): >= 0; None: all equal. Standardising ignores
            them.
        tolerance, max_iterations: on the norm of the gradient, relative to its norm at the best constant classifier
            (a class that does not reach it is a RuntimeWarning); at each penalty.

    Returns:
        the fits in the order of ``penalties``.

    Raises:
        ValueError: shapes or values that do not fit; the text says which.
    """
    multiclass = check_label_kind(kind) == "multiclass"
    check_inputs(features, penalties, tolerance)
    targets = targets_of(labels, len(features), multiclass, classes)
    weights = sample_weights(sample_weight, targets.shape, multiclass)
    if not (known := torch.from_numpy(is_known(labels))).all():
        targets, weights = torch.where(known, targets, 0.0), weights * known
    positive = (weights * targets).sum(0)
    total = weights.sum(0)
    constant = (positive <= 0) | (positive >= total)
    if multiclass and (~constant).sum() < 2:
        constant[:] = True
    kept, width = ~constant, features.shape[1]
    standardised, mean, scale = standardise(torch.from_numpy(np.ascontiguousarray(features)))
    found: dict[float, LogisticFit] = {}
    used = weights > 0
    prevalence = ((targets * used).sum(0) + 0.5) / (used.sum(0) + 1)
    rest = prevalence.log() if multiclass and not kept.any() else prevalence.logit()
    solver = None
    if kept.any():
        problem = LogisticProblem(standardised, targets[:, kept], weights[:, kept], multiclass)
        solver = LogisticSolver(problem, tolerance, max_iterations)
    for penalty in sorted(set(penalties), reverse=True):
        weight, gradient = torch.zeros(classes, width, dtype=torch.float64), torch.zeros(classes, dtype=torch.float64)
        bias, iterations = rest.clone(), 0
        if solver is not None:
            relative, iterations = solver.solve(penalty)
            gradient[kept] = relative
            weight[kept] = solver.parameters[:-1].T / scale
            bias[kept] = solver.parameters[-1] - weight[kept] @ mean
            if multiclass and constant.any():
                bias[constant] += torch.logsumexp(solver.logits, dim=1).mean()
        found[penalty] = LogisticFit(
            penalty,
            weight.numpy(),
            bias.numpy(),
            gradient.numpy(),
            (gradient <= tolerance).numpy(),
            iterations,
            tuple(int(i) for i in torch.nonzero(constant)[:, 0]),
        )
    if some := "; ".join(
        f"penalty {fit.penalty:.3g}: class(es) {', '.join(map(str, np.flatnonzero(~fit.converged)))} at "
        f"{fit.gradient.max():.2g}"
        for fit in found.values()
        if not fit.converged.all()
    ):
        warnings.warn(
            f"logistic regression stopped before its relative gradient norm was {tolerance:g} (max_iterations "
            f"{max_iterations}): {some}. Raise it or the tolerance, or leave out the weakest penalties.",
            RuntimeWarning,
            stacklevel=2,
        )
    return [found[penalty] for penalty in penalties]
