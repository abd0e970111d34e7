"""Pictures of 0..255, from a file or from an array that somebody else read, to 0..1: the first steps of inference.

MONAI's tools that bring their own array (MONAI Deploy) leave out every step whose class is named ``LoadImage...``, and
hand on what they read, 0..255. So the reader gives 0..255 as well, and the scaling is a step of its own.
"""

import os
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config.type_definitions import KeysCollection
from monai.data.meta_tensor import MetaTensor
from monai.transforms.transform import MapTransform, Transform
from monai.utils.enums import TransformBackends
from numpy.typing import NDArray

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.array_picture import HAND_IN, as_array, channels_first, is_255_times, to_255
from monai_mocoi.transforms.image_errors import check_not_constant
from monai_mocoi.transforms.reader import check_channels, read_image, to_channels

_FROM_FILE = "_from_file"
_AXES_OF_A_SCAN = ("spatial_shape", "spacing", "original_affine")


class LoadImageFile(Transform):
    """Read a PNG, JPEG, TIFF or DICOM file: path to float32 tensor (C, rows, columns), values 0..255.

    The values are those of :class:`~monai_mocoi.transforms.ReadImage`, which has the same ``channels``, times 255.
    :class:`ScaleFrom8Bit` gives the values of ``ReadImage`` back, exactly for pictures stored in 8 or 16 bits, else to
    the last digit of float32.
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, channels: int | None = None) -> None:
        check_channels(channels)
        self.channels = channels

    def __call__(self, path: str | os.PathLike[str]) -> torch.Tensor:
        """Read one file; errors as of :func:`~monai_mocoi.transforms.read_image`."""
        return torch.from_numpy(to_255(read_image(path, self.channels)))


class LoadImageFiled(MapTransform):
    """Dict form of :class:`LoadImageFile`; what is no path but an array already is left for the next step.

    ``<key>_from_file`` is the picture of ``ReadImage``, values 0..1, until :class:`ScaleFrom8Bitd` takes it out again.
    """

    backend = LoadImageFile.backend

    def __init__(self, keys: KeysCollection, channels: int | None = None, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.channels = LoadImageFile(channels).channels

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Read the file of each key."""
        d = dict(data)
        for key in self.key_iterator(d):
            if isinstance(d[key], str | os.PathLike):
                picture = read_image(d[key], self.channels)
                d[key] = torch.from_numpy(to_255(picture))
                d[f"{key}{_FROM_FILE}"] = picture
        return d


class ScaleFrom8Bit(Transform):
    """Scale values 0..255 to 0..1, and bring the picture to 1 or 3 channels as the reader does.

    Args:
        channels: 1: grey, by the luma of ITU-R BT.601, of which three equal channels give exactly their value; 3:
            colour, grey repeated; ``None``: as given.
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, channels: int | None = None) -> None:
        check_channels(channels)
        self.channels = channels

    def __call__(self, img: NDArray[Any] | torch.Tensor, from_file: bool = False) -> torch.Tensor:
        """Scale one picture to float32 (channels, rows, columns), values 0..1, on the CPU.

        ``img``: uint8 or floating point, values 0..255: (rows, columns), (channels, rows, columns) or (rows, columns,
        channels), of 1 or 3 channels; red, green, blue. ``from_file``: it is what :class:`LoadImageFile` gave, however
        dark. ImageReadError: another type, shape or range, all values equal, none above 1 (as if scaled already), or
        the axes of a scan, as MONAI's readers give it.
        """
        if isinstance(img, MetaTensor) and any(name in img.meta for name in _AXES_OF_A_SCAN):
            raise ImageReadError(
                "the array has the metadata of MONAI's readers (spatial_shape or spacing): its axes are columns x rows "
                f"then, and values of DICOM not what a screen shows. {HAND_IN}, without metadata"
            )
        values = as_array(img)
        if values.dtype != np.uint8 and not np.issubdtype(values.dtype, np.floating):
            raise ImageReadError(f"the array holds {values.dtype}, but must hold uint8 or floating point. {HAND_IN}")
        values = channels_first(values)
        check_not_constant(values)
        low, high = float(values.min()), float(values.max())
        if not (low >= 0 and high <= 255):  # NaN too
            raise ImageReadError(
                f"the array has values from {low:.6g} to {high:.6g}, but an 8-bit picture has 0..255 (raw values of "
                f"DICOM, say, are none: what a screen shows depends on its window). {HAND_IN}"
            )
        if values.dtype != np.uint8 and 0 < high <= 1 and not from_file:
            raise ImageReadError(
                f"the array has values up to {high:.6g} only, as if it were scaled to 0..1 already; this step does "
                f"that. {HAND_IN}"
            )
        scaled = (values.astype(np.float64) / 255).astype(np.float32)
        return torch.from_numpy(np.ascontiguousarray(to_channels(scaled, self.channels)))


class ScaleFrom8Bitd(MapTransform):
    """Dict form of :class:`ScaleFrom8Bit`; what :class:`LoadImageFiled` read becomes the tensor of ``ReadImage``."""

    backend = ScaleFrom8Bit.backend

    def __init__(self, keys: KeysCollection, channels: int | None = None, allow_missing_keys: bool = False) -> None:
        super().__init__(keys, allow_missing_keys)
        self.scale = ScaleFrom8Bit(channels)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """Scale the picture of each key."""
        d = dict(data)
        for key in self.key_iterator(d):
            picture = d.pop(f"{key}{_FROM_FILE}", None)
            if picture is not None and is_255_times(as_array(d[key]), picture):
                d[key] = torch.from_numpy(to_channels(picture, self.scale.channels))
            else:
                d[key] = self.scale(d[key], from_file=picture is not None)
        return d
