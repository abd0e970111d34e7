"""Images of the view transforms: a float image ``(C, H, W)`` or a batch ``(N, C, H, W)``, checked; and random ones."""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import RandomizableTransform
from monai.utils.enums import TransformBackends


def plain_image(img: Any, name: str) -> torch.Tensor:
    """One float image (C, H, W) as a plain tensor, because a ``MetaTensor`` costs time; errors begin with ``name``."""
    tensor = img.as_tensor() if isinstance(img, MetaTensor) else torch.as_tensor(img)
    if tensor.ndim != 3 or 0 in tensor.shape:
        raise ValueError(
            f"{name}: expected an image of shape (channels, rows, columns), got {tuple(tensor.shape)}; "
            "put the channels first and draw views of one image at a time"
        )
    _check_float(tensor, name)
    return tensor


def check_batch(images: torch.Tensor, name: str, colour: bool = False) -> None:
    """Refuse what is no batch of float images (N, C, H, W); ``colour``: C is 1 or 3. Errors begin with ``name``."""
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ValueError(
            f"{name}: expected a batch of shape (samples, channels, rows, columns), got {tuple(images.shape)}; "
            "use image[None] for a single image"
        )
    _check_float(images, name)
    if colour and images.shape[1] not in (1, 3):
        raise ValueError(f"{name}: expected 1 (grey) or 3 (RGB) channels, got {images.shape[1]}; drop the others first")


def _check_float(images: torch.Tensor, name: str) -> None:
    if not images.is_floating_point():
        raise ValueError(f"{name}: expected floating-point values from 0 to 1, got {images.dtype}; divide uint8 by 255")


def per_sample(value: torch.Tensor | float, images: torch.Tensor, name: str) -> torch.Tensor:
    """One parameter a sample, (N,) or one number for all, as (N, 1, 1, 1) with the batch's dtype and device."""
    samples = images.shape[0]
    if not isinstance(value, torch.Tensor):
        return images.new_full((samples, 1, 1, 1), value)
    _check_samples(value, samples, name)
    return value.to(images).expand(samples).reshape(samples, 1, 1, 1)


def per_sample_on_host(value: torch.Tensor | float, images: torch.Tensor, name: str) -> np.ndarray:
    """The same in double precision and NumPy, shape (N,), for small tables of coefficients.

    NumPy takes a fraction of PyTorch's time for them, and every device has the same coefficients.
    """
    samples = images.shape[0]
    if not isinstance(value, torch.Tensor):
        return np.full(samples, value, dtype=np.float64)
    _check_samples(value, samples, name)
    return np.broadcast_to(value.detach().cpu().double().numpy(), samples)


def _check_samples(value: torch.Tensor, samples: int, name: str) -> None:
    if value.ndim > 1 or (value.ndim == 1 and value.shape[0] != samples):
        raise ValueError(
            f"{name}: expected one value for each of the {samples} samples, got a tensor of shape {tuple(value.shape)}"
        )


class RandImage(RandomizableTransform):
    """Act on an image with probability ``prob``; a subclass draws amounts in ``randomize``, and ``change`` uses them.

    Drawing is apart from changing, so that a batch can be changed at once, each of its images by a draw of its own.
    """

    backend = [TransformBackends.TORCH]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, prob: float) -> None:
        if not 0 <= prob <= 1:  # which MONAI would cut off silently
            raise ValueError(f"{type(self).__name__}: prob must lie between 0 (never) and 1 (always), got {prob}")
        super().__init__(prob)

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act."""
        super().randomize(None)

    def between(self, low: float, high: float) -> float:
        """Draw a number from low to high: bit for bit ``self.R.uniform(low, high)``, in a third of its time."""
        return low + (high - low) * self.R.random_sample()

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """Change one image (C, H, W), floating point, values 0..1; ``randomize`` False repeats the last draw."""
        image = plain_image(img, type(self).__name__)
        if randomize:
            self.randomize(image)
        return self.apply(image[None])[0] if self._do_transform else image

    def apply(self, images: torch.Tensor) -> torch.Tensor:
        """Change a batch (N, C, H, W) by the last draw, the same for each image."""
        return self.change(images.clone(), np.tile(np.array(self.drawn(), dtype=np.float64), (len(images), 1)))

    @abstractmethod
    def drawn(self) -> tuple[float, ...]:
        """The last draw as numbers, always equally many."""

    def kind(self, drawn: np.ndarray, channels: int) -> np.ndarray:
        """Which of some draws, (N, numbers), can be carried out together: (N,) whole numbers >= 0."""
        return np.zeros(len(drawn), dtype=np.int64)

    @abstractmethod
    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """Change each image of a batch by its own draw, all of one kind; the batch may be changed in place."""
