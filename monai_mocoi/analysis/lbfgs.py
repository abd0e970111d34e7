"""L-BFGS (Nocedal and Wright 2006, algorithm 7.5) for logistic regressions: all labels in one pass, a step length each.

torch.optim.LBFGS was tried (benchmarks/README.md): with all labels in one closure it does not reach the tolerance.
"""

import math
from collections import deque

import torch
from torch import Tensor

from monai_mocoi.analysis.logistic_inputs import LogisticLoss, LogisticProblem, principal_axes

_HISTORY = 20
_TRIALS = 30  # of step lengths
_TINY = torch.finfo(torch.float64).tiny


class LogisticSolver:
    """Minimiser of a :class:`LogisticProblem`; it keeps its solution, from which the next penalty starts."""

    def __init__(self, problem: LogisticProblem, tolerance: float, max_iterations: int) -> None:
        self.problem, self.tolerance, self.max_iterations = problem, tolerance, max_iterations
        self.axes, self.variances = principal_axes(problem.features)
        prevalence = (problem.weights * problem.targets).sum(0)
        bias = prevalence.log() if problem.multiclass else prevalence.logit()
        # The last row is the bias.
        self.parameters = torch.zeros(problem.features.shape[1] + 1, len(bias), dtype=torch.float64)
        self.parameters[-1] = bias - bias.mean() if problem.multiclass else bias
        self.logits = problem.product(self.parameters)
        # At least what is far below any real gradient: where no feature varies there is nothing but rounding.
        least = 1e-8 * problem.sum(prevalence * (1 - prevalence))
        start = problem.gradient(problem.loss(self.logits).slope, self.parameters, 0.0)
        self.reference = problem.norm(start).clamp(min=least)

    def solve(self, penalty: float) -> tuple[Tensor, int]:
        """Minimise for one penalty; return the relative norms of the gradient, and the number of iterations."""
        self.logits = self.problem.product(self.parameters)
        fresh = True
        loss = self.problem.loss(self.logits)
        gradient = self.problem.gradient(loss.slope, self.parameters, penalty)
        spread = (self.problem.weights * loss.probabilities * (1 - loss.probabilities)).sum(0)
        pairs: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=_HISTORY)
        iteration = 0
        while True:
            open_ = self.problem.norm(gradient) > self.tolerance * self.reference
            if not open_.any() and not fresh:
                # The logits were carried on by sums; what counts is the gradient at those of the parameters themselves.
                self.logits = self.problem.product(self.parameters)
                fresh = True
                loss = self.problem.loss(self.logits)
                gradient = self.problem.gradient(loss.slope, self.parameters, penalty)
                continue
            if not open_.any() or iteration == self.max_iterations:
                break
            iteration += 1
            direction = -self._inverse_hessian(gradient, pairs, spread, penalty)
            direction = torch.where(open_, direction, 0.0).to(self.problem.features.dtype).double()
            along = self.problem.product(direction)
            step, loss = self._line_search(loss, direction, along, penalty)
            if not (step > 0).any():
                if not pairs:  # rounding leaves no way down
                    break
                pairs.clear()
                continue
            self.parameters += step * direction
            self.logits += step * along
            fresh = False
            before, gradient = gradient, self.problem.gradient(loss.slope, self.parameters, penalty)
            moved, turned = step * direction, gradient - before
            product = self.problem.sum(moved * turned)
            usable = product > 1e-12 * self.problem.norm(moved) * self.problem.norm(turned)
            pairs.append((moved, turned, torch.where(usable, 1 / product, 0.0)))
        relative = self.problem.norm(gradient) / self.reference
        return relative.expand(self.problem.targets.shape[1]), iteration

    def _line_search(
        self, loss: LogisticLoss, direction: Tensor, along: Tensor, penalty: float
    ) -> tuple[Tensor, LogisticLoss]:
        """Find a step length a problem that fulfils the strong Wolfe conditions, by safeguarded Newton steps.

        The loss is convex along the direction, so the sign of a slope shows on which side the minimum is. The step is 0
        where the direction does not lead down: at a minimum, or by rounding.
        """
        w, d = self.parameters[:-1], direction[:-1]
        linear, square = penalty * self.problem.sum(w * d), penalty * self.problem.sum(d * d)
        first = self.problem.sum(loss.slope * along) + linear
        open_ = first < 0
        step = open_.double()
        low, high = torch.zeros_like(first), torch.full_like(first, math.inf)
        for _ in range(_TRIALS):
            at = self.problem.loss(self.logits + step * along)
            slope = self.problem.sum(at.slope * along) + linear + step * square
            change = at.value - loss.value + step * linear + step**2 * square / 2
            open_ = open_ & ((slope.abs() > 0.5 * first.abs()) | (change > 1e-4 * step * first))
            if not open_.any():
                return step, at
            low = torch.where(slope <= 0, step, low)
            high = torch.where(slope > 0, step, high)
            newton = step - slope / (self.problem.curvature(at.probabilities, along) + square).clamp(min=_TINY)
            middle = torch.where(high.isinf(), 4 * step, (low + high) / 2)
            step = torch.where(open_, torch.where((newton > low) & (newton < high), newton, middle), step)
        step = torch.where(open_, low, step)
        return step, self.problem.loss(self.logits + step * along)

    def _inverse_hessian(
        self, gradient: Tensor, pairs: deque[tuple[Tensor, Tensor, Tensor]], spread: Tensor, penalty: float
    ) -> Tensor:
        """Apply the two-loop recursion (Nocedal and Wright 2006, algorithm 7.4).

        A pair is the step s, the change y of the gradient, and 1 / (s y), 0 where the pair is not to be used.
        """
        result = gradient.clone()
        factors = []
        for moved, turned, inverse in reversed(pairs):
            factor = inverse * self.problem.sum(moved * result)
            result -= factor * turned
            factors.append(factor)
        result = self._first_guess(result, spread, penalty)
        for (moved, turned, inverse), factor in zip(pairs, reversed(factors), strict=True):
            result += moved * (factor - inverse * self.problem.sum(turned * result))
        return result

    def _first_guess(self, values: Tensor, spread: Tensor, penalty: float) -> Tensor:
        """Apply (spread S + penalty)^-1 to the weights' part, 1 / spread to the bias."""
        result = torch.empty_like(values)
        along = self.axes.T @ values[:-1]
        along *= 1 / (self.variances[:, None] * spread + penalty) - 1 / penalty
        result[:-1] = self.axes @ along + values[:-1] / penalty
        result[-1] = values[-1] / spread
        if self.problem.multiclass:  # what all classes share changes no probability; the gradient has none of it
            result -= result.mean(dim=1, keepdim=True)
        return result
