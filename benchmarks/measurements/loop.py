"""The whole training loop of a bundle against the step of its network alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events

from benchmarks.bundle_run import EpochSeconds, built, content, settings, silent, small_network
from benchmarks.figures import Row, per_second, ratio
from benchmarks.measurements.step import METHODS, network_only
from benchmarks.options import Options
from benchmarks.pictures import png_dataset

SIZES = ((32, 128, 10), (64, 64, 10), (224, 32, 6))
"""Pixels, images a batch, and batches an epoch."""
QUICK = ((32, 8, 2),)
GPU_BATCHES = 20  # times as many
SHARE = 0.95


def measure(options: Options) -> Iterator[Row]:
    for size, batch, batches in options.choose(SIZES, QUICK):
        batches *= GPU_BATCHES if torch.cuda.is_available() else 1
        dataset = png_dataset(options.folder / f"dataset{size}", batches * batch, size * 8 // 7, 1, options.seed)
        for method in METHODS:
            folder, bundle = options.folder / f"{method}{size}", f"nih_{method}"
            more = options.choose({}, small_network(bundle))
            whole, network = seconds_of_both(bundle, dataset, folder, size, batch, batches, options.rounds, **more)
            yield Row(
                f"{method}, {size} px, batch {batch}",
                {
                    "loop, images/s": per_second(batches * batch, whole),
                    "network, images/s": per_second(batches * batch, network),
                    "loop / network": ratio(network, whole, at_least=SHARE),
                },
            )


def seconds_of_both(
    bundle: str, dataset: Path, folder: Path, size: int, batch: int, batches: int, rounds: int, **more: Any
) -> tuple[list[float], list[float]]:
    """Seconds of so many epochs of the loop, and of as many batches of the network alone after each of them."""
    alone = content(network_only(bundle, dataset, folder, size, batch, batches, **more), "train#trainer")
    of_network = EpochSeconds(alone)
    workflow = built(bundle, dataset, folder, settings(size, batch, max_epochs=rounds + 1, **more))
    with silent():
        workflow.initialize()
        trainer = content(workflow, "train#trainer")
        of_loop = EpochSeconds(trainer)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, alone.run)
        trainer.run()
        workflow.finalize()
    return of_loop.values[1:], of_network.values[1:]  # the first warmed up
