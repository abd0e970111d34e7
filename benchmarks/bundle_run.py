"""A bundle's training as MONAI's parser builds it from ``train.json``, with other settings and on other images.

Nothing but the config's keys and the trainer's events is used, so that a measurement stays what it is when the package
computes in another way.
"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from ignite.engine import Events
from monai.bundle import ConfigWorkflow

from benchmarks.timing import Clock, wall

BUNDLES = Path(__file__).resolve().parents[1] / "bundles"
QUEUE = 16384
GPU_WORKERS = 4


SMALL_NETWORK = {
    "network_def#encoder#backbone": {
        "_target_": "monai.networks.nets.ResNet",
        "block": "bottleneck",
        "layers": [1, 1, 1, 1],
        "block_inplanes": [4, 8, 16, 32],
        "spatial_dims": 2,
        "n_input_channels": 3,
        "conv1_t_stride": 2,
        "bias_downsample": False,
        "feed_forward": False,
    },
    "head_hidden": 16,
    "queue_size": 64,
}
"""Overrides for a quick run: its figures say nothing in any case."""


def small_network(bundle: str) -> dict[str, Any]:
    """:data:`SMALL_NETWORK`, and what a bundle of Barlow Twins has beside it."""
    return SMALL_NETWORK | ({"barlow_features": 16} if bundle.endswith("barlow") else {})


def settings(size: int, batch: int, **more: Any) -> dict[str, Any]:
    """The constants of ``train.json`` that the measurements set; the others are the bundle's own."""
    chosen = {
        "image_size": size,
        "batch_size": batch,
        "queue_size": QUEUE,
        "queue_max_share": None,
        "keep_checkpoints": 1,
        "val_interval": 10**6,
        "num_workers": GPU_WORKERS if torch.cuda.is_available() else 0,
    }
    return chosen | more


def built(
    bundle: str, dataset: Path, folder: Path, overrides: dict[str, Any], overlays: tuple[str, ...] = ()
) -> ConfigWorkflow:
    """The workflow of a bundle's training, not initialised.

    Args:
        bundle: its name.
        dataset: a dataset folder.
        folder: where its run may write.
        overrides: values of the config's keys; ``#`` leads into a key.
        overlays: configs of the bundle that lie over ``train.json``, such as ``paper.json``.
    """
    files = [str(BUNDLES / bundle / "configs" / name) for name in ("train.json", *overlays)]
    places = {"dataset_dir": str(dataset), "output_dir": str(folder)}
    with silent():  # MONAI warns that there is no logging file
        return ConfigWorkflow(files, workflow_type="train", logging_file=False, **{**places, **overrides})


def resident(batches: int) -> dict[str, Any]:
    """Overrides with which the trainer steps the network alone: views that lie on the device, and no handlers."""
    loader = {
        "_target_": "benchmarks.resident.ResidentBatches",
        "batches": batches,
        "batch_size": "@batch_size",
        "channels": "@channels",
        "size": "@image_size",
        "device": "@device",
    }
    return {"max_epochs": 1, "train#dataloader": loader, "train#trainer#train_handlers": []}


def content(workflow: ConfigWorkflow, key: str) -> Any:
    """What a key of the config becomes."""
    return workflow.parser.get_parsed_content(key)


class EpochSeconds:
    """Seconds of each epoch of a trainer, from its start to the end of its last iteration, without validation."""

    def __init__(self, trainer: Any, clock: Clock = wall) -> None:
        self.values: list[float] = []
        self.clock, self._began = clock, 0.0
        trainer.add_event_handler(Events.EPOCH_STARTED, self._start)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._stop)

    def _start(self, engine: Any) -> None:
        self._began = self.clock()

    def _stop(self, engine: Any) -> None:
        if engine.state.iteration % engine.state.epoch_length == 0:
            self.values.append(self.clock() - self._began)


@contextmanager
def silent() -> Iterator[None]:
    """Without the lines and bars of a run; errors are raised as ever."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            yield
    finally:
        logging.disable(before)
