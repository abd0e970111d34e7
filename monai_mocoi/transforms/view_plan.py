"""A random transform applied to a whole batch: drawn image by image, carried out by operations on tensors.

The draws are those of the transform itself, in its own order, so that a batch has the views that its images have alone.
"""

from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import torch

from monai_mocoi.transforms.on_device import on_device
from monai_mocoi.transforms.resample import ImageMaps, as_floats
from monai_mocoi.transforms.rescale_intensity import Normalize
from monai_mocoi.transforms.view_geometry import GEOMETRIC, Geometry
from monai_mocoi.transforms.view_steps import steps_of, unknown_step

_AT_ONCE = 2**18
"""About so many values are worked on at a time, so that they stay in the processor's cache from step to step."""
_AT_ONCE_ON_A_GPU = 2**25  # so that what is made on the way takes little of its memory


class ViewPlan:
    """The steps of a random transform, ready for batches."""

    def __init__(self, parts: Sequence[Any]) -> None:
        self._steps: list[Any] = []
        for part in parts:
            if not isinstance(part, GEOMETRIC):
                self._steps.append(_Normalized(part) if isinstance(part, Normalize) else _Changed(part))
            elif not (self._steps and isinstance(self._steps[-1], Geometry) and self._steps[-1].takes(part)):
                self._steps.append(Geometry(part))

    @classmethod
    def of(cls, transform: Any) -> Self | None:
        """The plan of a transform; None where a step is none of ours, nor MONAI's ``RandFlip`` or ``RandRotate90``."""
        return cls(list(steps_of(transform))) if unknown_step(transform) is None else None

    def draw(self, shape: tuple[int, ...]) -> list[float]:
        """Draw one view of an image of this shape (C, H, W): numbers, equally many each time."""
        numbers: list[float] = []
        for step in self._steps:
            numbers += step.draw(shape)
            shape = step.shape_of(shape)
        return numbers

    def geometries(
        self, drawn: np.ndarray, shape: tuple[int, ...]
    ) -> Iterator[tuple[ImageMaps, tuple[int, ...], tuple[int, ...]]]:
        """Each resampling of images (C, H, W) by draws (N, numbers): its maps, the shapes before and after it."""
        at = 0
        for step in self._steps:
            before, shape = shape, step.shape_of(shape)
            if isinstance(step, Geometry):
                yield step.maps(drawn[:, at : at + step.numbers], before)[0], before, shape
            at += step.numbers

    def views(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """The views of a batch of images.

        ``images``: (N, C, H, W), floating point in 0..1, or what :func:`~monai_mocoi.transforms.rounding.quantise`
        gives. ``drawn``: (views, N, numbers), see :meth:`draw`. Returns float32 (views, N, C, rows, columns), made in
        float32 under autocast too.
        """
        with torch.autocast(images.device.type, enabled=False):
            return self._views(images, drawn)

    def _views(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        views, samples = drawn.shape[:2]
        flat = drawn.reshape(views * samples, -1)
        columns, kinds, shape, at = [], [], tuple(images.shape[1:]), 0
        for step in self._steps:
            columns.append(slice(at, at := at + step.numbers))
            kinds.append(step.kind(flat[:, columns[-1]], shape))
            shape = step.shape_of(shape)
        # Alike ones side by side: what is done to several is then done in place.
        order = np.lexsort(kinds[::-1])
        result = torch.empty((len(flat), *shape), device=images.device)
        most = _AT_ONCE if images.device.type == "cpu" else _AT_ONCE_ON_A_GPU
        at_once = max(1, most // result[0].numel())
        for at in range(0, len(flat), at_once):
            some = order[at : at + at_once]
            rows = on_device(some, images.device)
            part = images.index_select(0, rows % samples)
            if not isinstance(self._steps[0], Geometry):
                part = as_floats(part)
            for step, its in zip(self._steps, columns, strict=True):
                part = step.change(part, flat[some, its])
            result.index_copy_(0, rows, part)
        return result.view(views, samples, *shape)


class _Changed:
    """A step that changes values, with a probability."""

    def __init__(self, transform: Any) -> None:
        self.transform = transform
        self.numbers = 1 + len(transform.drawn())

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def draw(self, shape: tuple[int, ...]) -> list[float]:
        self.transform.randomize(SimpleNamespace(shape=shape))
        return [float(self.transform._do_transform), *self.transform.drawn()]

    def kind(self, drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return np.where(drawn[:, 0], 1 + self.transform.kind(drawn[:, 1:], shape[0]), 0)

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        kinds = self.kind(drawn, images.shape[1:])
        for kind in np.unique(kinds[kinds > 0]):
            found = np.flatnonzero(kinds == kind)
            if len(found) == found[-1] - found[0] + 1:  # side by side
                part = images[found[0] : found[-1] + 1]
                changed = self.transform.change(part, drawn[found, 1:])
                if len(found) == len(images):
                    images = changed
                elif changed is not part:
                    part.copy_(changed)
            else:
                rows = on_device(found, images.device)
                images.index_copy_(0, rows, self.transform.change(images.index_select(0, rows), drawn[found, 1:]))
        return images


class _Normalized:
    """Normalisation."""

    numbers = 0

    def __init__(self, transform: Any) -> None:
        self.transform = transform

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def draw(self, shape: tuple[int, ...]) -> list[float]:
        return []

    def kind(self, drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        return np.zeros(len(drawn), dtype=np.int64)

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        normalised: torch.Tensor = self.transform.change(images)
        return normalised
