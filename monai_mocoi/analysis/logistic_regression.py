"""L2-penalised logistic regression on many features: all labels in one solve, a grid of penalties in one call."""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monai_mocoi.losses import LABEL_KINDS, class_probabilities
from monai_mocoi.metrics import UNKNOWN, is_known

TOLERANCE = 1e-5
MAX_ITERATIONS = 500

_HISTORY = 20
_TRIALS = 30  # of step lengths
_TINY = torch.finfo(torch.float64).tiny
_ROWS = 4096  # a block of rows where something is made in float64

Array = NDArray[Any]


@dataclass(frozen=True)
class LogisticFit:
    """A linear classifier: logits = features @ weight.T + bias, on the features as they were given.

    Attributes:
        penalty: see :func:`fit_logistic`.
        weight: (classes, features) float64.
        bias: (classes,) float64.
        gradient: (classes,) norm of the gradient at the end, relative to that of the best constant classifier; for
            "softmax" all classes share one value; 0 for constant classes.
        converged: (classes,) whether ``gradient`` is at most the tolerance.
        iterations: of L-BFGS, at this penalty.
        constant: the classes (column numbers) that training cannot tell from others, because it holds no positive or
            no negative of them: their weights are 0.
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

    The features are standardised by their mean and standard deviation (a constant feature gets the weight 0). For each
    label, or for the softmax of all classes, this is minimised over the weights w and the unpenalised bias b::

        mean over images of the log loss  +  penalty / 2 * |w|^2

    so ``C = 1 / (penalty * number of images)`` in scikit-learn's ``LogisticRegression`` on standardised features (with
    sample weights: 1 / (penalty * their sum)). Softmax of two classes has a weight vector each, as scikit-learn had
    with ``multi_class="multinomial"``: its weights' difference is the sigmoid's solution at half the penalty. The
    returned weights are those for features that are not standardised, so that they fit into an ``nn.Linear``.

    Method: L-BFGS (Nocedal and Wright 2006, algorithm 7.5), for all labels side by side with a step length each. Its
    first guess of the inverse Hessian is (v S + penalty)^-1, with the features' covariance S and the mean variance v of
    the label's predictions, which makes correlated features harmless. Logits are linear along a direction, so that a
    line search needs no further pass over the features: an iteration takes two. The penalties go from strong to weak,
    each starting from the last solution; the first one starts from the best constant classifier.

    Of several labels ("multilabel") each is fitted to the images in which it is known: the others have the weight 0.

    A class that has no positive or no negative image in training gets a constant classifier: weights 0, and the bias
    of the prevalence (positives + 1/2) / (images + 1), which is never 0 or 1. With "softmax", a class without images
    gets about that probability beside the others.

    Args:
        features: (images, features) float32 or float64, finite. Products with them are computed in their own type, all
            else in float64. One copy of them is made.
        labels: (images, classes) of 0 and 1, and ``UNKNOWN`` for "multilabel"; for "softmax" with exactly one 1 a row,
            or (images,) class numbers.
        penalties: > 0, in any order.
        kind: "multilabel" (a sigmoid a class, each a problem of its own) or "softmax" (one problem).
        classes: their number.
        sample_weight: (images,), or for "multilabel" also (images, classes): >= 0; the mean of the loss is weighted by
            them (class weights, for example). None: all alike. Standardising does not heed them.
        tolerance: on the norm of the gradient (standardised features and bias), relative to its norm at the best
            constant classifier.
        max_iterations: at each penalty.

    Returns:
        the fits in the order of ``penalties``.

    Raises:
        ValueError: shapes or values that do not fit; the text says which.

    Warns:
        RuntimeWarning: a class did not reach the tolerance, with the numbers.
    """
    _check(features, kind, penalties, tolerance)
    targets = _targets(labels, len(features), kind, classes)
    weights = _sample_weights(sample_weight, targets.shape, kind)
    if not (known := torch.from_numpy(is_known(labels))).all():
        targets, weights = torch.where(known, targets, 0.0), weights * known
    positive = (weights * targets).sum(0)
    total = weights.sum(0)
    constant = (positive <= 0) | (positive >= total)
    if kind == "softmax" and (~constant).sum() < 2:
        constant[:] = True
    kept = ~constant
    width = features.shape[1]

    standardised, mean, scale = _standardise(torch.from_numpy(np.ascontiguousarray(features)))
    grid = sorted(set(penalties), reverse=True)
    found: dict[float, LogisticFit] = {}
    prevalence = _smoothed_prevalence(targets, weights)
    rest = prevalence.log() if kind == "softmax" and not kept.any() else prevalence.logit()
    solver = None
    if kept.any():
        solver = _Solver(standardised, targets[:, kept], weights[:, kept], kind, tolerance, max_iterations)
    for penalty in grid:
        weight = torch.zeros(classes, width, dtype=torch.float64)
        bias = rest.clone()
        gradient = torch.zeros(classes, dtype=torch.float64)
        iterations = 0
        if solver is not None:
            relative, iterations = solver.solve(penalty)
            gradient[kept] = relative
            weight[kept] = solver.weight.T / scale
            bias[kept] = solver.bias - weight[kept] @ mean
            if kind == "softmax" and constant.any():
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
    _warn(list(found.values()), tolerance, max_iterations)
    return [found[penalty] for penalty in penalties]


def predict_probabilities(features: Array, weight: Array, bias: Array, kind: str) -> NDArray[np.float64]:
    """Return the probabilities (images, classes) of a linear classifier, computed in float64.

    Args:
        features: (images, features).
        weight: (classes, features).
        bias: (classes,).
        kind: "multilabel" (each class by itself) or "softmax" (rows sum to 1).
    """
    logits = np.empty((len(features), len(bias)))
    for start in range(0, len(features), _ROWS):
        rows = slice(start, start + _ROWS)
        logits[rows] = features[rows].astype(np.float64) @ weight.T + bias
    return class_probabilities(torch.from_numpy(logits), kind).numpy()


class _Loss(NamedTuple):
    """Log loss of all images: a value a problem, and per logit the slope; the curvature only along a direction."""

    value: Tensor
    slope: Tensor
    probabilities: Tensor


class _Solver:
    """L-BFGS for the problems of one data set; it keeps its solution, from which the next penalty starts.

    A problem is a label ("multilabel": as many problems as columns) or all of the columns ("softmax": one problem);
    per-problem values have the shape (columns,) or (1,), so that they multiply columns.
    """

    def __init__(
        self, features: Tensor, targets: Tensor, weights: Tensor, kind: str, tolerance: float, max_iterations: int
    ) -> None:
        self.features = features
        self.targets = targets
        self.weights = weights / weights.sum(0)
        self.softmax = kind == "softmax"
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.axes, self.variances = _principal_axes(features)
        prevalence = (self.weights * targets).sum(0)
        bias = prevalence.log() if self.softmax else prevalence.logit()
        # The last row is the bias.
        self.parameters = torch.zeros(features.shape[1] + 1, targets.shape[1], dtype=torch.float64)
        self.parameters[-1] = bias - bias.mean() if self.softmax else bias
        self.logits = self._product(self.parameters)
        # At least what is far below any real gradient: where no feature varies there is nothing but rounding.
        least = 1e-8 * self._sum(prevalence * (1 - prevalence))
        self.reference = self._norm(self._gradient(self._loss(self.logits).slope, 0.0)).clamp(min=least)

    @property
    def weight(self) -> Tensor:
        return self.parameters[:-1]

    @property
    def bias(self) -> Tensor:
        return self.parameters[-1]

    def solve(self, penalty: float) -> tuple[Tensor, int]:
        """Minimise for one penalty; return the relative norms of the gradient, and the number of iterations."""
        self.logits = self._product(self.parameters)
        fresh = True
        loss = self._loss(self.logits)
        gradient = self._gradient(loss.slope, penalty)
        spread = (self.weights * loss.probabilities * (1 - loss.probabilities)).sum(0)
        pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=_HISTORY)
        iteration = 0
        while True:
            open_ = self._norm(gradient) > self.tolerance * self.reference
            if not open_.any() and not fresh:
                # The logits were carried on by sums; what counts is the gradient at those of the parameters themselves.
                self.logits = self._product(self.parameters)
                fresh = True
                loss = self._loss(self.logits)
                gradient = self._gradient(loss.slope, penalty)
                continue
            if not open_.any() or iteration == self.max_iterations:
                break
            iteration += 1
            direction = -self._inverse_hessian(gradient, pairs, spread, penalty)
            direction = torch.where(open_, direction, 0.0).to(self.features.dtype).double()
            along = self._product(direction)
            step, loss = self._line_search(loss, direction, along, penalty)
            if not (step > 0).any():
                if not pairs:  # rounding leaves no way down
                    break
                pairs.clear()
                continue
            self.parameters += step * direction
            self.logits += step * along
            fresh = False
            before, gradient = gradient, self._gradient(loss.slope, penalty)
            pairs.append(self._pair(step * direction, gradient - before))
        relative = self._norm(gradient) / self.reference
        return relative.expand(self.targets.shape[1]), iteration

    def _sum(self, values: Tensor) -> Tensor:
        return values.sum().reshape(1) if self.softmax else values.sum(0)

    def _norm(self, values: Tensor) -> Tensor:
        return self._sum(values * values).sqrt()

    def _product(self, parameters: Tensor) -> Tensor:
        return (self.features @ parameters[:-1].to(self.features.dtype)).double() + parameters[-1]

    def _loss(self, logits: Tensor) -> _Loss:
        if self.softmax:
            probabilities = logits.softmax(dim=1)
            each = (torch.logsumexp(logits, dim=1, keepdim=True) - logits) * self.targets
        else:
            probabilities = logits.sigmoid()
            each = torch.nn.functional.softplus(logits, threshold=40) - logits * self.targets
        return _Loss(self._sum(self.weights * each), self.weights * (probabilities - self.targets), probabilities)

    def _gradient(self, slope: Tensor, penalty: float) -> Tensor:
        gradient = penalty * self.parameters
        gradient[:-1] += (slope.T.to(self.features.dtype) @ self.features).T.double()
        gradient[-1] = slope.sum(0)
        return gradient

    def _line_search(self, loss: _Loss, direction: Tensor, along: Tensor, penalty: float) -> tuple[Tensor, _Loss]:
        """Find a step length a problem that fulfils the strong Wolfe conditions, by safeguarded Newton steps.

        The loss is convex along the direction, so the sign of a slope tells on which side the minimum is. The step is 0
        where the direction does not lead down: at a minimum, or by rounding.
        """
        w, d = self.parameters[:-1], direction[:-1]
        linear, square = penalty * self._sum(w * d), penalty * self._sum(d * d)
        first = self._sum(loss.slope * along) + linear
        open_ = first < 0
        step = open_.double()
        low, high = torch.zeros_like(first), torch.full_like(first, math.inf)
        for _ in range(_TRIALS):
            at = self._loss(self.logits + step * along)
            slope = self._sum(at.slope * along) + linear + step * square
            change = at.value - loss.value + step * linear + step**2 * square / 2
            open_ = open_ & ((slope.abs() > 0.5 * first.abs()) | (change > 1e-4 * step * first))
            if not open_.any():
                return step, at
            low = torch.where(slope <= 0, step, low)
            high = torch.where(slope > 0, step, high)
            newton = step - slope / (self._curvature(at.probabilities, along) + square).clamp(min=_TINY)
            middle = torch.where(high.isinf(), 4 * step, (low + high) / 2)
            step = torch.where(open_, torch.where((newton > low) & (newton < high), newton, middle), step)
        step = torch.where(open_, low, step)
        return step, self._loss(self.logits + step * along)

    def _curvature(self, probabilities: Tensor, along: Tensor) -> Tensor:
        if self.softmax:
            mean = (probabilities * along).sum(1, keepdim=True)
            return self._sum(self.weights * probabilities * (along - mean) ** 2)
        return self._sum(self.weights * probabilities * (1 - probabilities) * along**2)

    def _pair(self, moved: Tensor, turned: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The step s, the change y of the gradient, and 1 / (s y), 0 where the pair is not to be used."""
        product = self._sum(moved * turned)
        usable = product > 1e-12 * self._norm(moved) * self._norm(turned)
        return moved, turned, torch.where(usable, 1 / product, 0.0)

    def _inverse_hessian(
        self, gradient: Tensor, pairs: deque[tuple[Tensor, Tensor, Tensor]], spread: Tensor, penalty: float
    ) -> Tensor:
        """Apply the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4)."""
        result = gradient.clone()
        factors = []
        for moved, turned, inverse in reversed(pairs):
            factor = inverse * self._sum(moved * result)
            result -= factor * turned
            factors.append(factor)
        result = self._first_guess(result, spread, penalty)
        for (moved, turned, inverse), factor in zip(pairs, reversed(factors), strict=True):
            result += moved * (factor - inverse * self._sum(turned * result))
        return result

    def _first_guess(self, values: Tensor, spread: Tensor, penalty: float) -> Tensor:
        """Apply (spread S + penalty)^-1 to the weights' part, 1 / spread to the bias."""
        result = torch.empty_like(values)
        along = self.axes.T @ values[:-1]
        along *= 1 / (self.variances[:, None] * spread + penalty) - 1 / penalty
        result[:-1] = self.axes @ along + values[:-1] / penalty
        result[-1] = values[-1] / spread
        if self.softmax:  # what all classes share changes no probability; the gradient has none of it
            result -= result.mean(dim=1, keepdim=True)
        return result


def _principal_axes(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return orthonormal axes (features, axes) and the variances along them; beyond the axes there is no variance."""
    count, width = features.shape
    if count >= width:
        variances, axes = torch.linalg.eigh((features.T @ features).double() / count)
        return axes, variances.clamp(min=0)
    basis, triangle = torch.linalg.qr(features.T.double())
    variances, axes = torch.linalg.eigh(triangle @ triangle.T / count)
    return basis @ axes, variances.clamp(min=0)


def _standardise(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the standardised features, and mean and standard deviation (1 for a constant feature) in float64."""
    mean = torch.zeros(features.shape[1], dtype=torch.float64)
    square, largest = torch.zeros_like(mean), torch.zeros_like(mean)
    for part in features.split(_ROWS):
        mean += part.double().sum(0)
        largest = torch.maximum(largest, part.abs().amax(0).double())
    mean /= len(features)
    for part in features.split(_ROWS):
        square += (part.double() - mean).square_().sum(0)
    scale = (square / len(features)).sqrt()
    # What varies only in the last digits of its type is rounding, which must not be blown up to a feature.
    constant = scale <= 10 * torch.finfo(features.dtype).eps * largest
    scale[constant] = 1.0
    result = torch.empty_like(features)
    for part, out in zip(features.split(_ROWS), result.split(_ROWS), strict=True):
        out.copy_((part.double() - mean) / scale)
    result[:, constant] = 0
    return result, mean, scale


def _smoothed_prevalence(targets: Tensor, weights: Tensor) -> Tensor:
    """(positives + 1/2) / (images + 1) of each class, over the images that have a weight."""
    used = weights > 0
    return ((targets * used).sum(0) + 0.5) / (used.sum(0) + 1)


def _check(features: Array, kind: str, penalties: Sequence[float], tolerance: float) -> None:
    if kind not in LABEL_KINDS:
        raise ValueError(f"kind is {kind!r}; choose one of {', '.join(LABEL_KINDS)}.")
    if features.ndim != 2 or 0 in features.shape or features.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"features are {features.dtype} of shape {features.shape}; they must be float32 or float64 (images, "
            "features), at least one of each."
        )
    if not all(np.isfinite(features[start : start + _ROWS]).all() for start in range(0, len(features), _ROWS)):
        raise ValueError("the features hold values that are not finite (NaN or infinity).")
    if len(penalties) == 0 or not all(math.isfinite(penalty) and penalty > 0 for penalty in penalties):
        raise ValueError(f"penalties are {list(penalties)}; at least one is needed, and each must be above 0.")
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; it must be above 0.")


def _targets(labels: Array, count: int, kind: str, classes: int) -> Tensor:
    """Return (images, classes) float64 of 0 and 1."""
    labels = np.asarray(labels)
    if len(labels) != count:
        raise ValueError(f"there are {len(labels)} labels for {count} images.")
    if kind == "softmax" and labels.ndim == 1:
        if not (np.issubdtype(labels.dtype, np.integer) and labels.min() >= 0 and labels.max() < classes):
            raise ValueError(f"class labels must be whole numbers from 0 to {classes - 1}.")
        return torch.nn.functional.one_hot(torch.from_numpy(labels.astype(np.int64)), classes).double()
    allowed = (0, 1, UNKNOWN) if kind == "multilabel" else (0, 1)
    if labels.shape != (count, classes) or not np.isin(labels, allowed).all():
        raise ValueError(f"{kind} labels have the shape {labels.shape}; they must be 0 and 1, ({count}, {classes}).")
    if kind == "softmax" and not (labels.sum(1) == 1).all():
        raise ValueError("softmax labels (images, classes) must have exactly one 1 a row.")
    return torch.from_numpy(labels.astype(np.float64))


def _sample_weights(weights: Array | None, shape: torch.Size, kind: str) -> Tensor:
    if weights is None:
        return torch.ones(shape, dtype=torch.float64)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != shape[:1] and not (kind == "multilabel" and weights.shape == shape):
        wanted = f"({shape[0]},)" + (f" or {tuple(shape)}" if kind == "multilabel" else "")
        raise ValueError(f"sample_weight has the shape {weights.shape}; it must be {wanted}.")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights.sum(0) > 0).all()):
        raise ValueError("sample weights must be finite and 0 or more, and not all of them 0.")
    given = torch.from_numpy(weights)
    return (given if given.ndim == 2 else given[:, None]).expand(shape)


def _warn(fits: Sequence[LogisticFit], tolerance: float, max_iterations: int) -> None:
    short = [fit for fit in fits if not fit.converged.all()]
    if short:
        some = "; ".join(
            f"penalty {fit.penalty:.3g}: class(es) {', '.join(map(str, np.flatnonzero(~fit.converged)))} at "
            f"{fit.gradient.max():.2g}"
            for fit in short
        )
        warnings.warn(
            f"logistic regression stopped before its relative gradient norm was {tolerance:g} (max_iterations "
            f"{max_iterations}): {some}. Raise max_iterations or the tolerance, or leave out the weakest penalties.",
            RuntimeWarning,
            stacklevel=3,
        )
