"""Brightness, contrast, saturation, hue and grey: batched functions, and the random transforms that call them.

The operations are those of Pillow's ``ImageEnhance`` (and so torchvision's), in floating point. A one-channel image
has no colour: saturation, hue and grey leave it as it is, brightness and contrast act on it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.transforms import RandomizableTransform

from monai_mocoi.transforms.images import check_batch, check_probability, per_sample, plain_image
from monai_mocoi.transforms.shared_draw import SharedDrawd

# ITU-R BT.601 luma, the weights of Pillow's convert("L").
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


def adjust_brightness(images: torch.Tensor, factor: torch.Tensor | float) -> torch.Tensor:
    """Blend each image with black, as ``ImageEnhance.Brightness``.

    Args:
        images: batch of shape (N, C, H, W), floating point, values 0..1.
        factor: at least 0, shape (N,) or one number: 0 gives black, 1 the image, 2 twice as bright.

    Returns:
        new batch of the same shape, cut off at 0 and 1.

    Raises:
        ValueError: if the batch or the parameter has another form.
    """
    check_batch(images, "adjust_brightness")
    return (images * per_sample(factor, images, "brightness factor")).clamp_(0, 1)


def adjust_contrast(images: torch.Tensor, factor: torch.Tensor | float) -> torch.Tensor:
    """Blend each image with the mean of its grey version, as ``ImageEnhance.Contrast`` (which rounds that mean).

    Args:
        images: batch of shape (N, C, H, W), C = 1 or 3, floating point, values 0..1.
        factor: at least 0, shape (N,) or one number: 0 gives a flat image, 1 the image, 2 twice the contrast.

    Returns:
        new batch of the same shape, cut off at 0 and 1.

    Raises:
        ValueError: if the batch or the parameter has another form.
    """
    check_batch(images, "adjust_contrast", colour=True)
    factor = per_sample(factor, images, "contrast factor")
    mean = images.mean(dim=(2, 3), keepdim=True)
    if images.shape[1] == 3:
        mean = _luma(mean)
    return (images * factor).add_(mean * (1 - factor)).clamp_(0, 1)


def adjust_saturation(images: torch.Tensor, factor: torch.Tensor | float) -> torch.Tensor:
    """Blend each image with its grey version, as ``ImageEnhance.Color``.

    Args:
        images: batch of shape (N, C, H, W), C = 1 or 3, floating point, values 0..1.
        factor: at least 0, shape (N,) or one number: 0 gives grey, 1 the image, 2 twice the saturation.

    Returns:
        new batch of the same shape, cut off at 0 and 1; one-channel images themselves.

    Raises:
        ValueError: if the batch or the parameter has another form.
    """
    check_batch(images, "adjust_saturation", colour=True)
    factor = per_sample(factor, images, "saturation factor")
    if images.shape[1] == 1:
        return images
    return (images * factor).add_(_luma(images).mul_(1 - factor)).clamp_(0, 1)


def adjust_hue(images: torch.Tensor, shift: torch.Tensor | float) -> torch.Tensor:
    """Turn each image's hue in HSV; value and saturation stay.

    Args:
        images: batch of shape (N, C, H, W), C = 1 or 3, floating point, values 0..1.
        shift: fraction of a turn, shape (N,) or one number, usually -0.5..0.5 (whole turns change nothing): 0 gives
            the image, 1/3 makes red green.

    Returns:
        new batch of the same shape, cut off at 0 and 1; one-channel images themselves.

    Raises:
        ValueError: if the batch or the parameter has another form.
    """
    check_batch(images, "adjust_hue", colour=True)
    shift = per_sample(shift, images, "hue shift")
    if images.shape[1] == 1:
        return images
    red, green, blue = images.split(1, dim=1)
    value = torch.maximum(torch.maximum(red, green), blue)
    lowest = torch.minimum(torch.minimum(red, green), blue)
    chroma = value - lowest
    # On the hue circle 1 + (green + blue - red - lowest) / chroma sixths lie between a colour and red, whatever the
    # sector, and the colour lies on green's side where green > blue. A grey pixel gets some hue that is not used.
    sixths = (green - lowest).add_(blue).sub_(red).div_(chroma.clamp(min=torch.finfo(images.dtype).tiny)).add_(1)
    turns = sixths.copysign_(green - blue).div_(6)
    # Back again: a channel is `value` up to a sixth of a turn from its own hue (0, 1/3, 2/3), `value - chroma` from a
    # third of a turn on, and linear in between.
    own_hue = images.new_tensor([0, 1 / 3, 2 / 3]).view(1, 3, 1, 1)
    distance = (turns + (shift - shift.floor() - own_hue + 2.5)).frac_().sub_(0.5).abs_()
    return torch.sub(value, distance.mul_(6).sub_(1).clamp_(0, 1).mul_(chroma)).clamp_(0, 1)


def to_grayscale(images: torch.Tensor) -> torch.Tensor:
    """Replace the colours by the BT.601 luma, in three equal channels.

    Args:
        images: batch of shape (N, C, H, W), C = 1 or 3, floating point, values 0..1.

    Returns:
        new batch of the same shape; one-channel images themselves.

    Raises:
        ValueError: if the batch has another form.
    """
    check_batch(images, "to_grayscale", colour=True)
    return images if images.shape[1] == 1 else _luma(images).repeat(1, 3, 1, 1)


def _luma(images: torch.Tensor) -> torch.Tensor:
    red, green, blue = images.split(1, dim=1)
    return (red * _RED).add_(green, alpha=_GREEN).add_(blue, alpha=_BLUE)


class RandColorJitter(RandomizableTransform):
    """Change brightness, contrast, saturation and hue by random amounts, in a random order.

    As torchvision's ``ColorJitter``, but applied with a probability; it acts on every channel alike, and saturation and
    hue do not apply to a one-channel image. The same seed draws the same numbers whatever the number of channels.

    Args:
        brightness: b >= 0 draws a factor from max(0, 1 - b) to 1 + b; 0 (default) switches the part off.
        contrast: the same for contrast.
        saturation: the same for saturation.
        hue: h from 0 to 0.5 draws a shift of -h to h turns; 0 (default) switches the part off.
        prob: probability that an image is changed at all; 0.1 by default, as in MONAI.

    Raises:
        ValueError: if an argument lies outside its range.

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
        check_probability(prob, "RandColorJitter")
        super().__init__(prob)
        self.brightness, self.contrast, self.saturation, self.hue = brightness, contrast, saturation, hue
        strengths = np.array([brightness, contrast, saturation, hue], dtype=np.float64)
        self._low = np.array([*np.maximum(0.0, 1 - strengths[:3]), -hue])
        self._width = np.array([*(1 + strengths[:3]), hue]) - self._low
        self._parts = (adjust_brightness, adjust_contrast, adjust_saturation, adjust_hue)
        self._active = tuple(strengths > 0)
        self._order = np.arange(4)
        self._amounts = self._low

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act, the order of the four parts and their amounts."""
        super().randomize(None)
        if self._do_transform:
            self._order = self.R.permutation(4)
            self._amounts = self._low + self._width * self.R.random_sample(4)

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """Change one image.

        Args:
            img: shape (C, H, W), C = 1 or 3, floating point, values 0..1.
            randomize: False repeats the last draw.

        Returns:
            plain tensor of the same shape.
        """
        images = plain_image(img, "RandColorJitter")[None]
        if randomize:
            self.randomize()
        if self._do_transform:
            for part in self._order:
                if self._active[part]:
                    images = self._parts[part](images, float(self._amounts[part]))
        return images[0]


class RandGrayscale(RandomizableTransform):
    """Take the colours from an image, with a probability; a one-channel image stays as it is.

    Args:
        prob: probability that an image becomes grey (in three equal channels); 0.1 by default, as in MONAI.

    Raises:
        ValueError: if ``prob`` lies outside 0..1.
    """

    def __init__(self, prob: float = 0.1) -> None:
        check_probability(prob, "RandGrayscale")
        super().__init__(prob)

    def randomize(self, data: Any = None) -> None:
        """Draw whether to act."""
        super().randomize(None)

    def __call__(self, img: torch.Tensor, randomize: bool = True) -> torch.Tensor:
        """Change one image.

        Args:
            img: shape (C, H, W), C = 1 or 3, floating point, values 0..1.
            randomize: False repeats the last draw.

        Returns:
            plain tensor of the same shape.
        """
        image = plain_image(img, "RandGrayscale")
        if randomize:
            self.randomize()
        return to_grayscale(image[None])[0] if self._do_transform else image


class RandColorJitterd(SharedDrawd):
    """Dict form of :class:`RandColorJitter`: one draw for all keys.

    Args:
        keys: keys of the images.
        brightness: as in the array form.
        contrast: as in the array form.
        saturation: as in the array form.
        hue: as in the array form.
        prob: as in the array form.
        allow_missing_keys: True leaves out keys that a dict does not have; False (default) raises ``KeyError``.

    Raises:
        ValueError: if an argument lies outside its range.
    """

    def __init__(
        self,
        keys: KeysCollection,
        brightness: float = 0.0,
        contrast: float = 0.0,
        saturation: float = 0.0,
        hue: float = 0.0,
        prob: float = 0.1,
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, RandColorJitter(brightness, contrast, saturation, hue, prob), allow_missing_keys)


class RandGrayscaled(SharedDrawd):
    """Dict form of :class:`RandGrayscale`: one draw for all keys.

    Args:
        keys: keys of the images.
        prob: as in the array form.
        allow_missing_keys: True leaves out keys that a dict does not have; False (default) raises ``KeyError``.

    Raises:
        ValueError: if ``prob`` lies outside 0..1.
    """

    def __init__(self, keys: KeysCollection, prob: float = 0.1, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, RandGrayscale(prob), allow_missing_keys)
