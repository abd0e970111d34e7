"""``python -m data_prep demo``: generated phantoms as a dataset folder, to try everything without medical data."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from monai_mocoi.data.datalist import MANIFEST_NAME
from monai_mocoi.data.demo import DEFAULT_PATIENTS, DEFAULT_SIZE, DEMO_VERSIONS, generate_demo


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    parser.add_argument("--modality", choices=list(DEMO_VERSIONS), required=True, help="what to draw")
    parser.add_argument("--out", required=True, metavar="DIR", help="the dataset folder to make")
    parser.add_argument(
        "--patients",
        type=int,
        default=DEFAULT_PATIENTS,
        metavar="N",
        help="with 1 to 4 images each (%(default)s)",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=DEFAULT_SIZE,
        metavar="PX",
        help="rows and columns of an image (%(default)s)",
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
    print(f"Generated phantoms, no medical data: {images} images of {args.patients} patients in {args.out}")
    print("  " + ", ".join(f"{split} {n['images']}" for split, n in manifest["counts"].items()))
    print("  images with " + ", ".join(f"{finding} {n}" for finding, n in manifest["images_with"].items()))
    print(f"  {time.monotonic() - started:.1f} s")
    return 0
