"""The feature reuse of two encoders against the plain products of their features."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from benchmarks.feature_reuse import make_up
from benchmarks.figures import Figure, Row, ratio
from benchmarks.options import Options
from benchmarks.timing import take_turns
from monai_mocoi.analysis.feature_reuse import feature_reuse

Features = Mapping[int, np.ndarray]


def measure(options: Options) -> Iterator[Row]:
    images, patients = options.choose((10_000, 2_500), (120, 30))
    first, second = make_up(images, 1, options.seed)
    ids = [f"i{number}" for number in range(images)]
    groups = [f"p{number % patients}" for number in range(images)]
    sides = {
        "ours": lambda: feature_reuse(first, second, ids, ids, groups),
        "NumPy": lambda: plain_cka(first, second),
    }
    seconds = take_turns(sides, min(3, options.rounds), warm_up=False)
    figures = {f"{side}, seconds": Figure(tuple(values)) for side, values in seconds.items()}
    figures["ours / NumPy, seconds"] = ratio(seconds["ours"], seconds["NumPy"])
    yield Row(f"{images:,} images of {patients:,} patients, linear kernel", figures)


def plain_cka(first: Features, second: Features) -> np.ndarray:
    """Biased linear CKA of each pair of stages, in float64."""
    ours, theirs = ([x.astype(np.float64) - x.mean(0) for x in side.values()] for side in (first, second))
    scales = [[np.linalg.norm(x.T @ x) for x in side] for side in (ours, theirs)]
    products = [[np.linalg.norm(x.T @ y) ** 2 for y in theirs] for x in ours]
    return np.array(products) / np.outer(*scales)
