"""Dict form of two random views, which can also tell where each view lies in its image."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from monai.transforms.transform import MapTransform, Randomizable

from monai_mocoi.errors import UsageError
from monai_mocoi.transforms.view_steps import unknown_step
from monai_mocoi.transforms.views import TwoViews


class TwoViewsd(Randomizable, MapTransform):
    """Dict form of :class:`TwoViews`: replaces an image by two views of it.

    Args:
        keys: the image's key, one only; several are a ValueError.
        transform: as for :class:`TwoViews`.
        view_keys: keys of the two views, different ones.
        keep: True leaves the source image in the dict; False (default) drops it.
        allow_missing_keys: True returns a dict without that key as it is; False (default) raises ``KeyError``.
        geometry: True also gives where each view lies in the image, maps (pictures, 2, 3) under the view's key with
            ``_geometry`` behind it, see :func:`~monai_mocoi.transforms.view_maps.view_maps`. It draws nothing. A
            transform with a step that is neither ours nor MONAI's ``RandFlip`` or ``RandRotate90`` is a UsageError.

    Examples:
        >>> import torch
        >>> from monai_mocoi.transforms import RandResizedCrop, TwoViewsd
        >>> views = TwoViewsd("image", RandResizedCrop(32)).set_random_state(seed=0)
        >>> {name: tuple(value.shape) for name, value in views({"image": torch.rand(1, 64, 64)}).items()}
        {'view1': (1, 32, 32), 'view2': (1, 32, 32)}
    """

    def __init__(
        self,
        keys: Hashable | Sequence[Hashable],
        transform: Callable[[torch.Tensor], Any],
        view_keys: Sequence[Hashable] = ("view1", "view2"),
        keep: bool = False,
        allow_missing_keys: bool = False,
        geometry: bool = False,
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"TwoViewsd: expected one key, the image's, got {self.keys}")
        if isinstance(view_keys, str) or len(view_keys) != 2 or view_keys[0] == view_keys[1]:
            raise ValueError(f"TwoViewsd: expected two different view_keys, got {view_keys!r}")
        self.views = TwoViews(transform)
        self.R = self.views.R
        self.view_keys = tuple(view_keys)
        self.geometry_keys = tuple(f"{key}_geometry" for key in view_keys) if geometry else ()
        self.keep = keep
        if geometry and (step := unknown_step(transform)) is not None:
            raise UsageError(
                f"TwoViewsd: geometry is true, but where {step} moves what an image shows is not known. Use only the "
                "package's own steps and MONAI's RandFlip and RandRotate90, or a stage_pooling other than aligned, "
                "which alone needs the geometry."
            )

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> Self:
        """Start the stream of random numbers anew, as :meth:`TwoViews.set_random_state`."""
        self.R = self.views.set_random_state(seed, state).R
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of the dict with the two views."""
        result = dict(data)
        for key in self.key_iterator(result):
            views = self.views.with_maps(result[key]) if self.geometry_keys else self.views(result[key])
            if not self.keep:
                del result[key]
            result.update(zip((*self.view_keys, *self.geometry_keys), views, strict=True))
        return result
