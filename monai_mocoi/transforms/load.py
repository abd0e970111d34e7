"""Reading an image file as the first step of a chain of transforms."""

import os

import torch
from monai.transforms.transform import Transform
from monai.utils.enums import TransformBackends

from monai_mocoi.transforms.dict_forms import EachKeyd
from monai_mocoi.transforms.reader import check_channels, read_image


class ReadImage(Transform):
    """Read a PNG, JPEG, TIFF or DICOM file: path to float32 tensor (C, rows, columns), values 0..1, contiguous.

    The result is a plain tensor: MONAI's ``MetaTensor`` would carry the file's name, which can identify a patient.

    Args:
        channels, frame: as for :func:`~monai_mocoi.transforms.read_image`, which also tells the errors.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> from monai_mocoi.transforms import ReadImage
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.frombytes("L", (2, 1), bytes([0, 255])).save(Path(folder, "two.png"))
        ...     ReadImage(channels=1)(Path(folder, "two.png")).tolist()
        [[[0.0, 1.0]]]
    """

    backend = [TransformBackends.NUMPY]  # noqa: RUF012  (MONAI's own form)

    def __init__(self, channels: int | None = None, frame: int | None = None) -> None:
        check_channels(channels)
        self.channels = channels
        self.frame = frame

    def __call__(self, path: str | os.PathLike[str]) -> torch.Tensor:
        """Read one file."""
        return torch.from_numpy(read_image(path, self.channels, self.frame))


class ReadImaged(EachKeyd):
    """Dict form of :class:`ReadImage`: each key's path is replaced by its picture."""

    ARRAY = ReadImage
