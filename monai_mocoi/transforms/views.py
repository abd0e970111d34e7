"""Two independent random views of one image, the same for the same seed."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from monai.transforms.compose import Compose
from monai.transforms.transform import Randomizable, Transform
from monai.utils.misc import MAX_SEED

from monai_mocoi.transforms.images import plain_image
from monai_mocoi.transforms.view_maps import view_maps
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
        first, second = self.plan.views(image[None], self._next(image.shape))
        return first[0], second[0]

    def with_maps(self, img: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """As a call, and then where each view lies in the image, see :meth:`maps`; only where there is a plan."""
        image = plain_image(img, "TwoViews")
        drawn = self._next(image.shape)
        maps = torch.from_numpy(self.maps(drawn, tuple(image.shape)))
        return *(view[0] for view in self.of_batch(image[None], drawn)), *maps[:, 0]

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

    def maps(self, drawn: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """Where the views of images (C, H, W) lie in them: :func:`~monai_mocoi.transforms.view_maps.view_maps`."""
        assert self.plan is not None
        return view_maps(self.plan, drawn, shape)

    def _next(self, shape: tuple[int, ...]) -> np.ndarray:
        """The next two draws, (2, 1, n)."""
        assert self.plan is not None
        return np.array([[self.plan.draw(tuple(shape))] for _ in range(2)])

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
