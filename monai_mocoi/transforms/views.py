"""Two independent random views of one image, the same for the same seed."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from monai.transforms.compose import Compose
from monai.transforms.transform import MapTransform, Randomizable, Transform
from monai.utils.misc import MAX_SEED

from monai_mocoi.transforms.images import plain_image
from monai_mocoi.transforms.view_plan import ViewPlan


class TwoViews(Randomizable, Transform):
    """Draw two views of an image from one random transform.

    Where all steps are ours (or MONAI's ``RandFlip`` and ``RandRotate90``), rotation, crop, mirroring and quarter turns
    that follow one another are one resampling, and a whole batch is drawn at once (:meth:`of_batch`), with the same
    views. A transform with other steps is called image by image.

    The random parts of the transform all draw from one stream of numbers, one after the other, first for the first view
    and then for the second. So the views are independent, are a function of the image and the seed alone, and a new
    seed costs microseconds (MONAI makes a generator for every part). The image itself is left untouched.

    Args:
        transform: array transform of an image (C, H, W): one of ours or MONAI's, or a ``monai.transforms.Compose`` of
            such; a list is a TypeError, and one in which nothing is random a ValueError.

    Examples:
        >>> import torch
        >>> from monai_mocoi.transforms import RandColorJitter, TwoViews
        >>> views = TwoViews(RandColorJitter(brightness=0.4, contrast=0.4, prob=1.0)).set_random_state(seed=0)
        >>> first, second = views(torch.rand(1, 64, 64))
    """

    def __init__(self, transform: Callable[[torch.Tensor], Any]) -> None:
        if not callable(transform):
            raise TypeError(
                f"TwoViews: expected one transform, got {type(transform).__name__}; "
                "put several into a monai.transforms.Compose"
            )
        self.transform = transform
        self._stream = np.random.RandomState()
        self.R = self._stream
        self.plan = ViewPlan.of(transform)
        if _share(transform, self.R) == 0:
            raise ValueError(
                "TwoViews: nothing in the transform is random (monai.transforms.Randomizable), so the two views would "
                "be equal; add for example RandResizedCrop or RandColorJitter"
            )

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> Self:
        """Start the stream of random numbers anew, for all random parts of the transform.

        The same seed, any integer, gives the same two views; without one, ``state`` is drawn from; None for both: an
        unpredictable start.
        """
        if seed is not None:
            self._stream.seed(int(seed) % MAX_SEED)
            self.R = self._stream
        else:
            super().set_random_state(state=state)
        _share(self.transform, self.R)
        return self

    def __call__(self, img: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw two views of an image (C, H, W), floating point, values 0..1: plain tensors in the transform's shape."""
        image = plain_image(img, "TwoViews")
        if self.plan is None:
            return self._draw(image), self._draw(image)
        drawn = np.array([[self.plan.draw(tuple(image.shape))] for _ in range(2)])
        first, second = self.plan.views(image[None], drawn)
        return first[0], second[0]

    def draw(self, seed: int, shape: tuple[int, ...]) -> np.ndarray:
        """Draw two views of an image of this shape (C, H, W), as numbers (2, n), to be carried out by :meth:`of_batch`.

        Only where there is a ``plan``; as :meth:`set_random_state` and a call with the image.
        """
        assert self.plan is not None
        self.set_random_state(seed=seed)
        return np.array([self.plan.draw(shape) for _ in range(2)])

    def of_batch(self, images: torch.Tensor, drawn: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Two views of each image, float32 (N, C, rows, columns), on the images' device.

        ``images``: (N, C, H, W), floating point in 0..1, or 8 or 16 bits. ``drawn``: (2, N, n), see :meth:`draw`.
        """
        assert self.plan is not None
        return tuple(self.plan.views(images, drawn))

    def _draw(self, image: torch.Tensor) -> torch.Tensor:
        # A copy, since a transform may work in place or hand back what it got.
        return plain_image(self.transform(image.clone()), "TwoViews, result of the transform")


def _share(transform: Any, stream: np.random.RandomState) -> int:
    """Let every random part draw from the stream; return how many there are."""
    if isinstance(transform, Compose):
        # Not Compose.set_random_state: it would seed a generator of its own for every part.
        transform.R = stream
        return sum(_share(part, stream) for part in transform.transforms)
    if isinstance(transform, Randomizable):
        transform.set_random_state(state=stream)
        return 1
    return 0


class TwoViewsd(Randomizable, MapTransform):
    """Dict form of :class:`TwoViews`: replaces an image by two views of it.

    Args:
        keys: the image's key, one only; several are a ValueError.
        transform: as for :class:`TwoViews`.
        view_keys: keys of the two views, different ones.
        keep: True leaves the source image in the dict; False (default) drops it.
        allow_missing_keys: True returns a dict without that key as it is; False (default) raises ``KeyError``.

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
    ) -> None:
        MapTransform.__init__(self, keys, allow_missing_keys)
        if len(self.keys) != 1:
            raise ValueError(f"TwoViewsd: expected one key, the image's, got {self.keys}")
        if isinstance(view_keys, str) or len(view_keys) != 2 or view_keys[0] == view_keys[1]:
            raise ValueError(f"TwoViewsd: expected two different view_keys, got {view_keys!r}")
        self.views = TwoViews(transform)
        self.R = self.views.R
        self.view_keys = tuple(view_keys)
        self.keep = keep

    def set_random_state(self, seed: int | None = None, state: np.random.RandomState | None = None) -> Self:
        """Start the stream of random numbers anew, as :meth:`TwoViews.set_random_state`."""
        self.R = self.views.set_random_state(seed, state).R
        return self

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Return a copy of the dict with the two views."""
        result = dict(data)
        for key in self.key_iterator(result):
            views = self.views(result[key])
            if not self.keep:
                del result[key]
            result.update(zip(self.view_keys, views, strict=True))
        return result
