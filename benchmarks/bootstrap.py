"""Patient bootstrap of the macro AUC: ours against a loop over scikit-learn's ``roc_auc_score``.

    python -m benchmarks.bootstrap
    python -m benchmarks.bootstrap --decimals 3

Made-up predictions of the size of a chest X-ray test split, in which a few patients have very many images. Ours draws
and evaluates all resamples in every round; the loop is timed in the same rounds on resamples of ours, given once as
repeated rows and once as weights, and the faster of the two is what ours is compared with, by the time of one resample.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np

from benchmarks.machine import cores, peak_mib
from monai_mocoi.metrics import patient_bootstrap, roc_auc_by_patient

PREVALENCE = np.array([0.002, 0.007, 0.01, 0.015, 0.02, 0.025, 0.03, 0.04, 0.045, 0.05, 0.06, 0.12, 0.13, 0.2])
"""Shares of positives, of the order of those of ChestX-ray14."""


def make_up(images, patients, decimals, seed):
    """Patients, labels and float32 probabilities, alike within a patient."""
    generator = np.random.default_rng(seed)
    share = generator.pareto(1.2, patients) + 0.2
    index = np.r_[np.arange(patients), generator.choice(patients, images - patients, p=share / share.sum())]
    classes = len(PREVALENCE)
    latent = generator.standard_normal((patients, classes))[index] + generator.standard_normal((images, classes))
    labels = latent > [np.quantile(latent[:, i], 1 - p) for i, p in enumerate(PREVALENCE)]
    logits = 0.6 * latent + generator.standard_normal((images, classes)) - 2
    probabilities = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return index, labels.astype(int), probabilities if decimals is None else probabilities.round(decimals)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=22_433, help="(%(default)s)")
    parser.add_argument("--patients", type=int, default=2_800, help="(%(default)s)")
    parser.add_argument("--resamples", type=int, default=2_000, help="(%(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(%(default)s)")
    parser.add_argument("--compared", type=int, default=20, help="resamples of the loop a round (%(default)s)")
    parser.add_argument("--decimals", type=int, help="round the probabilities, for many ties")
    args = parser.parse_args()

    patients, labels, scores = make_up(args.images, args.patients, args.decimals, seed=0)
    start = peak_mib()
    times = {"ours": [], "rows": [], "weights": []}
    largest, done, used = 0.0, 0, None
    for turn in range(args.rounds):
        began = time.perf_counter()
        draw = patient_bootstrap(patients, labels, args.resamples, seed=turn)
        macro = draw.apply(roc_auc_by_patient(labels, scores, patients)).mean()
        times["ours"].append((time.perf_counter() - began) / args.resamples)
        used = used or peak_mib()

        from sklearn.metrics import roc_auc_score  # after the first round, so that its memory is not counted as ours

        chosen = np.linspace(0, args.resamples - 1, args.compared).astype(int)
        for way in ("rows", "weights"):
            began, areas = time.perf_counter(), []
            for i in chosen:
                weights = draw.weights(i)
                if way == "rows":
                    rows = np.repeat(np.arange(len(weights)), weights.astype(int))
                    areas.append(roc_auc_score(labels[rows], scores[rows]))
                else:
                    areas.append(roc_auc_score(labels, scores, sample_weight=weights))
            times[way].append((time.perf_counter() - began) / len(chosen))
            largest = max(largest, float(np.abs(macro.values[chosen] - areas).max()))
        done += len(chosen)

    import sklearn

    ours, rows, weights = (np.array(times[name]) for name in ("ours", "rows", "weights"))
    ratios = np.minimum(rows, weights) / ours
    print(f"{args.images} images of {args.patients} patients, {labels.shape[1]} classes, {args.resamples} resamples")
    print(f"ours, all resamples: {', '.join(f'{t * args.resamples:.2f}' for t in ours)} s")
    for name, own in (("repeated rows", rows), ("weights", weights)):
        print(f"scikit-learn, {name}: {', '.join(f'{t * args.resamples:.0f}' for t in own)} s ({len(chosen)} a round)")
    print(f"the faster loop / ours: median {np.median(ratios):.0f} ({ratios.min():.0f} to {ratios.max():.0f})")
    print(f"largest difference over {done} resamples, each both ways: {largest:.1e}")
    print(f"peak memory: {used:.0f} MiB, of which {start:.0f} MiB before (Python, numpy, the predictions)")
    print(
        f"{platform.machine()}, {cores()} cores; Python {platform.python_version()}, numpy {np.__version__}, "
        f"scikit-learn {sklearn.__version__}"
    )


if __name__ == "__main__":
    main()
