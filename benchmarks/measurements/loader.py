"""Reading images: two views from PNG, from DICOM and from the cache; and PNG and DICOM into the cache."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from torch.utils.data import DataLoader

from benchmarks.bundle_run import built, content, settings, silent
from benchmarks.figures import Row, per_second, ratio
from benchmarks.measurements.views import decoded_size, drawn_by, epoch_of
from benchmarks.one_thread import one_thread
from benchmarks.options import Options
from benchmarks.pictures import dicom_dataset, png_dataset, training_files
from benchmarks.pillow_views import PillowPairs, PillowViews
from benchmarks.recipes import steps
from benchmarks.timing import processor, take_turns

BUNDLE = "nih_mse"
SIZE, CACHED, RAW = 224, 512, 1024
"""Pixels of a view, of a picture in the cache, and of a PNG file."""
DICOM_TO_CACHE = 40.0
"""Images a second and core, at least."""


def measure(options: Options) -> Iterator[Row]:
    images = options.choose(48, 4)
    folders = {
        "PNG": png_dataset(options.folder / "png", images, options.choose(RAW, 64), 1),
        "DICOM": dicom_dataset(options.folder / "dicom", images),
    }
    kept = decoded_size(BUNDLE, (), SIZE)
    for kind, dataset in folders.items():
        by_pillow = partial(read_by_pillow, size=kept)
        yield views_from(f"views from {kind}", dataset, training_files(dataset), by_pillow, False, options)
    pictures = [np.asarray(read_by_pillow(file, kept)) for file in training_files(folders["PNG"])]
    yield views_from("views from the cache", folders["PNG"], pictures, Image.fromarray, True, options)
    for kind, dataset in folders.items():
        yield into_the_cache(kind, dataset, options)


def views_from(
    case: str, dataset: Path, pictures: list[Any], read: Callable[[Any], Image.Image], cache: bool, options: Options
) -> Row:
    """Two views of every image, decoded anew (or not) on both sides."""
    images = len(pictures)
    constants = settings(SIZE, min(16, images), num_workers=0, device="cpu") | {"train#dataset#cache": cache}
    workflow = built(BUNDLE, dataset, options.folder / "run", constants)
    views = PillowViews(steps(BUNDLE, (), image_size=SIZE), options.seed)
    with silent(), one_thread():
        pairs = PillowPairs(pictures, views, read)
        sides = {"ours": drawn_by(workflow), "Pillow": epoch_of(DataLoader(pairs, min(16, images), shuffle=True))}
        seconds = take_turns(sides, options.rounds, processor)
    figures = {f"{side}, images/s": per_second(images, seconds[side]) for side in seconds}
    return Row(case, figures | {"ours / Pillow": ratio(seconds["Pillow"], seconds["ours"])})


def into_the_cache(kind: str, dataset: Path, options: Options) -> Row:
    """Every image decoded once, at the size of the cache."""
    files = training_files(dataset)
    constants = settings(CACHED, 1, decode_size=CACHED)
    workflows = [built(BUNDLE, dataset, options.folder / "run", constants) for _ in range(options.rounds + 1)]
    for workflow in workflows:  # what the data set is made of is not timed
        for key in {"datalist", "decode", "bits", "views"} & workflow.parser.get().keys():
            content(workflow, key)

    def ours() -> None:
        with another_cache(options.folder):
            content(workflows.pop(), "train#dataset")

    def by_pillow() -> None:
        for file in files:
            np.asarray(read_by_pillow(file, CACHED))

    with silent(), one_thread():
        seconds = take_turns({"ours": ours, "Pillow": by_pillow}, options.rounds, processor)
    figures = {f"{side}, images/s": per_second(len(files), seconds[side]) for side in seconds}
    if kind == "DICOM":
        figures["ours, images/s"] = per_second(len(files), seconds["ours"], at_least=DICOM_TO_CACHE)
    return Row(
        f"{kind} into the cache, {CACHED} px", figures | {"ours / Pillow": ratio(seconds["Pillow"], seconds["ours"])}
    )


def read_by_pillow(file: Path, size: int) -> Image.Image:
    """A file as a square grey picture of 8 bits, read by Pillow, or by pydicom and scaled over its bits."""
    if file.suffix == ".dcm":
        dataset = pydicom.dcmread(file)
        levels = dataset.pixel_array >> (dataset.BitsStored - 8)
        image = Image.fromarray(levels.astype(np.uint8))
    else:
        image = Image.open(file)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + side, top + side))


class another_cache:
    """Within it the package keeps decoded images in an empty folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(dir=self.folder)
        self._before = os.environ.get("MONAI_MOCOI_CACHE")
        os.environ["MONAI_MOCOI_CACHE"] = self._temporary.name

    def __exit__(self, *error: object) -> None:
        del os.environ["MONAI_MOCOI_CACHE"]
        if self._before is not None:
            os.environ["MONAI_MOCOI_CACHE"] = self._before
        self._temporary.cleanup()
