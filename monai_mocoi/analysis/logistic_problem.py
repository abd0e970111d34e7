"""Log loss of linear classifiers, its gradient, and the principal axes of the features."""

from typing import NamedTuple

import torch
from torch import Tensor


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
