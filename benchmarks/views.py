"""Views per second and core: our per-sample transforms against the same recipe in Pillow, and against MONAI's parts.

    python benchmarks/views.py

Both sides start from the same 8-bit image in memory and end with two float tensors in 0..1; both draw from the same
distributions. The sides take turns, and the best of several rounds of the same draws counts, since other work on the
machine only ever slows a round down.
"""

from __future__ import annotations

import argparse
import math
import platform
import time
from collections.abc import Callable

import monai
import numpy as np
import PIL
import torch
from monai.transforms import Compose, RandFlip, RandGaussianSmooth, RandRotate
from PIL import Image, ImageEnhance, ImageFilter

from monai_mocoi.transforms import (
    RandColorJitter,
    RandGaussianBlur,
    RandGrayscale,
    RandResizedCrop,
    RandRotation,
    TwoViews,
)

BILINEAR = Image.Resampling.BILINEAR
RECIPES = ("paper NIH, grey", "recommended, grey", "paper BCH, RGB")


def our_recipe(name: str, size: int) -> Compose:
    jitter, blur = RandColorJitter(0.4, 0.4, 0.4, 0.1, prob=0.8), RandGaussianBlur((0.1, 2.0), prob=0.5)
    crop = RandResizedCrop(size, scale=(0.4, 1.0))
    if name == "paper NIH, grey":
        return Compose([jitter, RandGrayscale(0.2), blur, RandRotation(30, prob=1.0)])
    if name == "recommended, grey":
        return Compose([RandRotation(10, prob=0.5), crop, jitter, blur])
    return Compose([crop, jitter, RandGrayscale(0.2), blur, RandFlip(0.5, spatial_axis=1)])


class PillowRecipe:
    """The recipes as torchvision's Pillow backend would do them."""

    def __init__(self, name: str, size: int) -> None:
        self.name, self.size, self.rng = name, size, np.random.RandomState(0)

    def crop(self, image: Image.Image) -> Image.Image:
        """Random resized crop."""
        columns, rows = image.size
        for _ in range(10):
            area = rows * columns * self.rng.uniform(0.4, 1.0)
            ratio = math.exp(self.rng.uniform(math.log(3 / 4), math.log(4 / 3)))
            width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if width <= columns and height <= rows:
                left, top = self.rng.randint(columns - width + 1), self.rng.randint(rows - height + 1)
                return image.resize((self.size, self.size), BILINEAR, box=(left, top, left + width, top + height))
        return image.resize((self.size, self.size), BILINEAR)

    def hue(self, image: Image.Image, shift: float) -> Image.Image:
        """Turn the hue by a fraction of a turn, in 8 bits."""
        if image.mode == "L":
            return image
        hue, saturation, value = image.convert("HSV").split()
        turned = np.array(hue) + np.int32(shift * 255).astype(np.uint8)
        return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")

    def jitter(self, image: Image.Image) -> Image.Image:
        """Jitter (.4, .4, .4, .1) in a random order."""
        for part in self.rng.permutation(4):
            amount = self.rng.uniform(0.6, 1.4)
            if part == 0:
                image = ImageEnhance.Brightness(image).enhance(amount)
            elif part == 1:
                image = ImageEnhance.Contrast(image).enhance(amount)
            elif part == 2 and image.mode != "L":
                image = ImageEnhance.Color(image).enhance(amount)
            elif part == 3:
                image = self.hue(image, (amount - 1) / 4)
        return image

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Draw one view."""
        draw = self.rng.uniform
        if self.name == "recommended, grey" and draw() < 0.5:
            image = image.rotate(draw(-10, 10), BILINEAR)
        if self.name != "paper NIH, grey":
            image = self.crop(image)
        if draw() < 0.8:
            image = self.jitter(image)
        if self.name != "recommended, grey" and draw() < 0.2 and image.mode != "L":
            image = image.convert("L").convert("RGB")
        if draw() < 0.5:
            image = image.filter(ImageFilter.GaussianBlur(draw(0.1, 2.0)))
        if self.name == "paper NIH, grey":
            image = image.rotate(draw(-30, 30), BILINEAR)
        if self.name == "paper BCH, RGB" and draw() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = np.asarray(image).reshape(*image.size[::-1], -1)
        return torch.from_numpy(pixels.transpose(2, 0, 1).astype(np.float32) / 255)


def picture(size: int, channels: int) -> np.ndarray:
    """A picture with structure at all scales, (rows, columns) or (rows, columns, 3), uint8."""
    rng = np.random.default_rng(0)
    pixels = sum(
        np.kron(rng.random((2**k, 2**k, channels)), np.ones((size // 2**k + 1, size // 2**k + 1, 1)))[:size, :size]
        / 2**k
        for k in range(1, 7)
    )
    return (pixels / pixels.max() * 255).astype(np.uint8).squeeze()


def seconds(sides: list[Callable[[], object]], rounds: int, calls: int, seed: Callable[[], object]) -> list[float]:
    """Best mean processor time of a call of each side; the sides take turns, and every round draws the same numbers."""
    best = [math.inf] * len(sides)
    for round_number in range(rounds + 1):
        for number, side in enumerate(sides):
            seed()
            start = time.process_time()
            for _ in range(calls):
                side()
            if round_number:  # the first warms up
                best[number] = min(best[number], (time.process_time() - start) / calls)
    return best


def compare_recipes(sizes: list[int], rounds: int) -> None:
    print("| recipe | px | ours, views/s | Pillow, views/s | ours / Pillow |")
    print("|---|---|---|---|---|")
    for name in RECIPES:
        for size in sizes:
            pixels = picture(size, 3 if name.endswith("RGB") else 1)
            ours = TwoViews(our_recipe(name, size))
            pillow = PillowRecipe(name, size)

            def our_views(pixels=pixels, ours=ours):
                channels_first = pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1)
                return ours(torch.from_numpy(channels_first.astype(np.float32) / 255))

            def pillow_views(pixels=pixels, pillow=pillow):
                image = Image.fromarray(pixels)
                return pillow(image), pillow(image)

            def seed(ours=ours, pillow=pillow):
                ours.set_random_state(seed=0)
                pillow.rng.seed(0)

            our_time, pillow_time = seconds([our_views, pillow_views], rounds, max(100, 200 * 64 // size), seed)
            ratio = pillow_time / our_time
            print(f"| {name} | {size} | {2 / our_time:,.0f} | {2 / pillow_time:,.0f} | {ratio:.2f} |", flush=True)


def compare_parts(sizes: list[int], rounds: int) -> None:
    print("\n| one part, always applied | channels | px | ours, ms | MONAI, ms | MONAI, track_meta off, ms |")
    print("|---|---|---|---|---|---|")
    parts = {
        "blur, sigma .1-2": (
            RandGaussianBlur((0.1, 2.0), prob=1.0),
            RandGaussianSmooth((0.1, 2.0), (0.1, 2.0), prob=1.0),
        ),
        "rotation, 30 degrees": (
            RandRotation(30, prob=1.0),
            RandRotate(math.radians(30), prob=1.0, padding_mode="zeros"),
        ),
        "flip": (None, RandFlip(prob=1.0, spatial_axis=1)),
    }
    for name, (ours, theirs) in parts.items():
        for channels in (1, 3):
            for size in sizes:
                image = torch.rand(channels, size, size)

                def untracked(image=image, theirs=theirs):
                    monai.data.set_track_meta(False)
                    result = theirs(image)
                    monai.data.set_track_meta(True)
                    return result

                def seed(ours=ours, theirs=theirs):
                    theirs.set_random_state(seed=0)
                    if ours is not None:
                        ours.set_random_state(seed=0)

                sides = [lambda image=image, theirs=theirs: theirs(image), untracked]
                if ours is not None:
                    sides.append(lambda image=image, ours=ours: ours(image))
                tracked_time, untracked_time, *our_time = (1000 * s for s in seconds(sides, rounds, 20, seed))
                our_text = f"{our_time[0]:.2f}" if our_time else "(MONAI's)"
                row = (name, channels, size, our_text, f"{tracked_time:.2f}", f"{untracked_time:.2f}")
                print("| " + " | ".join(map(str, row)) + " |", flush=True)


def time_seeding(rounds: int) -> None:
    ours, parts = TwoViews(our_recipe("paper BCH, RGB", 64)), our_recipe("paper BCH, RGB", 64)
    inside = Compose([TwoViews(our_recipe("paper BCH, RGB", 64))])
    sides = [lambda side=side: side.set_random_state(seed=1) for side in (ours, inside, parts)]
    alone, in_compose, separate = (1e6 * s for s in seconds(sides, rounds, 200, seed=lambda: None))
    print(
        f"\nA new seed for TwoViews of five parts: {alone:.0f} us; for a Compose that holds it: {in_compose:.0f} us; "
        f"for a MONAI Compose of the five parts: {separate:.0f} us"
    )


def processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[64, 224, 512], help="pixels of the square images")
    parser.add_argument("--rounds", type=int, default=7, help="rounds, of which the best counts")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(
        f"Python {platform.python_version()}, torch {torch.__version__}, monai {monai.__version__}, "
        f"Pillow {PIL.__version__}, NumPy {np.__version__}; {processor()}, 1 thread\n"
    )
    compare_recipes(arguments.sizes, arguments.rounds)
    compare_parts(arguments.sizes, arguments.rounds)
    time_seeding(arguments.rounds)


if __name__ == "__main__":
    main()
