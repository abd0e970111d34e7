"""Seconds of a classifier's evaluation with its intervals."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.bootstrap import make_up
from benchmarks.figures import Figure, Row, ratio
from benchmarks.options import Options
from benchmarks.timing import take_turns
from monai_mocoi.analysis import evaluate_predictions
from monai_mocoi.data import Predictions

CASES = ((22_433, 2_800), (22_433, 22_433))
"""Images, and patients."""
CLASSES = tuple(f"class {number}" for number in range(14))
QUICK = ((400, 50),)


def measure(options: Options) -> Iterator[Row]:
    resamples = options.choose(2_000, 50)
    for images, patients in options.choose(CASES, QUICK):
        predictions = made_up(images, patients, options.seed)

        def evaluated(interval: str, predictions: Predictions = predictions) -> Callable[[], object]:
            thresholds = dict.fromkeys(CLASSES, 0.2)
            return lambda: evaluate_predictions(predictions, thresholds, resamples=resamples, interval=interval)

        with threadpool_limits(1):
            sides = {"percentile": evaluated("percentile"), "BCa": evaluated("bca")}
            seconds = take_turns(sides, min(3, options.rounds))
        figures = {f"{side}, seconds": Figure(tuple(values)) for side, values in seconds.items()}
        figures["BCa / percentile"] = ratio(seconds["BCa"], seconds["percentile"])
        yield Row(f"{images:,} images of {patients:,} patients", figures)


def made_up(images: int, patients: int, seed: int) -> Predictions:
    """Predictions of 14 findings."""
    groups, labels, probabilities = make_up(images, patients, None, seed)
    return Predictions(
        tuple(f"{number:06d}.png" for number in range(images)),
        tuple(f"{number:06d}" for number in groups),
        CLASSES,
        "multilabel",
        labels,
        probabilities.astype(np.float64),
    )
