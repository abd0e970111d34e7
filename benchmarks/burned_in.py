"""How often text in the pixels is noticed by ``data_prep inhouse``, and what is taken for text.

    python -m benchmarks.burned_in --nih NIH_IMAGES [--others NAME=IMAGES ...]

``NIH_IMAGES`` holds pictures of NIH ChestX-ray14 at 256 pixels. Of 94 of them (``WORDS``) it is known by eye which have
words in the pixels ("PORTABLE", "SUPINE"); letters for the side, initials of lead and arrows do not count as words.
They are looked at as they are, and enlarged to 1400 pixels. On the enlarged ones without words, text is drawn at
several sizes and levels of grey, in a corner; on the ``--others`` all that is noticed is counted.
"""

from __future__ import annotations

import argparse
import platform
import random
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from data_prep.inhouse.burned_in import has_text_like_border
from monai_mocoi.data import find_new_images
from monai_mocoi.transforms.reader import read_image

FIRST, STEP = 5, 9
WORDS = (0, 6, 10, 11, 13, 14, 16, 20, 22, 23, 26, 28, 30, 31, 47, 49, 53, 67, 68, 72, 82, 85, 86)
"""Places in every ninth picture from the sixth on, sorted by name, of those that have words."""
LARGE = 1400
TEXTS = ("Qvistgaard MRN1234567", "1934-05-17", "PORTABLE")
SIZES, GREYS = (10, 14, 20, 30, 44, 60), (0, 160, 200, 255)


def large(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture with a shorter side of 1400 pixels and the noise of a detector (standard deviation 2 of 255)."""
    levels = Image.fromarray((picture[0] * 255).astype(np.uint8)).resize((LARGE, LARGE), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(1).normal(0, 2, (LARGE, LARGE))
    return np.clip(np.asarray(levels) + noise, 0, 255).astype(np.uint8)


def with_text(levels: NDArray[np.uint8], text: str, size: int, grey: int, draw: random.Random) -> NDArray[np.uint8]:
    """The picture with a line of text in one of its corners, in Pillow's own font."""
    picture, font = Image.fromarray(levels), ImageFont.load_default(size)
    pen = ImageDraw.Draw(picture)
    width = int(pen.textlength(text, font=font))
    left, top = draw.choice([10, LARGE - width - 10]), draw.choice([10, LARGE - int(1.4 * size) - 10])
    pen.text((left, top), text, fill=grey, font=font)
    return np.asarray(picture)


def noticed(pictures: Sequence[NDArray[np.uint8]]) -> int:
    return sum(has_text_like_border(levels[None].astype(np.float32) / 255) for levels in pictures)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nih", required=True)
    parser.add_argument("--others", nargs="*", default=[], help="NAME=IMAGES")
    args = parser.parse_args()
    print(f"Python {platform.python_version()}, NumPy {np.__version__}")

    known = [read_image(str(path), channels=1) for path in sorted(Path(args.nih).glob("*.png"))[FIRST::STEP]]
    enlarged = [large(picture) for picture in known]
    plain = [k for k in range(len(known)) if k not in WORDS]
    for name, pictures in (
        ("256 px", [(picture[0] * 255).astype(np.uint8) for picture in known]),
        ("enlarged", enlarged),
    ):
        hits, false = noticed([pictures[k] for k in WORDS]), noticed([pictures[k] for k in plain])
        print(f"{name}: {hits} of {len(WORDS)} with words noticed, {false} of {len(plain)} without")

    start = time.process_time()
    noticed(enlarged[:20])
    print(f"{(time.process_time() - start) / 20 * 1000:.0f} ms of processor time for {LARGE} x {LARGE}")

    draw = random.Random(1)
    grounds = [enlarged[k] for k in plain]
    for text in TEXTS:
        print(f"\n{text!r} drawn in a corner: share noticed, by size of the font (px)")
        print("grey  " + "".join(f"{size:>6}" for size in SIZES))
        for grey in GREYS:
            shares = [
                noticed([with_text(levels, text, size, grey, draw) for levels in grounds]) / len(grounds)
                for size in SIZES
            ]
            print(f"{grey:<6}" + "".join(f"{share:>6.0%}" for share in shares))

    for word in args.others:
        name, _, place = word.partition("=")
        items = find_new_images(place)
        pictures = [read_image(item["image"]) for item in items]
        print(f"{name}: {sum(map(has_text_like_border, pictures))} of {len(pictures)} noticed")


if __name__ == "__main__":
    main()
