"""The training step of a bundle's trainer against a plain PyTorch step of the same method."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
from monai.bundle import ConfigWorkflow
from torch.nn import functional as F

from benchmarks.bundle_run import built, content, resident, settings, silent, small_network
from benchmarks.figures import Row, per_second, ratio
from benchmarks.options import Options
from benchmarks.pictures import png_dataset
from benchmarks.plain_moco import SMALL, Constants, PlainMoCo, Shape
from benchmarks.timing import repeated, take_turns
from monai_mocoi.runs.kept_memory import keep_freed_memory

METHODS = ("moco", "mse", "barlow")
SIZES = ((64, 64, 4), (224, 32, 2))
"""Pixels, images a batch, and steps a turn."""
QUICK = ((32, 8, 1),)
GPU_STEPS = 15  # times as many


def measure(options: Options) -> Iterator[Row]:
    dataset = png_dataset(options.folder / "dataset", 8, 32, 1)
    for size, batch, steps in options.choose(SIZES, QUICK):
        steps *= GPU_STEPS if torch.cuda.is_available() else 1
        for method in METHODS:
            torch.manual_seed(options.seed)
            bundle = f"nih_{method}"
            more = options.choose({}, small_network(bundle))
            workflow = network_only(bundle, dataset, options.folder, size, batch, steps, **more)
            trainer = content(workflow, "train#trainer")
            plain = PlainMoCo(constants(workflow, method, options), trainer.autocast, trainer.state.device)
            layout = torch.channels_last
            views = [view.repeat(1, 3, 1, 1).contiguous(memory_format=layout) for view in seen(workflow)]
            with silent():
                sides = {"ours": trainer.run, "plain": repeated(partial(plain, *views), steps)}
                seconds = take_turns(sides, options.rounds)
            figures = {f"{side}, images/s": per_second(steps * batch, seconds[side]) for side in seconds}
            figures["ours / plain, seconds"] = ratio(seconds["ours"], seconds["plain"])
            yield Row(f"{method}, {size} px, batch {batch}", figures)


def network_only(
    bundle: str, dataset: Path, folder: Path, size: int, batch: int, steps: int, **more: object
) -> ConfigWorkflow:
    """A bundle's training of which ``train#trainer`` makes so many steps on resident views, its queue full."""
    keep_freed_memory()  # as each run does at its start
    workflow = built(bundle, dataset, folder / "none", settings(size, batch, **more) | resident(steps))
    with silent():
        trainer = content(workflow, "train#trainer")
        queue = content(workflow, "network_def").queue
        vectors = torch.randn(queue.size, content(workflow, "embedding_size"), device=trainer.state.device)
        queue.enqueue(F.normalize(vectors, dim=1))
    return workflow


def seen(workflow: ConfigWorkflow) -> tuple[torch.Tensor, torch.Tensor]:
    """The two views that its network sees."""
    batch = content(workflow, "train#dataloader").batch
    return batch["view1"], batch["view2"]


def constants(workflow: ConfigWorkflow, method: str, options: Options) -> Constants:
    """What the plain side must have in common with it."""
    return Constants(
        method,
        *(
            content(workflow, key)
            for key in ("bn_splits", "queue_size", "temperature", "ema_momentum", "learning_rate")
        ),
        tuple(content(workflow, "stage_weights")),
        options.choose(Shape(), SMALL),
    )
