"""Time of the whole report of a classifier, ``evaluate_predictions``, and of the BCa interval's share in it.

    python -m benchmarks.evaluation
    python -m benchmarks.evaluation --images 4000 --patients 4000 --classes 5 --compare

Made-up predictions as in ``benchmarks/bootstrap.py``, of the most frequent classes. ``--compare`` also runs it with the
values without each patient evaluated one patient after the other, and tells the largest difference of any number.
``--full`` times ``evaluate_fully`` and ``evaluate_subgroups`` instead: with recalibration, operating points, decision
curves, and the 18 groups of five made-up columns.
"""

from __future__ import annotations

import argparse
import platform
import time

import numpy as np

from benchmarks.bootstrap import make_up
from benchmarks.machine import cores, peak_mib
from monai_mocoi.analysis import (
    choose_operating_points,
    evaluate_fully,
    evaluate_predictions,
    evaluate_subgroups,
    fit_recalibration,
)
from monai_mocoi.data import Columns, Predictions
from monai_mocoi.metrics import patient_resamples


def plain(report):
    """All numbers of a report, in its order."""
    if isinstance(report, dict):
        report = list(report.values())
    if isinstance(report, list):
        return [number for part in report for number in plain(part)]
    return [float(report)] if isinstance(report, (int, float)) else []


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--images", type=int, default=22_433, help="(%(default)s)")
    parser.add_argument("--patients", type=int, default=22_433, help="(%(default)s)")
    parser.add_argument("--classes", type=int, default=14, help="1 to 14 (%(default)s)")
    parser.add_argument("--resamples", type=int, default=2_000, help="(%(default)s)")
    parser.add_argument("--compare", action="store_true", help="with one evaluation a patient too")
    parser.add_argument("--full", action="store_true", help="calibration, operating points, decision curve, subgroups")
    args = parser.parse_args()

    patients, labels, probabilities = make_up(args.images, args.patients, None, seed=0)
    names = [f"class {i}" for i in range(args.classes)]
    predictions = Predictions(
        tuple(f"{i:06d}.png" for i in range(args.images)),
        tuple(f"{i:06d}" for i in patients),
        tuple(names),
        "multilabel",
        labels[:, -args.classes :],
        probabilities[:, -args.classes :].astype(np.float64),
    )

    generator = np.random.default_rng(1)
    of_patient = [(2, "sex"), (5, "age band"), (6, "site")]
    values = {name: generator.integers(count, size=args.patients)[patients] for count, name in of_patient}
    values |= {name: generator.integers(count, size=args.images) for count, name in [(2, "view"), (3, "device")]}
    columns = Columns({name: [f"group {i}" for i in own] for name, own in values.items()}, "made up")

    def timed(interval):
        began = time.perf_counter()
        extra = {}
        if args.full:  # fitted on the same predictions: the time is that of others
            points = choose_operating_points(predictions)
            extra = {"recalibration": fit_recalibration(predictions), "operating_points": points}
        settings = {"resamples": args.resamples, "interval": interval}
        report = (evaluate_fully if args.full else evaluate_predictions)(
            predictions, dict.fromkeys(names, 0.2), **settings, **extra
        )
        if args.full:
            report["subgroups"] = evaluate_subgroups(predictions, columns, dict.fromkeys(names, 0.2), **settings)
        return time.perf_counter() - began, report

    print(f"{args.images} images of {args.patients} patients, {args.classes} classes, {args.resamples} resamples")
    print(f"percentile: {timed('percentile')[0]:.1f} s")
    seconds, report = timed("bca")
    print(f"BCa: {seconds:.1f} s")
    if args.compare:
        patient_resamples._left_out = patient_resamples.leave_each_out
        seconds, other = timed("bca")
        print(f"BCa, one evaluation a patient: {seconds:.1f} s")
        print(f"largest difference: {np.abs(np.subtract(plain(report), plain(other))).max():.1e}")
    print(f"most memory: {peak_mib() / 2**10:.2f} GiB")
    print(f"{platform.machine()}, {cores()} cores; Python {platform.python_version()}, numpy {np.__version__}")


if __name__ == "__main__":
    main()
