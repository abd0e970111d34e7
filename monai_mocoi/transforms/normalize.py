"""Normalisation: subtract a mean and divide by a standard deviation, one for all channels or one each."""

from collections.abc import Sequence

import numpy as np
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

    def change(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise a float batch (N, C, H, W) in place."""
        mean, std = (images.new_tensor(np.reshape(value, (-1, 1, 1))) for value in (self.mean, self.std))
        return images.sub_(mean).div_(std)


class Normalized(EachKeyd):
    """Dict form of :class:`Normalize`."""

    ARRAY = Normalize
