"""Brightness, contrast, saturation, hue and grey of a batch: the operations of Pillow's ``ImageEnhance``.

A batch has the shape (N, C, H, W), C = 1 or 3 (1 or more for brightness), floating point, values 0..1. A parameter has
the shape (N,) or is one number. The result is new and cut off at 0 and 1; a one-channel image has no colour, so
saturation, hue and grey return it as it is. A batch or parameter of another form is a ``ValueError``.
"""

import torch

from monai_mocoi.transforms.images import check_batch, per_sample

# ITU-R BT.601 luma, the weights of Pillow's convert("L").
_RED, _GREEN, _BLUE = 0.299, 0.587, 0.114


def adjust_brightness(images: torch.Tensor, factor: torch.Tensor | float) -> torch.Tensor:
    """Blend each image with black, as ``ImageEnhance.Brightness``: factor 0 gives black, 2 twice as bright."""
    check_batch(images, "adjust_brightness")
    return brightness_(images.clone(), per_sample(factor, images, "brightness factor"))


def adjust_contrast(images: torch.Tensor, factor: torch.Tensor | float) -> torch.Tensor:
    """Blend each image with the mean of its grey version, as ``ImageEnhance.Contrast`` (which rounds that mean).

    Factor 0 gives a flat image, 1 the image, 2 twice the contrast.
    """
    check_batch(images, "adjust_contrast", colour=True)
    return contrast_(images.clone(), per_sample(factor, images, "contrast factor"))


def adjust_saturation(images: torch.Tensor, factor: torch.Tensor | float) -> torch.Tensor:
    """Blend each image with its grey version, as ``ImageEnhance.Color``: factor 0 gives grey, 1 the image."""
    check_batch(images, "adjust_saturation", colour=True)
    return saturation_(images.clone(), per_sample(factor, images, "saturation factor"))


def adjust_hue(images: torch.Tensor, shift: torch.Tensor | float) -> torch.Tensor:
    """Turn each image's hue in HSV; value and saturation stay.

    ``shift`` is a fraction of a turn, usually -0.5..0.5 (whole turns change nothing): 1/3 makes red green.
    """
    check_batch(images, "adjust_hue", colour=True)
    return hue_(images.clone(), per_sample(shift, images, "hue shift"))


def to_grayscale(images: torch.Tensor) -> torch.Tensor:
    """Replace the colours by the BT.601 luma, in three equal channels."""
    check_batch(images, "to_grayscale", colour=True)
    return images if images.shape[1] == 1 else _luma(images).repeat(1, 3, 1, 1)


def _luma(images: torch.Tensor) -> torch.Tensor:
    red, green, blue = images.chunk(3, dim=1)
    return (red * _RED).add_(green, alpha=_GREEN).add_(blue, alpha=_BLUE)


# The same in place, without the checks, with one parameter a sample, (N, 1, 1, 1).


def brightness_(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """:func:`adjust_brightness` in place."""
    return images.mul_(factor).clamp_(0, 1)


def contrast_(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """:func:`adjust_contrast` in place."""
    # Row by row: PyTorch splits a sum with a single result among threads, and then their number decides the last bit.
    mean = images.mean(dim=3, keepdim=True).mean(dim=2, keepdim=True)
    if images.shape[1] == 3:
        mean = _luma(mean)
    return images.mul_(factor).add_(mean * (1 - factor)).clamp_(0, 1)


def saturation_(images: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    """:func:`adjust_saturation` in place."""
    if images.shape[1] == 1:
        return images
    grey = _luma(images).mul_(1 - factor)
    return images.mul_(factor).add_(grey).clamp_(0, 1)


def hue_(images: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """:func:`adjust_hue` in place."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.chunk(3, dim=1)
    value = torch.maximum(torch.maximum(red, green), blue)
    lowest = torch.minimum(torch.minimum(red, green), blue)
    chroma = value - lowest
    # On the hue circle 1 + (green + blue - red - lowest) / chroma sixths lie between a colour and red, whatever the
    # sector, and the colour lies on green's side where green > blue. A grey pixel gets some hue that is not used.
    sixths = (green - lowest).add_(blue).sub_(red).div_(chroma.clamp(min=torch.finfo(images.dtype).tiny)).add_(1)
    turns = sixths.copysign_(green - blue).div_(6)
    # Back again: a channel is `value` up to a sixth of a turn from its own hue (0, 1/3, 2/3), `value - chroma` from a
    # third of a turn on, and linear in between.
    own_hue = torch.arange(3, dtype=images.dtype, device=images.device).view(1, 3, 1, 1) / 3
    distance = (turns + (shift - shift.floor() - own_hue + 2.5)).frac_().sub_(0.5).abs_()
    return torch.sub(value, distance.mul_(6).sub_(1).clamp_(0, 1).mul_(chroma), out=images).clamp_(0, 1)
