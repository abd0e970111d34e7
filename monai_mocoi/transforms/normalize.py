"""Normalisation: subtract a mean and divide by a standard deviation, one for all channels or one each."""

from collections.abc import Sequence

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
