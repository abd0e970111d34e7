"""Seconds and memory of a linear evaluation of many images: standardising, the whole grid, choosing the penalty.

    python benchmarks/linear_evaluation.py [--images 80000] [--features 2048] [--threads 2]

The features are made up: non-negative as averages after a ReLU are, correlated as those of a ResNet (the variances
along their principal axes fall like a power of their rank), with a few dead ones. The 14 labels have the prevalences of
NIH ChestX-ray14, from 18 % down to 0.2 %, and can be told from the features in part. A tenth as many images validate.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
import warnings

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from benchmarks.machine import peak_mib
from monai_mocoi.analysis import PENALTIES, LinearEvaluation

# Prevalences in percent of the 14 findings in the 112,120 images of NIH ChestX-ray14.
PREVALENCES = (17.7, 11.9, 10.3, 5.6, 5.2, 4.7, 4.2, 3.0, 2.5, 2.2, 2.1, 1.5, 1.3, 0.2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=80_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    features, labels = made_up(given.images + given.images // 10, given.features)
    train, validation = slice(given.images), slice(given.images, None)
    before = peak_mib() / 2**10
    evaluation = LinearEvaluation("multilabel", len(PREVALENCES), macro_auc)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        began, worked = time.perf_counter(), time.process_time()
        fit = evaluation.fit(features[train], labels[train], features[validation], labels[validation])
        seconds, worked = time.perf_counter() - began, time.process_time() - worked
    print("| penalty | validation AUC | iterations | largest relative gradient |\n|---|---|---|---|")
    for point in fit.grid:
        print(f"| {point.penalty:.3g} | {point.score:.4f} | {point.iterations} | {point.gradient:.1e} |")
    reached = sum(point.converged for point in fit.grid)
    print(
        f"\n{given.images:,} x {given.features:,}, {labels.shape[1]} labels, {len(PENALTIES)} penalties: "
        f"{seconds:.0f} s ({worked:.0f} s of processor time), {reached} of {len(PENALTIES)} converged, "
        f"chosen {fit.penalty:.3g}; peak memory {peak_mib() / 2**10:.1f} GiB "
        f"({before:.1f} GiB before the fit: the features and what made them)"
    )
    print(
        f"{given.threads} thread(s), load {os.getloadavg()[0]:.1f} on {os.cpu_count()} core(s), {platform.machine()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    )


def made_up(count: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (count, width) float32 and labels (count, 14)."""
    generator = torch.Generator().manual_seed(0)
    rank = min(width, 512)
    strength = torch.arange(1, rank + 1).float() ** -0.6
    mixing = torch.randn(rank, width, generator=generator) * strength[:, None] / strength.norm()
    directions = torch.randn(rank, len(PREVALENCES), generator=generator) / rank**0.5
    offset = torch.randn(width, generator=generator) - 1
    scale = torch.rand(width, generator=generator) * 0.5 + 0.05
    features = np.empty((count, width), np.float32)
    scores = torch.empty(count, len(PREVALENCES))
    for start in range(0, count, 4096):
        hidden = torch.randn(min(4096, count - start), rank, generator=generator)
        values = hidden @ mixing + 0.1 * torch.randn(len(hidden), width, generator=generator) + offset
        features[start : start + 4096] = torch.nn.functional.softplus(3 * values).mul_(scale).numpy()
        scores[start : start + 4096] = 1.5 * hidden @ directions
    features[:, : width // 100] = 0
    scores += torch.empty(scores.shape).exponential_(generator=generator).log_()  # a noise of the size of a logit
    limits = [scores[:, k].quantile(1 - share / 100) for k, share in enumerate(PREVALENCES)]
    return features, (scores > torch.stack(limits)).long().numpy()


def macro_auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    return float(roc_auc_score(labels, probabilities, average="macro"))


if __name__ == "__main__":
    main()
