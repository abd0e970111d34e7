"""Rotation, crop, mirroring and quarter turns as one resampling: which steps go together, and their common map."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from monai.transforms.spatial.array import RandFlip, RandRotate90

from monai_mocoi.transforms.crop import RandResizedCrop
from monai_mocoi.transforms.resample import ImageMaps, resample
from monai_mocoi.transforms.rotation import RandRotation

Size = tuple[int, int]  # rows, columns

GEOMETRIC = (RandRotation, RandResizedCrop, RandFlip, RandRotate90)


class Geometry:
    """Geometric steps that follow one another, as one resampling of a batch.

    A rotation after a crop does not belong to the same one, because its black corners are those of the cut-out part;
    nor do two rotations or two crops.
    """

    def __init__(self, step: Any) -> None:
        self.steps = [step]

    def takes(self, step: Any) -> bool:
        """Take another step in, if it can be part of the same resampling."""
        kinds = {type(each) for each in self.steps}
        free = type(step) in (RandFlip, RandRotate90)
        if not free and (RandResizedCrop in kinds or type(step) in kinds):
            return False
        self.steps.append(step)
        return True

    @property
    def numbers(self) -> int:
        """How many numbers a draw is."""
        return sum(4 if isinstance(step, RandResizedCrop) else 1 for step in self.steps)

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape (C, H, W) of the view of an image."""
        return (shape[0], *self._sizes(shape)[-1])

    def draw(self, shape: tuple[int, ...]) -> list[float]:
        """Draw for an image (C, H, W): boxes, angles, whether to mirror, quarter turns."""
        numbers: list[float] = []
        for step, size in zip(self.steps, self._sizes(shape), strict=False):
            step.randomize(SimpleNamespace(shape=(shape[0], *size)))
            acts = float(step._do_transform)
            if isinstance(step, RandResizedCrop):
                numbers += step.drawn()
            elif isinstance(step, RandRotation):
                numbers.append(acts * step.drawn()[0])
            else:
                turns = isinstance(step, RandRotate90)
                if turns and size[0] != size[1]:
                    raise ValueError(
                        f"RandRotate90: the views of {size[0]} x {size[1]} pixels would differ in shape, because a "
                        "quarter turn exchanges rows and columns; make the images square, or leave it out"
                    )
                numbers.append(acts * step._rand_k if turns else acts)
        return numbers

    def _sizes(self, shape: tuple[int, ...]) -> list[Size]:
        """Rows and columns before each step, and after the last."""
        sizes: list[Size] = [(shape[-2], shape[-1])]
        for step in self.steps:
            sizes.append(step.size if isinstance(step, RandResizedCrop) else sizes[-1])
        return sizes

    def kind(self, drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Which draws are carried out in the same way."""
        return self.maps(drawn, shape)[0].kind()

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """Views, float32, of images (N, C, H, W) of any number type, by their draws (N, numbers)."""
        maps, size, padding_mode = self.maps(drawn, images.shape[1:])
        return resample(images, maps, size, padding_mode)

    def maps(self, drawn: np.ndarray, shape: tuple[int, ...]) -> tuple[ImageMaps, Size, str]:
        """The common map of each sample, the views' size, and what lies outside."""
        sizes = self._sizes(shape)
        maps, padding_mode, end = ImageMaps.identity(len(drawn)), "zeros", drawn.shape[1]
        for step, before, after in zip(self.steps[::-1], sizes[-2::-1], sizes[:0:-1], strict=True):
            if isinstance(step, RandResizedCrop):
                end -= 4
                _crop(maps, drawn[:, end : end + 4], after)
                continue
            end -= 1
            if isinstance(step, RandRotation):
                padding_mode = step.padding_mode
                _rotate(maps, drawn[:, end], before)
            elif isinstance(step, RandFlip):
                _mirror(maps, drawn[:, end] > 0, step.flipper.spatial_axis, before)
            else:
                _quarter_turns(maps, drawn[:, end], before)
        return maps, sizes[-1], padding_mode


def _crop(maps: ImageMaps, boxes: np.ndarray, size: Size) -> None:
    linear = np.zeros((len(boxes), 2, 2))
    linear[:, 0, 0] = (boxes[:, 2] - boxes[:, 0]) / size[1]
    linear[:, 1, 1] = (boxes[:, 3] - boxes[:, 1]) / size[0]
    maps.before(linear, boxes[:, :2])


def _rotate(maps: ImageMaps, degrees: np.ndarray, size: Size) -> None:
    angle, centre = np.deg2rad(degrees), np.array(size[::-1]) / 2
    linear = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], axis=1).reshape(-1, 2, 2)
    maps.before(linear, centre - linear @ centre)
    maps.turned |= degrees != 0


def _mirror(maps: ImageMaps, mirrored: np.ndarray, axes: Any, size: Size) -> None:
    mirrored_axes = range(2) if axes is None else np.atleast_1d(axes)
    linear, shift = np.tile(np.eye(2), (len(mirrored), 1, 1)), np.zeros((len(mirrored), 2))
    for axis in (1 - int(a) % 2 for a in mirrored_axes):  # rows are y
        linear[mirrored, axis, axis], shift[mirrored, axis] = -1, size[1 - axis]
    maps.before(linear, shift)


def _quarter_turns(maps: ImageMaps, turns: np.ndarray, size: Size) -> None:
    side = size[0]
    linear = np.array([[[1, 0], [0, 1]], [[0, -1], [1, 0]], [[-1, 0], [0, -1]], [[0, 1], [-1, 0]]], dtype=np.float64)
    shift = np.array([[0, 0], [side, 0], [side, side], [0, side]], dtype=np.float64)
    quarter = turns.astype(np.int64) % 4
    maps.before(linear[quarter], shift[quarter])
