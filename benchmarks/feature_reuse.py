"""Seconds and memory of the feature reuse of two encoders: four stages by four, with null and intervals.

    python -m benchmarks.feature_reuse
    python -m benchmarks.feature_reuse --patients 20000
    python -m benchmarks.feature_reuse --kernel rbf
    python -m benchmarks.feature_reuse --images 2000 --patients 500 --positions 16

Made-up features of the widths of a ResNet-50: non-negative, correlated within a set, half of each set the same in both
encoders. ``--positions 16`` makes them as wide as maps of 4 x 4.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time

import numpy as np

from monai_mocoi.analysis.feature_reuse import feature_reuse

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


def peak():
    """Largest resident set size of this process so far, in MiB."""
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 2**20 if sys.platform == "darwin" else used / 2**10


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=20_000, help="(%(default)s)")
    parser.add_argument("--patients", type=int, default=5_000, help="(%(default)s)")
    parser.add_argument("--positions", type=int, default=1, help="1: vectors; 16: maps of 4 x 4 (%(default)s)")
    parser.add_argument("--kernel", default="linear", help="linear or rbf (%(default)s)")
    args = parser.parse_args()

    first, second = make_up(args.images, args.positions, seed=0)
    generator = np.random.default_rng(1)
    patients = [
        f"p{i}"
        for i in np.r_[
            np.arange(args.patients), generator.integers(0, args.patients, max(args.images - args.patients, 0))
        ]
    ]
    ids = [f"i{i}" for i in range(args.images)]
    before, began, used = peak(), time.perf_counter(), time.process_time()
    report = feature_reuse(first, second, ids, ids, patients[: args.images], kernel=args.kernel)
    seconds, used = time.perf_counter() - began, time.process_time() - used

    print(f"{report['images']} of {args.images} images, {report['patients']} patients, {args.kernel} kernel")
    for stage, number in report["same_stage"].items():
        low, high = number["interval"]
        print(f"stage {stage}: {number['value']:.4f} ({low:.4f} to {high:.4f}); null {number['null']}")
    print(f"{seconds:.1f} s, {used:.1f} s of processor time; load {os.getloadavg()[0]:.1f}")
    print(f"peak memory: {peak():.0f} MiB, of which {before:.0f} MiB before (Python, numpy, the features)")
    print(f"{platform.machine()}, {cores()} cores; Python {platform.python_version()}, numpy {np.__version__}")


def cores():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


if __name__ == "__main__":
    main()
