"""Seconds and memory of a layer-wise probing beyond its forward pass: all stages, fractions and draws, with intervals.

    python -m benchmarks.layerwise_probing [--images 10000] [--fractions 0.01 0.1 1] [--draws 5] [--threads 2]

Made-up features as in ``benchmarks/linear_evaluation.py``, as wide as those of a ResNet-50's stages; the stages are
parts of one matrix, so that each tells the labels a little. ``--images`` train, a fifth as many validate, a fifth as
many test; a patient has two.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.linear_evaluation import made_up, peak
from monai_mocoi.analysis import probe_stages, probing_draws
from monai_mocoi.data import Datalist
from monai_mocoi.networks import STAGES

WIDTHS = {1: 256, 2: 512, 3: 1024, 4: 2048}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--fractions", type=float, nargs="+", default=[0.01, 0.1, 1])
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--classes", type=int, default=1, help="findings, 1 to 14 (%(default)s)")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data, features = dataset(given.images, given.classes)
    before = peak()
    for stages in (STAGES, ["all"]):
        with tempfile.TemporaryDirectory() as folder:
            began, worked = time.perf_counter(), time.process_time()
            draws = probing_draws(data, given.fractions, range(given.draws))
            result = probe_stages(features, data, draws, stages=stages, folder=Path(folder), progress=False)
            seconds, worked = time.perf_counter() - began, time.process_time() - worked
        found = {
            f"{row['stage']} at {row['label_fraction']:g}": round(row["metrics"]["macro_auc"]["value"] or 0, 3)
            for row in result["summary"]
        }
        print(
            f"stages {', '.join(map(str, stages))}: {len(result['cells'])} cells, {seconds:.0f} s ({worked:.0f} s of "
            f"processor time), load {os.getloadavg()[0]:.1f}; AUC {found}",
            flush=True,
        )
    print(
        f"{given.images:,} training images, {given.classes} finding(s), fractions {given.fractions}, "
        f"{given.draws} draws; peak memory {peak():.1f} GiB ({before:.1f} GiB before: the features and what made them)"
    )
    print(
        f"{given.threads} thread(s), {os.cpu_count()} core(s), {platform.machine()}; "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {np.__version__}"
    )


def dataset(count: int, classes: int) -> tuple[Datalist, dict[str, dict[int, np.ndarray]]]:
    """A datalist without files, and the features of its splits."""
    counts = {"training": count, "validation": count // 5, "test": count // 5}
    values, labels = made_up(sum(counts.values()), sum(WIDTHS.values()))
    labels = labels[:, :classes]
    splits, features, first = {}, {}, 0
    for split, own in counts.items():
        rows = range(first, first + own)
        splits[split] = [
            {"image": f"{row}", "name": f"{row}", "patient": f"{row // 2}", "label": labels[row].tolist()}
            for row in rows
        ]
        ends = np.cumsum(list(WIDTHS.values()))
        features[split] = {
            stage: np.ascontiguousarray(values[first : first + own, end - width : end])
            for (stage, width), end in zip(WIDTHS.items(), ends, strict=True)
        }
        first += own
    names = tuple(f"finding {number}" for number in range(classes))
    return Datalist("made up", names, Path(), sha256="0" * 64, **splits), features


if __name__ == "__main__":
    main()
