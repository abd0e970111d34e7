"""Try the reader on a folder: what each file gives, and how well files of one picture agree.

    python benchmarks/reader_agreement.py FOLDER

Prints one row a file: name, transfer syntax or format, outcome. Files named ``<PICTURE>_<CODING>`` with an uncompressed
``<PICTURE>_UNC`` beside them (pydicom's test files are named so) are compared with it. File names are printed: use it
on public files.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms import read_image


def outcome(path: Path) -> str:
    start = time.perf_counter()
    try:
        image = read_image(path)
    except (ImageReadError, OSError) as error:
        return f"error: {error}"
    milliseconds = 1000 * (time.perf_counter() - start)
    return (
        f"{' x '.join(map(str, image.shape))}, {image.min():.3f}..{image.max():.3f}, mean {image.mean():.3f}, "
        f"{milliseconds:.0f} ms{agreement(path, image)}"
    )


def agreement(path: Path, image: np.ndarray) -> str:
    picture, _, coding = path.stem.rpartition("_")
    reference = path.with_name(f"{picture}_UNC{path.suffix}")
    if not picture or coding == "UNC" or not reference.is_file():
        return ""
    difference = np.abs(image.astype(np.float64) - read_image(reference))
    if difference.max() == 0:
        return f"; bit-equal to {reference.name}"
    return f"; from {reference.name}: at most {difference.max():.4f}, mean {difference.mean():.5f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder of public image files")
    folder = parser.parse_args().folder
    if not folder.is_dir():
        sys.exit(f"{folder} is not a folder")
    for path in sorted(folder.iterdir()):
        if path.is_file():
            print(f"{path.name}: {outcome(path)}", flush=True)


if __name__ == "__main__":
    main()
