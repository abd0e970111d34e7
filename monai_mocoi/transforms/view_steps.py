"""Which steps of a random transform are known well enough to be carried out for a whole batch."""

from collections.abc import Iterator
from typing import Any

from monai.transforms.compose import Compose

from monai_mocoi.transforms.blur import RandGaussianBlur
from monai_mocoi.transforms.colour_jitter import RandColorJitter, RandGrayscale
from monai_mocoi.transforms.rescale_intensity import Normalize
from monai_mocoi.transforms.stain import RandStainJitter
from monai_mocoi.transforms.view_geometry import GEOMETRIC

_VALUES = (RandColorJitter, RandGrayscale, RandGaussianBlur, RandStainJitter, Normalize)


def steps_of(transform: Any) -> Iterator[Any]:
    """The steps of a transform in their order, those of a Compose within it too."""
    if type(transform) is Compose:  # OneOf and the like are Composes too, and do something else
        for part in transform.transforms:
            yield from steps_of(part)
    else:
        yield transform


def unknown_step(transform: Any) -> str | None:
    """The name of the first step that is none of ours, nor MONAI's ``RandFlip`` or ``RandRotate90``; None: all are."""
    return next((_name(step) for step in steps_of(transform) if not _is_known(step)), None)


def _name(step: Any) -> str:
    return str(getattr(step, "__name__", type(step).__name__))


def _is_known(step: Any) -> bool:
    # Not of a subclass, which may do something else.
    return type(step) in (*_VALUES, *GEOMETRIC) and getattr(step, "spatial_axes", (0, 1)) == (0, 1)
