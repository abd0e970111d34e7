"""Seconds and memory of the feature reuse of two encoders: four stages by four, with null and intervals.

    python -m benchmarks.feature_reuse
    python -m benchmarks.feature_reuse --patients 20000
    python -m benchmarks.feature_reuse --kernel rbf
    python -m benchmarks.feature_reuse --images 2000 --patients 500 --positions 16
    python -m benchmarks.feature_reuse --coverage 300

Made-up features of the widths of a ResNet-50: non-negative, correlated within a set, half of each set the same in both
encoders. ``--positions 16`` makes them as wide as maps of 4 x 4. ``--coverage`` counts instead how often the interval
holds the true CKA of a population that is known, in so many draws of it.
"""

from __future__ import annotations

import argparse
import os
import platform
import time

import numpy as np

from benchmarks.machine import cores, peak_mib
from monai_mocoi.analysis.feature_reuse import feature_reuse
from monai_mocoi.metrics import cka_matrix, jackknife_interval

WIDTHS = {1: 256, 2: 512, 3: 1024, 4: 2048}


def make_up(images, positions, seed):
    """Both encoders' features by stage, float32."""
    generator = np.random.default_rng(seed)
    shared = generator.standard_normal((images, 64), dtype=np.float32)
    sides = []
    for _ in range(2):
        side = {}
        for stage, width in WIDTHS.items():
            mixing = generator.standard_normal((64, width * positions), dtype=np.float32) / 8
            features = generator.standard_normal((images, width * positions), dtype=np.float32)
            features += shared @ mixing
            np.maximum(features, 0, out=features)
            side[stage] = features
        sides.append(side)
    return sides


def coverage(draws, patients, strength, generator):
    """Print how often the interval lies above and below the truth.

    Three images a patient, half of whose variance is the patient's; 32 features of unequal variance and 8 directions
    that both sides share, times ``strength``.
    """
    spread = 2 * np.exp(-np.arange(32) / 8)
    mixings = [strength * generator.standard_normal((8, 32)) for _ in range(2)]
    covariances = [mixing.T @ mixing + np.diag(spread**2) for mixing in mixings]
    true = np.square(mixings[0].T @ mixings[1]).sum() / np.sqrt(np.prod([np.square(c).sum() for c in covariances]))
    index = np.repeat(np.arange(patients), 3)
    values, above, below, widths = [], 0, 0, []
    for _ in range(draws):
        shared = generator.standard_normal((patients, 8))[index] + generator.standard_normal((len(index), 8))
        sides = [
            shared / np.sqrt(2) @ mixing + spread * generator.standard_normal((len(index), 32)) for mixing in mixings
        ]
        found = cka_matrix(sides[:1], sides[1:], index)
        low, high = jackknife_interval(found.value, found.left_out)[:, 0, 0]
        values.append(found.value[0, 0])
        above, below, widths = above + (low > true), below + (high < true), [*widths, high - low]
    print(
        f"{patients} patients, true CKA {true:.3f}: mean estimate {np.mean(values):.3f}, sd {np.std(values):.3f}; in % "
        f"of {draws} draws the interval holds the truth {100 * (1 - (above + below) / draws):.1f}, lies above it "
        f"{100 * above / draws:.1f}, below {100 * below / draws:.1f}; mean width {np.mean(widths):.3f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--patients", type=int, default=5_000, help="(%(default)s)")
    parser.add_argument("--positions", type=int, default=1, help="1: vectors; 16: maps of 4 x 4 (%(default)s)")
    parser.add_argument("--kernel", default="linear", help="linear or rbf (%(default)s)")
    parser.add_argument("--coverage", type=int, metavar="DRAWS", help="of the intervals, instead of the time")
    args = parser.parse_args()
    if args.coverage:
        generator = np.random.default_rng(0)
        for patients in (10, 30, 100):
            for strength in (0, 0.3, 1):
                coverage(args.coverage, patients, strength, generator)
        return

    first, second = make_up(args.images, args.positions, seed=0)
    generator = np.random.default_rng(1)
    patients = [
        f"p{i}"
        for i in np.r_[
            np.arange(args.patients), generator.integers(0, args.patients, max(args.images - args.patients, 0))
        ]
    ]
    ids = [f"i{i}" for i in range(args.images)]
    before, began, used = peak_mib(), time.perf_counter(), time.process_time()
    report = feature_reuse(first, second, ids, ids, patients[: args.images], kernel=args.kernel)
    seconds, used = time.perf_counter() - began, time.process_time() - used

    print(f"{report['images']} of {args.images} images, {report['patients']} patients, {args.kernel} kernel")
    for stage, number in report["same_stage"].items():
        low, high = number["interval"]
        print(f"stage {stage}: {number['value']:.4f} ({low:.4f} to {high:.4f}); null {number['null']}")
    print(f"{seconds:.1f} s, {used:.1f} s of processor time; load {os.getloadavg()[0]:.1f}")
    print(f"peak memory: {peak_mib():.0f} MiB, of which {before:.0f} MiB before (Python, numpy, the features)")
    print(f"{platform.machine()}, {cores()} cores; Python {platform.python_version()}, numpy {np.__version__}")


if __name__ == "__main__":
    main()
