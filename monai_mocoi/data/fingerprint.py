"""Fingerprint of a picture: a digest of its pixels and two small descriptors."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from monai_mocoi.transforms.reader import to_channels

_SIDE = 16
_FLAT = 1e-3
_MARGIN = 1 / 6  # of each side, that the middle leaves out: the rim of a fundus, also where a camera cut it straight

Bytes = NDArray[np.uint8]
Fingerprint = tuple[bytes, NDArray[np.float16]]
"""Digest and descriptors of one picture, see :func:`fingerprint`."""


def fingerprint(image: NDArray[np.float32]) -> Fingerprint:
    """Compute the fingerprint of one picture.

    The digest is the same whatever the file format, for 8 and for 16 bits a value, and for a grey picture stored as
    RGB. The descriptors stay nearly the same when a picture is resized, stretched, saved as JPEG or changed in
    brightness and contrast: it is averaged down to 16 x 16, the local mean (3 x 3) is taken off, because the coarse
    brightness of all chest X-rays is alike, and the result is scaled to length 1. The second one is that of the middle,
    two thirds of each side: all fundus photographs have the same outline.

    Args:
        image: (1 or 3, rows, columns) float32, values 0..1.

    Returns:
        digest (16 bytes) and descriptors (2, 256) float16, of the whole and of the middle.
    """
    if len(image) == 3 and (image[0] == image[1]).all() and (image[0] == image[2]).all():
        image = image[:1]
    values = np.rint(image * np.float32(65535)).astype("<u2")
    digest = hashlib.sha256(repr(values.shape).encode() + values.tobytes()).digest()[:16]

    grey = Image.fromarray(to_channels(image, 1)[0])
    left, top = _MARGIN * grey.width, _MARGIN * grey.height
    middle = (left, top, grey.width - left, grey.height - top)
    return digest, np.stack([_descriptor(grey), _descriptor(grey, middle)])


def _descriptor(grey: Image.Image, box: tuple[float, float, float, float] | None = None) -> NDArray[np.float16]:
    """Describe a picture or a box in it: left, top, right and bottom, in pixels and parts of them."""
    small = np.asarray(grey.resize((_SIDE, _SIDE), Image.Resampling.BOX, box=box), dtype=np.float64)
    padded = np.pad(small, 1, mode="edge")
    detail = small - np.lib.stride_tricks.sliding_window_view(padded, (3, 3)).mean((2, 3))
    detail -= detail.mean()
    length = np.linalg.norm(detail)
    if length < _FLAT * _SIDE:  # a root mean square below a quarter of a grey level of 8 bits is rounding, not content
        return np.zeros(_SIDE**2, np.float16)
    flat: NDArray[np.float16] = (detail / length).ravel().astype(np.float16)
    return flat
