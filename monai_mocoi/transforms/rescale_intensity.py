"""The scale of grey values: the file's own, the picture's, or normalised by a mean and a standard deviation."""

from collections.abc import Sequence

import numpy as np
import torch
from monai.transforms.intensity.array import NormalizeIntensity
from monai.transforms.transform import Transform
from monai.utils.enums import TransformBackends
from monai.utils.type_conversion import convert_to_tensor

from monai_mocoi.transforms.dict_forms import EachKeyd
from monai_mocoi.transforms.image_errors import check_not_constant
from monai_mocoi.transforms.on_device import on_device
from monai_mocoi.transforms.percentiles import end_percentiles

INTENSITY_MODES = ("declared", "picture", "percentiles")
_PERCENTILES = (0.5, 99.5)
_PART = 2**16  # values


class RescaleIntensity(Transform):
    """Bring the values of a picture (C, rows, columns) from the range that they use, in all channels together, to 0..1.

    Args:
        mode: ``"declared"``: nothing is changed; 0 and 1 are the black and white that the file declares, see
            :func:`~monai_mocoi.transforms.read_image`. ``"picture"``: the picture's least value becomes 0, its greatest
            1. ``"percentiles"``: the 0.5th percentile becomes 0, the 99.5th 1, and what lies beyond is clipped: a few
            bright pixels (a letter, a wire) don't decide; nnU-Net clips CT to the same. Where both are one value, as
            ``"picture"``.

    Raises:
        ValueError: another mode or, when called, values that are not floating point.
        ConstantImageError: when called, all values are alike.

    Examples:
        >>> import torch
        >>> from monai_mocoi.transforms import RescaleIntensity
        >>> RescaleIntensity("picture")(torch.tensor([[[0.25, 0.5]]])).tolist()
        [[[0.0, 1.0]]]
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, mode: str = "declared") -> None:
        if mode not in INTENSITY_MODES:
            raise ValueError(f"mode is {mode!r}; choose one of {', '.join(INTENSITY_MODES)}")
        self.mode = mode

    def __call__(self, img: torch.Tensor) -> torch.Tensor:
        """Rescale one picture, floating point, values 0..1, to the same shape and dtype; metadata are dropped."""
        img = convert_to_tensor(img, track_meta=False)
        if self.mode == "declared":
            return img
        if not img.is_floating_point():
            raise ValueError(
                f"the picture holds {img.dtype}; floating-point values in 0..1 are needed, as ReadImage gives them"
            )
        values = img.numpy(force=True)
        check_not_constant(values)
        low, high = end_percentiles(values, _PERCENTILES) if self.mode == "percentiles" else (0, 0)
        if not low < high:
            low, high = values.min(), values.max()
        low, high = float(low), float(high)
        rescaled = torch.empty(img.shape, dtype=img.dtype, device=img.device)
        # Of a part at a time all three steps find it in the processor's cache.
        for part, into in zip(img.reshape(-1).split(_PART), rescaled.view(-1).split(_PART), strict=True):
            torch.sub(part, low, out=into).div_(high - low).clamp_(0, 1)
        return rescaled


class RescaleIntensityd(EachKeyd):
    """Dict form of :class:`RescaleIntensity`."""

    ARRAY = RescaleIntensity


class Normalize(NormalizeIntensity):
    """MONAI's ``NormalizeIntensity`` with given numbers.

    Args:
        mean, std: subtracted, then divided by; each a number, or a list with one for each channel.
    """

    def __init__(self, mean: float | Sequence[float], std: float | Sequence[float]) -> None:
        self.mean, self.std = mean, std
        channel_wise = isinstance(mean, Sequence)
        super().__init__(subtrahend=mean, divisor=std, channel_wise=channel_wise)  # type: ignore[arg-type]

    def change(self, images: torch.Tensor) -> torch.Tensor:
        """Normalise a float batch (N, C, H, W) in place."""
        mean, std = (
            on_device(np.reshape(value, (-1, 1, 1)), images.device, images.dtype) for value in (self.mean, self.std)
        )
        return images.sub_(mean).div_(std)


class Normalized(EachKeyd):
    """Dict form of :class:`Normalize`."""

    ARRAY = Normalize


def unnormalized(images: torch.Tensor, mean: float | Sequence[float], std: float | Sequence[float]) -> torch.Tensor:
    """Undo :class:`Normalize` of images ``(..., C, H, W)``, in float32, on the CPU."""
    subtracted, divisor = (torch.as_tensor(own, dtype=torch.float32).reshape(-1, 1, 1) for own in (mean, std))
    return torch.as_tensor(images).detach().cpu().float() * divisor + subtracted
