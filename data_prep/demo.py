"""``python -m data_prep demo``: generated phantoms as a dataset folder, to try everything without medical data."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from data_prep.options import Out, Seed, Workers
from monai_mocoi.data.datalist_form import MANIFEST_NAME
from monai_mocoi.demo.demo_sets import DEMO_SETS
from monai_mocoi.demo.generate import generate_demo
from monai_mocoi.exit_codes import FINISHED

_PATIENTS = "; ".join(f"{kind}: {demo.patients}, {demo.images_each} images each" for kind, demo in DEMO_SETS.items())
_SIZES = ", ".join(f"{demo.size} for {kind}" for kind, demo in DEMO_SETS.items())


@dataclass(kw_only=True)
class Demo:
    """Generated phantoms: no medical data, to try everything.

    They are drawn by the same code that draws for a bundle without a dataset folder, so nothing has to be found,
    matched or read.
    """

    modality: Annotated[Literal["chest", "histology", "fundus"], typer.Option(help="what to draw")]
    out: Out
    patients: Annotated[int | None, typer.Option(metavar="N", help=f"default: {_PATIENTS}")] = None
    size: Annotated[
        int | None, typer.Option(metavar="PX", help=f"rows of an image, and columns but for fundus (default: {_SIZES})")
    ] = None
    seed: Seed = 0
    workers: Workers = None

    def run(self) -> int:
        """Generate the folder and say what is in it.

        Returns:
            0.

        Raises:
            DatasetError: a value is out of range, or the folder holds something else.
        """
        started = time.monotonic()
        folder = generate_demo(self.out, self.modality, self.patients, self.size, self.seed, self.workers)
        manifest = json.loads((Path(folder) / MANIFEST_NAME).read_text(encoding="utf-8"))
        images = sum(split["images"] for split in manifest["counts"].values())
        patients = manifest["options"]["patients"]
        print(f"Generated phantoms, no medical data: {images} images of {patients} patients in {self.out}")
        print("  " + ", ".join(f"{split} {n['images']}" for split, n in manifest["counts"].items()))
        print("  images with " + ", ".join(f"{finding} {n}" for finding, n in manifest["images_with"].items()))
        print(f"  {time.monotonic() - started:.1f} s")
        return FINISHED
