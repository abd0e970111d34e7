"""Colour jitter and random grey: the random transforms that change colours."""

from typing import Any

import numpy as np
import torch

from monai_mocoi.transforms.colour import brightness_, contrast_, hue_, saturation_, to_grayscale
from monai_mocoi.transforms.dict_forms import SharedDrawd
from monai_mocoi.transforms.images import RandImage, check_batch
from monai_mocoi.transforms.on_device import on_device

_PARTS = (brightness_, contrast_, saturation_, hue_)


class RandColorJitter(RandImage):
    """Change brightness, contrast, saturation and hue by random amounts, in a random order.

    As torchvision's ``ColorJitter``, but applied with a probability; it acts on every channel alike, and saturation and
    hue do not apply to a one-channel image. The same seed draws the same numbers whatever the number of channels.

    Args:
        brightness, contrast, saturation: b >= 0 draws a factor from max(0, 1 - b) to 1 + b; 0 (default) switches the
            part off. Other numbers, here and below, are a ValueError.
        hue: h from 0 to 0.5 draws a shift of -h to h turns; 0 (default) switches the part off.
        prob: probability that an image is changed at all; 0.1 by default, as in MONAI.

    Examples:
        >>> import torch
        >>> from monai_mocoi.transforms import RandColorJitter
        >>> jitter = RandColorJitter(brightness=0.4, contrast=0.4, prob=1.0)
        >>> image = torch.rand(1, 8, 8)
        >>> first, second = (jitter.set_random_state(seed=0)(image) for _ in range(2))
        >>> torch.equal(first, second)
        True
    """

    def __init__(
        self,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        prob: float = 0.1,
    ) -> None:
        for name, value in {"brightness": brightness, "contrast": contrast, "saturation": saturation}.items():
            if not 0 <= value < float("inf"):
                raise ValueError(f"RandColorJitter: {name} must be 0 (off) or more, got {value}")
        if not 0 <= hue <= 0.5:
            raise ValueError(f"RandColorJitter: hue is a fraction of a turn from 0 (off) to 0.5, got {hue}")
        super().__init__(prob)
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        strengths = np.array([brightness, contrast, saturation, hue], dtype=np.float64)
        self._low = np.array([*np.maximum(0.0, 1 - strengths[:3]), -hue])
        self._width = np.array([*(1 + strengths[:3]), hue]) - self._low
        self._active = tuple(strengths > 0)
        self._order = np.arange(4)
        self._amounts = self._low

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act, the order of the four parts and their amounts."""
        super().randomize(None)
        if self._do_transform:
            self._order = self.R.permutation(4)
            self._amounts = self._low + self._width * self.R.random_sample(4)

    def drawn(self) -> tuple[float, ...]:
        """The order of the four parts, and their amounts."""
        return (*self._order, *self._amounts)

    def kind(self, drawn: np.ndarray, channels: int) -> np.ndarray:
        """The parts that act, in their order."""
        codes = np.zeros(len(drawn), dtype=np.int64)
        for part in drawn[:, :4].astype(np.int64).T:
            acting = np.take(self._acting(channels), part)
            codes[acting] = codes[acting] * 5 + part[acting] + 1
        return codes

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """Change the colours of each image by its amounts, all in one order."""
        check_batch(images, "RandColorJitter", colour=any(self._active[1:]))
        amounts = on_device(drawn[:, 4:], images.device, images.dtype)[:, :, None, None, None]
        acting = self._acting(images.shape[1])
        for part in drawn[0, :4].astype(np.int64):
            if acting[part]:
                _PARTS[part](images, amounts[:, part])
        return images

    def _acting(self, channels: int) -> tuple[bool, ...]:
        return self._active if channels == 3 else (*self._active[:2], False, False)


class RandGrayscale(RandImage):
    """Take the colours from an image with probability ``prob``; a one-channel image stays as it is."""

    def __init__(self, prob: float = 0.1) -> None:
        super().__init__(prob)

    def drawn(self) -> tuple[float, ...]:
        """Nothing but whether to act."""
        return ()

    def change(self, images: torch.Tensor, drawn: np.ndarray) -> torch.Tensor:
        """Make a batch grey."""
        return to_grayscale(images)


class RandColorJitterd(SharedDrawd):
    """Dict form of :class:`RandColorJitter`: one draw for all keys."""

    ARRAY = RandColorJitter


class RandGrayscaled(SharedDrawd):
    """Dict form of :class:`RandGrayscale`: one draw for all keys."""

    ARRAY = RandGrayscale
