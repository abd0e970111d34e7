"""What the losses after each stage cost: a step of MSE and of Barlow Twins against one of plain MoCo."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks.bundle_run import content, silent, small_network
from benchmarks.figures import Row, ratio
from benchmarks.measurements.step import GPU_STEPS, METHODS, QUICK, SIZES, network_only
from benchmarks.options import Options
from benchmarks.pictures import png_dataset
from benchmarks.timing import take_turns

LIMITS = {"mse": 1.05, "barlow": 1.2}


def measure(options: Options) -> Iterator[Row]:
    dataset = png_dataset(options.folder / "dataset", 8, 32, 1)
    for size, batch, steps in options.choose(SIZES, QUICK):
        steps *= GPU_STEPS if torch.cuda.is_available() else 1
        torch.manual_seed(options.seed)
        sides = {}
        for method in METHODS:
            bundle = f"nih_{method}"
            more = options.choose({}, small_network(bundle))
            workflow = network_only(bundle, dataset, options.folder, size, batch, steps, **more)
            sides[method] = content(workflow, "train#trainer").run
        with silent():
            seconds = take_turns(sides, options.rounds)
        yield Row(
            f"{size} px, batch {batch}",
            {
                f"{method} / moco, seconds": ratio(seconds[method], seconds["moco"], at_most=limit)
                for method, limit in LIMITS.items()
            },
        )
