"""``python -m data_prep demo``: generated phantoms as a dataset folder, to try everything without medical data."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from monai_mocoi.data.datalist import MANIFEST_NAME
from monai_mocoi.data.demo import generate_demo
from monai_mocoi.data.demo_sets import DEMO_SETS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    parser.add_argument("--modality", choices=list(DEMO_SETS), required=True, help="what to draw")
    parser.add_argument("--out", required=True, metavar="DIR", help="the dataset folder to make")
    several = "; ".join(f"{kind}: {demo.patients}, {demo.images_each} images each" for kind, demo in DEMO_SETS.items())
    parser.add_argument("--patients", type=int, default=None, metavar="N", help=f"default: {several}")
    sizes = ", ".join(f"{demo.size} for {kind}" for kind, demo in DEMO_SETS.items())
    parser.add_argument(
        "--size",
        type=int,
        default=None,
        metavar="PX",
        help=f"rows of an image, and columns but for fundus (default: {sizes})",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same files (%(default)s)")
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="threads (default: one a processor)")


def run(args: argparse.Namespace) -> int:
    """Generate the folder and say what is in it.

    Returns:
        0.

    Raises:
        DatasetError: a value is out of range, or the folder holds something else.
    """
    started = time.monotonic()
    folder = generate_demo(args.out, args.modality, args.patients, args.size, args.seed, args.workers)
    manifest = json.loads((Path(folder) / MANIFEST_NAME).read_text(encoding="utf-8"))
    images = sum(split["images"] for split in manifest["counts"].values())
    patients = manifest["options"]["patients"]
    print(f"Generated phantoms, no medical data: {images} images of {patients} patients in {args.out}")
    print("  " + ", ".join(f"{split} {n['images']}" for split, n in manifest["counts"].items()))
    print("  images with " + ", ".join(f"{finding} {n}" for finding, n in manifest["images_with"].items()))
    print(f"  {time.monotonic() - started:.1f} s")
    return 0
