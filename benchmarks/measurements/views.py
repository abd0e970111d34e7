"""Two views of cached images by a bundle's loader, against a loader of the same recipe in Pillow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader

from benchmarks.bundle_run import built, content, settings, silent
from benchmarks.figures import Row, per_second, ratio
from benchmarks.one_thread import one_thread
from benchmarks.options import Options
from benchmarks.pictures import png_dataset, training_files
from benchmarks.pillow_views import PillowPairs, PillowViews
from benchmarks.recipes import RECIPES, steps
from benchmarks.timing import processor, take_turns
from monai_mocoi.data import views_of

SIZES = ((64, 256), (224, 64), (512, 24))
"""Pixels, and images a turn."""
QUICK = ((64, 8),)
BATCH = 32
LIMITS = {64: 2.0, 224: 2.0, 512: 3.0}


def measure(options: Options) -> Iterator[Row]:
    for recipe, (bundle, overlays) in RECIPES.items():
        channels = 3 if recipe.endswith("colour") else 1
        for size, images in options.choose(SIZES, QUICK):
            folder = options.folder / f"{bundle}{len(overlays)}{size}"
            constants = settings(size, min(BATCH, images), num_workers=0, device="cpu")
            dataset = png_dataset(folder / "dataset", images, decoded_size(bundle, overlays, size), channels)
            workflow = built(bundle, dataset, folder / "run", constants, overlays)
            views = PillowViews(steps(bundle, overlays, image_size=size), options.seed)
            pictures = [np.asarray(Image.open(file)) for file in training_files(dataset)]
            with silent(), one_thread():
                sides = {
                    "ours": drawn_by(workflow),
                    "Pillow": epoch_of(DataLoader(PillowPairs(pictures, views), min(BATCH, images), shuffle=True)),
                }
                seconds = take_turns(sides, options.rounds, processor)
            figures = {f"{side}, views/s": per_second(2 * images, seconds[side]) for side in seconds}
            figures["ours / Pillow"] = ratio(seconds["Pillow"], seconds["ours"], at_least=LIMITS[size])
            yield Row(f"{recipe}, {size} px", figures)


def drawn_by(workflow: Any) -> Callable[[], None]:
    """What draws all views of an epoch as the trainer of a bundle gets them."""
    loader = content(workflow, "train#dataloader")
    if "view1" in next(iter(loader)):
        return epoch_of(loader)
    trainer = content(workflow, "train#trainer")  # which draws the views of the loader's pictures

    def epoch() -> None:
        for batch in loader:
            views_of(batch, trainer.views, trainer.state.device)

    return epoch


def epoch_of(loader: Any) -> Callable[[], None]:
    """Go through a loader once."""

    def epoch() -> None:
        for _ in loader:
            pass

    return epoch


def decoded_size(bundle: str, overlays: tuple[str, ...], size: int) -> int:
    """At which size a bundle keeps the images of such views."""
    workflow = built(bundle, Path("none"), Path("none"), settings(size, 1), overlays)
    return int(content(workflow, "decode_size"))
