"""Our bootstrap over patients against a loop over scikit-learn's ``roc_auc_score``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from benchmarks.bootstrap import make_up
from benchmarks.figures import Figure, Row, ratio
from benchmarks.options import Options
from benchmarks.timing import take_turns
from monai_mocoi.metrics import patient_bootstrap, roc_auc_by_patient

IMAGES, PATIENTS = 22_433, 2_800
COMPARED = 10
"""Resamples of the loop in each turn."""


def measure(options: Options) -> Iterator[Row]:
    images, patients = options.choose((IMAGES, PATIENTS), (400, 50))
    resamples = options.choose(2_000, 50)
    compared = options.choose(COMPARED, 2)
    groups, labels, scores = make_up(images, patients, None, options.seed)
    draw = patient_bootstrap(groups, labels, resamples, seed=options.seed)
    weights = [draw.weights(number) for number in np.linspace(0, resamples - 1, compared).astype(int)]

    def ours() -> None:
        drawn = patient_bootstrap(groups, labels, resamples, seed=options.seed)
        drawn.apply(roc_auc_by_patient(labels, scores, groups)).mean()

    def by_rows() -> None:
        for weight in weights:
            rows = np.repeat(np.arange(len(weight)), weight.astype(int))
            roc_auc_score(labels[rows], scores[rows])

    def by_weights() -> None:
        for weight in weights:
            roc_auc_score(labels, scores, sample_weight=weight)

    with threadpool_limits(1):
        seconds = take_turns({"ours": ours, "rows": by_rows, "weights": by_weights}, min(3, options.rounds))
    pairs = zip(seconds["rows"], seconds["weights"], strict=True)
    loop = [min(pair) * resamples / compared for pair in pairs]
    figures = {"ours, seconds": Figure(tuple(seconds["ours"])), "loop, seconds": Figure(tuple(loop))}
    yield Row(f"{images:,} images of {patients:,} patients", figures | {"loop / ours": ratio(loop, seconds["ours"])})
