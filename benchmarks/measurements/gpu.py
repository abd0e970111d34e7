"""The whole training loop on a GPU, its views drawn on the CPU and on the device, against its network alone.

Without a GPU there is nothing to measure, except in the quick form, which runs on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.bundle_run import small_network
from benchmarks.figures import Row, per_second, ratio
from benchmarks.measurements.loop import SHARE, seconds_of_both
from benchmarks.options import Options
from benchmarks.pictures import png_dataset

BUNDLE = "nih_moco"
SIZES = ((64, 8192), (224, 8192), (512, 4096))
"""Pixels, and images an epoch."""
BATCHES = (32, 64, 128, 256, 512)
QUICK_SIZES, QUICK_BATCHES = ((32, 16),), (8,)
PLACES = ("device", "cpu")
"""Where views are drawn."""
LIMITED_FROM = 64
"""Images a batch from which the loop with views on the device is to keep the share."""


def measure(options: Options) -> Iterator[Row]:
    if not (torch.cuda.is_available() or options.quick):
        yield Row("64, 224 and 512 px", skipped="no GPU")
        return
    more = options.choose({}, small_network(BUNDLE))
    for size, images in options.choose(SIZES, QUICK_SIZES):
        dataset = png_dataset(options.folder / f"dataset{size}", images, size * 8 // 7, 1, options.seed)
        for batch in options.choose(BATCHES, QUICK_BATCHES):
            for place in PLACES:
                case = f"{size} px, batch {batch}, views on {place}"
                folder = options.folder / f"{size}_{batch}_{place}"
                chosen = more | {"views_on": place}
                limits = {"at_least": SHARE} if place == "device" and batch >= LIMITED_FROM else {}
                try:
                    whole, network = seconds_of_both(
                        BUNDLE, dataset, folder, size, batch, images // batch, options.rounds, **chosen
                    )
                except torch.OutOfMemoryError:
                    yield Row(case, skipped="more memory than the GPU has")
                    continue
                yield Row(
                    case,
                    {
                        "loop, images/s": per_second(images, whole),
                        "network, images/s": per_second(images, network),
                        "loop / network": ratio(network, whole, **limits),
                    },
                )
