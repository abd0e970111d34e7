"""Problem of a logistic regression: its inputs, checked and standardised, its log loss and its gradient."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from monai_mocoi.metrics import UNKNOWN

Array = NDArray[Any]

ROWS = 4096  # a block of rows where something is made in float64


def standardise(features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the standardised features, and mean and standard deviation (1 for a constant feature) in float64."""
    mean = torch.zeros(features.shape[1], dtype=torch.float64)
    square, largest = torch.zeros_like(mean), torch.zeros_like(mean)
    for part in features.split(ROWS):
        mean += part.double().sum(0)
        largest = torch.maximum(largest, part.abs().amax(0).double())
    mean /= len(features)
    for part in features.split(ROWS):
        square += (part.double() - mean).square_().sum(0)
    scale = (square / len(features)).sqrt()
    # What varies only in the last digits of its type is rounding, which must not be blown up to a feature.
    constant = scale <= 10 * torch.finfo(features.dtype).eps * largest
    scale[constant] = 1.0
    result = torch.empty_like(features)
    for part, out in zip(features.split(ROWS), result.split(ROWS), strict=True):
        out.copy_((part.double() - mean) / scale)
    result[:, constant] = 0
    return result, mean, scale


def check_inputs(features: Array, penalties: Sequence[float], tolerance: float) -> None:
    """Refuse features, penalties or a tolerance that cannot be used with ValueError."""
    if features.ndim != 2 or 0 in features.shape or features.dtype not in (np.float32, np.float64):
        raise ValueError(
            f"features are {features.dtype} of shape {features.shape}; they must be float32 or float64 (images, "
            "features), at least one of each."
        )
    if not all(np.isfinite(features[start : start + ROWS]).all() for start in range(0, len(features), ROWS)):
        raise ValueError("the features hold values that are not finite (NaN or infinity).")
    if len(penalties) == 0 or not all(math.isfinite(penalty) and penalty > 0 for penalty in penalties):
        raise ValueError(f"penalties are {list(penalties)}; at least one is needed, and each must be above 0.")
    if not tolerance > 0:
        raise ValueError(f"tolerance is {tolerance}; it must be above 0.")


def targets_of(labels: Array, count: int, multiclass: bool, classes: int) -> Tensor:
    """Return (images, classes) float64 of 0 and 1."""
    labels = np.asarray(labels)
    if len(labels) != count:
        raise ValueError(f"there are {len(labels)} labels for {count} images.")
    if multiclass and labels.ndim == 1:
        if not (np.issubdtype(labels.dtype, np.integer) and labels.min() >= 0 and labels.max() < classes):
            raise ValueError(f"class labels must be whole numbers from 0 to {classes - 1}.")
        return torch.nn.functional.one_hot(torch.from_numpy(labels.astype(np.int64)), classes).double()
    allowed = (0, 1) if multiclass else (0, 1, UNKNOWN)
    if labels.shape != (count, classes) or not np.isin(labels, allowed).all():
        raise ValueError(f"the labels have the shape {labels.shape}; they must be 0 and 1, ({count}, {classes}).")
    if multiclass and not (labels.sum(1) == 1).all():
        raise ValueError("multiclass labels (images, classes) must have exactly one 1 a row.")
    return torch.from_numpy(labels.astype(np.float64))


def sample_weights(weights: Array | None, shape: torch.Size, multiclass: bool) -> Tensor:
    """Return weights of the given shape (images, classes), float64."""
    if weights is None:
        return torch.ones(shape, dtype=torch.float64)
    weights = np.asarray(weights, dtype=np.float64)
    if weights.shape != shape[:1] and (multiclass or weights.shape != shape):
        wanted = f"({shape[0]},)" + ("" if multiclass else f" or {tuple(shape)}")
        raise ValueError(f"sample_weight has the shape {weights.shape}; it must be {wanted}.")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights.sum(0) > 0).all()):
        raise ValueError("sample weights must be finite and 0 or more, and not all of them 0.")
    given = torch.from_numpy(weights)
    return (given if given.ndim == 2 else given[:, None]).expand(shape)


class LogisticLoss(NamedTuple):
    """Log loss of all images: a value a problem, and per logit the slope; the curvature only along a direction."""

    value: Tensor
    slope: Tensor
    probabilities: Tensor


class LogisticProblem:
    """Features ``(images, features)``, targets and weights ``(images, columns)``, and the loss of logits.

    A problem is one column; or, with ``multiclass``, all columns. Values of each problem have the shape ``(columns,)``
    or ``(1,)``, so that they multiply columns.
    """

    def __init__(self, features: Tensor, targets: Tensor, weights: Tensor, multiclass: bool) -> None:
        self.features, self.targets, self.weights = features, targets, weights / weights.sum(0)
        self.multiclass = multiclass

    def sum(self, values: Tensor) -> Tensor:
        """Sum over the columns of a problem, and over the rows."""
        return values.sum().reshape(1) if self.multiclass else values.sum(0)

    def norm(self, values: Tensor) -> Tensor:
        """Norm of each problem's column(s)."""
        return self.sum(values * values).sqrt()

    def product(self, parameters: Tensor) -> Tensor:
        """Logits ``(images, columns)`` of parameters ``(features + 1, columns)``."""
        return (self.features @ parameters[:-1].to(self.features.dtype)).double() + parameters[-1]

    def loss(self, logits: Tensor) -> LogisticLoss:
        """Log loss of logits."""
        if self.multiclass:
            probabilities = logits.softmax(dim=1)
            each = (torch.logsumexp(logits, dim=1, keepdim=True) - logits) * self.targets
        else:
            probabilities = logits.sigmoid()
            each = torch.nn.functional.softplus(logits, threshold=40) - logits * self.targets
        return LogisticLoss(self.sum(self.weights * each), self.weights * (probabilities - self.targets), probabilities)

    def gradient(self, slope: Tensor, parameters: Tensor, penalty: float) -> Tensor:
        """Gradient of the penalised loss."""
        gradient = penalty * parameters
        gradient[:-1] += (slope.T.to(self.features.dtype) @ self.features).T.double()
        gradient[-1] = slope.sum(0)
        return gradient

    def curvature(self, probabilities: Tensor, along: Tensor) -> Tensor:
        """Second derivative of the loss along a direction of the logits."""
        if self.multiclass:
            mean = (probabilities * along).sum(1, keepdim=True)
            return self.sum(self.weights * probabilities * (along - mean) ** 2)
        return self.sum(self.weights * probabilities * (1 - probabilities) * along**2)


def principal_axes(features: Tensor) -> tuple[Tensor, Tensor]:
    """Return orthonormal axes (features, axes) and the variances along them; beyond the axes there is no variance."""
    count, width = features.shape
    if count >= width:
        variances, axes = torch.linalg.eigh((features.T @ features).double() / count)
        return axes, variances.clamp(min=0)
    basis, triangle = torch.linalg.qr(features.T.double())
    variances, axes = torch.linalg.eigh(triangle @ triangle.T / count)
    return basis @ axes, variances.clamp(min=0)
