"""Normalisation: subtract a mean and divide by a standard deviation, one for all channels or one each."""

from collections.abc import Sequence

import torch
from monai.transforms.intensity.array import NormalizeIntensity

from monai_mocoi.transforms.dict_forms import EachKeyd


class Normalize(NormalizeIntensity):
    """MONAI's ``NormalizeIntensity`` with given numbers.

    Args:
        mean: subtracted; a number, or a list with one for each channel.
        std: then divided by; of the same form.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = mean, std
        channel_wise = isinstance(mean, Sequence)
        super().__init__(subtrahend=mean, divisor=std, channel_wise=channel_wise)  # type: ignore[arg-type]


class Normalized(EachKeyd):
    """Dict form of :class:`Normalize`."""

    ARRAY = Normalize


def unnormalized(images: torch.Tensor, mean: float | Sequence[float], std: float | Sequence[float]) -> torch.Tensor:
    """Undo :class:`Normalize` of images ``(..., C, H, W)``, in float32, on the CPU."""
    subtracted, divisor = (torch.as_tensor(own, dtype=torch.float32).reshape(-1, 1, 1) for own in (mean, std))
    return torch.as_tensor(images).detach().cpu().float() * divisor + subtracted
