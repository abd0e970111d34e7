"""A bundle's recipe of views in Pillow (and NumPy for stains), as torchvision's Pillow backend would draw them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageEnhance, ImageFilter
from torch.utils.data import Dataset

from benchmarks.recipes import Step

BILINEAR = Image.Resampling.BILINEAR
DENSITY = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]], np.float32)
TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)


class PillowViews:
    """Draw views by a recipe.

    Args:
        steps: see :func:`benchmarks.recipes.steps`.
        seed: of the draws.

    Raises:
        LookupError: a step that is not written in Pillow here.
    """

    def __init__(self, steps: Sequence[Step], seed: int = 0) -> None:
        unknown = [name for name, _ in steps if not hasattr(self, f"_{name}")]
        if unknown:
            raise LookupError(f"{', '.join(unknown)}: not written in Pillow; add it to benchmarks/pillow_views.py.")
        self.steps: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (getattr(self, f"_{name}"), arguments) for name, arguments in steps
        ]
        self.rng = np.random.RandomState(seed)

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """One view of a grey or red, green and blue picture: a normalised tensor (C, H, W)."""
        for step, arguments in self.steps:
            if self.rng.uniform() < arguments.get("prob", 1.0):
                image = step(image, **{name: value for name, value in arguments.items() if name != "prob"})
        return image if isinstance(image, torch.Tensor) else as_tensor(image)

    def _RandRotation(self, image: Image.Image, degrees: float) -> Image.Image:
        return image.rotate(self.rng.uniform(-degrees, degrees), BILINEAR)

    def _RandResizedCrop(self, image: Image.Image, size: int, scale: Sequence[float]) -> Image.Image:
        columns, rows = image.size
        for _ in range(10):
            area = rows * columns * self.rng.uniform(*scale)
            shape = math.exp(self.rng.uniform(math.log(3 / 4), math.log(4 / 3)))
            width, height = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if width <= columns and height <= rows:
                left, top = self.rng.randint(columns - width + 1), self.rng.randint(rows - height + 1)
                return image.resize((size, size), BILINEAR, box=(left, top, left + width, top + height))
        return image.resize((size, size), BILINEAR)

    def _RandColorJitter(
        self, image: Image.Image, brightness: float, contrast: float, saturation: float = 0, hue: float = 0
    ) -> Image.Image:
        colour = image.mode != "L"
        for part in self.rng.permutation(4):
            if part == 0:
                image = ImageEnhance.Brightness(image).enhance(self.rng.uniform(1 - brightness, 1 + brightness))
            elif part == 1:
                image = ImageEnhance.Contrast(image).enhance(self.rng.uniform(1 - contrast, 1 + contrast))
            elif part == 2 and saturation and colour:
                image = ImageEnhance.Color(image).enhance(self.rng.uniform(1 - saturation, 1 + saturation))
            elif part == 3 and hue and colour:
                image = _turned_hue(image, self.rng.uniform(-hue, hue))
        return image

    def _RandStainJitter(self, image: Image.Image, sigma: float) -> Image.Image:
        scale, shift = self.rng.uniform(1 - sigma, 1 + sigma, 3), self.rng.uniform(-sigma, sigma, 3)
        density = -np.log(np.asarray(image, np.float32) / 255 + 1e-6)
        amount = density @ np.linalg.inv(DENSITY) * scale.astype(np.float32) + shift.astype(np.float32)
        light = np.exp(-(amount @ DENSITY)) - 1e-6
        return Image.fromarray((light * 255).clip(0, 255).astype(np.uint8))

    def _RandGrayscale(self, image: Image.Image) -> Image.Image:
        return image if image.mode == "L" else image.convert("L").convert("RGB")

    def _RandGaussianBlur(self, image: Image.Image, sigma: Sequence[float]) -> Image.Image:
        return image.filter(ImageFilter.GaussianBlur(self.rng.uniform(*sigma)))

    def _RandFlip(self, image: Image.Image, spatial_axis: int) -> Image.Image:
        flips = (Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT)
        return image.transpose(flips[spatial_axis])

    def _RandRotate90(self, image: Image.Image, max_k: int) -> Image.Image:
        return image.transpose(TURNS[self.rng.randint(max_k)])

    def _Normalize(
        self, image: Image.Image, mean: float | Sequence[float], std: float | Sequence[float]
    ) -> torch.Tensor:
        shift, scale = (torch.tensor(value).reshape(-1, 1, 1) for value in (mean, std))
        return as_tensor(image).sub_(shift).div_(scale)


def as_tensor(image: Image.Image) -> torch.Tensor:
    """The picture as float32 (C, H, W) in 0..1."""
    pixels = torch.from_numpy(np.array(image)).view(*image.size[::-1], -1)
    return pixels.permute(2, 0, 1).contiguous().float().div_(255)


def _turned_hue(image: Image.Image, turn: float) -> Image.Image:
    hue, saturation, value = image.convert("HSV").split()
    turned = np.array(hue) + np.int32(turn * 255).astype(np.uint8)
    return Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")


class PillowPairs(Dataset[dict[str, Any]]):
    """Two views of each picture, for torch's loader.

    Args:
        pictures: arrays, or whatever ``read`` takes.
        views: what draws a view.
        read: one of ``pictures`` to an image of Pillow.
    """

    def __init__(
        self,
        pictures: Sequence[Any],
        views: Callable[[Image.Image], torch.Tensor],
        read: Callable[[Any], Image.Image] = Image.fromarray,
    ) -> None:
        self.pictures, self.views, self.read = pictures, views, read

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> dict[str, Any]:
        image = self.read(self.pictures[index])
        return {"view1": self.views(image), "view2": self.views(image), "index": index}
