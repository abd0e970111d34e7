"""Throughput of the loop with one and with two gloo processes on the same machine."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.bundle_run import settings, small_network
from benchmarks.figures import Row, per_second, ratio
from benchmarks.machine import cores
from benchmarks.options import Options
from benchmarks.pictures import png_dataset
from benchmarks.worker import ordered

SIZES = ((64, 64, 8), (224, 32, 4))
"""Pixels, images a batch of all processes together, and batches an epoch."""
QUICK = ((32, 8, 2),)
ROUNDS = 3
SIDES = {"1 process": (1, 1), "2 processes": (2, 1), "1 process, 2 threads": (1, 2)}
"""Processes, and threads of each."""
QUICK_SIDES = {"1 process": (1, 1), "2 processes": (2, 1)}  # two threads crawl where other tests take the cores


def measure(options: Options) -> Iterator[Row]:
    if cores() < 2:
        yield Row("1 and 2 processes", skipped=f"two cores are needed, and there is {cores()}")
        return
    for size, batch, batches in options.choose(SIZES, QUICK):
        folder = options.folder / str(size)
        dataset = png_dataset(folder / "dataset", batches * batch, size * 8 // 7, 1, options.seed)
        more = options.choose({}, small_network("nih_moco"))
        sides = options.choose(SIDES, QUICK_SIDES)
        seconds: dict[str, list[float]] = {side: [] for side in sides}
        for turn in range(min(ROUNDS, options.rounds)):
            for side, (processes, threads) in sides.items():
                constants = settings(size, batch // processes, max_epochs=2, device="cpu", num_workers=0, **more)
                run = str(folder / f"{turn}{side[:11].replace(' ', '')}{threads}")
                order = {"bundle": "nih_moco", "dataset": str(dataset), "folder": run, "overrides": constants}
                seconds[side].append(ordered(order, processes, OMP_NUM_THREADS=str(threads))["seconds"][-1])
        figures = {f"{side}, images/s": per_second(batches * batch, values) for side, values in seconds.items()}
        for other in [side for side in sides if side != "2 processes"]:
            figures[f"2 processes / {other}"] = ratio(seconds[other], seconds["2 processes"])
        yield Row(f"moco, {size} px, batch {batch} in all", figures)
