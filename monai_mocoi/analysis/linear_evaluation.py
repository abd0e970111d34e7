"""Linear evaluation: how much a linear classifier can read off frozen features."""

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.analysis.linear_fit import GridPoint, LinearFit, predict_probabilities
from monai_mocoi.analysis.logistic_regression import MAX_ITERATIONS, TOLERANCE, LogisticFit, fit_logistic
from monai_mocoi.metrics import check_label_kind, is_known

PENALTIES = tuple(10.0 ** (half / 2) for half in range(4, -9, -1))
"""The grid of every linear evaluation: 100 to 0.0001, two a decade (:func:`~monai_mocoi.analysis.fit_logistic`)."""

FIXED_PENALTY = 0.1  # used where there is nothing to choose by (selection "last")

SELECTIONS = ("metric", "loss", "last")

Array = NDArray[Any]

logger = logging.getLogger(__name__)


class LinearEvaluation:
    """Logistic regression on frozen features, its penalty chosen on validation: the one definition that all use.

    Without augmentation. One penalty of the grid is chosen for all classes, of equally good ones the strongest. It is
    not fitted again on training and validation together.

    Args:
        kind: "multilabel": a sigmoid a class; "multiclass": one softmax over them.
        classes: their number.
        metric: ``metric(labels, probabilities) -> float``, higher is better, NaN where it is not defined; for "metric".
        selection: "metric"; "loss": by the mean log loss on validation; "last": there is no validation to choose by,
            and :data:`FIXED_PENALTY` is used.
        penalties: the grid, each > 0.
        tolerance, max_iterations: see :func:`~monai_mocoi.analysis.fit_logistic`.

    Raises:
        ValueError: an unknown selection, or "metric" without one.
    """

    def __init__(
        self,
        kind: str,
        classes: int,
        metric: Callable[[Array, Array], float] | None = None,
        selection: str = "metric",
        penalties: Sequence[float] = PENALTIES,
        tolerance: float = TOLERANCE,
        max_iterations: int = MAX_ITERATIONS,
    ) -> None:
        if selection not in SELECTIONS:
            raise ValueError(f"selection is {selection!r}; choose one of {', '.join(SELECTIONS)}.")
        if selection == "metric" and metric is None:
            raise ValueError('selection is "metric", so a metric is needed; or choose by "loss".')
        self.kind, self.classes, self.metric, self.selection = kind, classes, metric, selection
        self.penalties = sorted(set(penalties), reverse=True) if selection != "last" else [FIXED_PENALTY]
        self.tolerance, self.max_iterations = tolerance, max_iterations

    def fit(
        self,
        train_features: Array,
        train_labels: Array,
        validation_features: Array | None = None,
        validation_labels: Array | None = None,
        sample_weight: Array | None = None,
    ) -> LinearFit:
        """Fit on training, choose on validation; arguments and errors as of :func:`~monai_mocoi.analysis.fit_logistic`.

        Validation is not used with selection "last", and not weighted. Where the metric is not defined on validation at
        any penalty, the loss decides instead, with a warning.
        """
        how = self.kind, self.classes, sample_weight, self.tolerance, self.max_iterations
        fits = fit_logistic(train_features, train_labels, self.penalties, *how)
        if self.selection == "last":
            return self._result(fits, 0, "last", [None])
        if validation_features is None or validation_labels is None or len(validation_features) == 0:
            raise ValueError(f'selection by {self.selection} needs validation images; without them use "last".')
        validation_labels = np.asarray(validation_labels)
        selection = self.selection
        scores = self._scores(fits, validation_features, validation_labels, selection)
        if selection == "metric" and all(score is None for score in scores):
            logger.warning(
                "linear evaluation: the metric is not defined on the %d validation images, so the penalty is chosen by "
                "their log loss.",
                len(validation_labels),
            )
            selection = "loss"
            scores = self._scores(fits, validation_features, validation_labels, selection)
        # The first of equals: the strongest.
        best = max(range(len(fits)), key=lambda i: -math.inf if scores[i] is None else scores[i])  # type: ignore[arg-type, return-value]
        return self._result(fits, best, selection, scores)

    def _scores(
        self, fits: Sequence[LogisticFit], features: Array, labels: Array, selection: str
    ) -> list[float | None]:
        scores: list[float | None] = []
        for fit in fits:
            probabilities = predict_probabilities(features, fit.weight, fit.bias, self.kind)
            if selection == "loss":
                score = -log_loss(labels, probabilities, self.kind)
            else:
                assert self.metric is not None
                score = float(self.metric(labels, probabilities))
            scores.append(score if math.isfinite(score) else None)
        return scores

    def _result(
        self, fits: Sequence[LogisticFit], best: int, selection: str, scores: Sequence[float | None]
    ) -> LinearFit:
        edge = None
        if len(fits) > 1 and best in (0, len(fits) - 1):
            edge = "strongest" if best == 0 else "weakest"
            logger.info("linear evaluation: the chosen penalty, %.3g, is the %s of the grid.", fits[best].penalty, edge)
        grid = tuple(
            GridPoint(fit.penalty, score, fit.iterations, float(fit.gradient.max()), bool(fit.converged.all()))
            for fit, score in zip(fits, scores, strict=True)
        )
        chosen = fits[best]
        return LinearFit(
            chosen.weight, chosen.bias, chosen.penalty, selection, scores[best], edge, grid, chosen.constant
        )


def log_loss(labels: Array, probabilities: Array, kind: str) -> float:
    """Mean negative log likelihood: over images ("multiclass"), over all known values ("multilabel").

    Probabilities (images, classes) are cut to 1e-15 from 0 and 1.
    """
    p = np.clip(probabilities, 1e-15, 1 - 1e-15)
    if check_label_kind(kind) == "multilabel":
        values, known = np.where(labels == 1, np.log(p), np.log1p(-p)), is_known(labels)
        return float(-np.mean(values if known.all() else values[known]))
    if labels.ndim == 2:
        labels = labels.argmax(1)
    return float(-np.mean(np.log(p[np.arange(len(p)), labels])))
