"""PNG, JPEG and TIFF through Pillow, each to float32 (C, rows, columns) in 0..1."""

from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.bare_stream import bare_jpeg, bare_png
from monai_mocoi.transforms.image_errors import MAX_PIXELS, check_size, guarded

_SIXTEEN_BIT_MODES = ("I;16", "I;16L", "I;16B", "I;16N", "I")

# TIFF 6.0 tags
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR_CONFIGURATION, _SAMPLE_FORMAT = 258, 262, 284, 339
_WHITE_IS_ZERO, _PLANES_APART, _UNSIGNED_INTEGER = 0, 2, 1


def read_raster(file: BinaryIO) -> np.ndarray:
    """Read a PNG, JPEG or TIFF picture to a contiguous float32 array (1 or 3, rows, columns) in 0..1.

    The scale is the format's, never the picture's own: an 8-bit value v becomes v / 255, a 16-bit one v / 65535 (12-bit
    TIFF: v / 4095). A grey picture has one channel, every other one three (palette, CMYK and YCbCr are turned to RGB),
    whether or not the three are equal. What an alpha channel or a transparent colour makes see-through is put before
    black. The EXIF (or TIFF) orientation is applied. Colour profiles, gamma and texts are not read. Of a 16-bit
    *colour* TIFF, and of a 16-bit PNG of grey with alpha, Pillow keeps the upper 8 bits: off by less than 1/255.

    The file is opened in binary mode, at its start, and left open. ImageReadError: damaged or cut short; larger than
    ``MAX_PIXELS``; several pages or frames; signed, 32-bit or floating-point values, which have no agreed black and
    white.
    """
    with guarded("the picture file is damaged, cut short, or a variant that Pillow cannot decode"):
        start = file.read(2)
        file.seek(0)
        depth, grey = 8, False
        if start == b"\x89P":
            file, depth, grey = bare_png(file)
        elif start == b"\xff\xd8":
            file = bare_jpeg(file)
        try:
            picture = Image.open(file, formats=("PNG", "JPEG", "TIFF"))
        except Image.DecompressionBombError:
            raise ImageReadError(
                f"the picture has more pixels than the limit, {MAX_PIXELS}. Cut it into tiles or make it smaller first"
            ) from None
        check_size(picture.height, picture.width)
        # A camera's MPO is a JPEG with previews behind the picture: its first frame is the picture.
        frames = 1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
        if frames != 1:
            raise ImageReadError(f"the file holds {frames} pages or frames; save the wanted one as a file of its own")
        _check_number_format(picture)
        _check_strips(picture)

        lower = _lower_bytes(picture, file)
        for image in (picture, lower):
            if image is not None:
                ImageOps.exif_transpose(image, in_place=True)
        levels, opaque = _levels(picture, depth, lower)
        if grey:  # Pillow makes colours of 16 bits with alpha
            levels = levels[..., :1]
        if opaque is not None:
            levels = levels * opaque
        return np.ascontiguousarray(levels.transpose(2, 0, 1))


def _lower_bytes(picture: ImageFile.ImageFile, file: BinaryIO) -> Image.Image | None:
    """The lower bytes of a 16-bit colour PNG, whose upper ones Pillow gives: the same data in the other order."""
    turned = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
    if picture.format != "PNG" or any(str(tile.args) not in turned for tile in picture.tile):
        return None
    lower = Image.open(file, formats=("PNG",))
    lower.tile = [tile._replace(args=turned[str(tile.args)]) for tile in lower.tile]
    return lower


def _check_number_format(picture: Image.Image) -> None:
    kind = _tiff_tag(picture, _SAMPLE_FORMAT, _UNSIGNED_INTEGER)
    bits = _tiff_tag(picture, _BITS_PER_SAMPLE, 8)
    if picture.mode == "F" or kind != _UNSIGNED_INTEGER or bits > 16:
        what = "floating-point" if picture.mode == "F" else f"{bits}-bit" if bits > 16 else "signed"
        raise ImageReadError(
            f"the TIFF holds {what} values, whose black and white are not defined; save it as unsigned 8 or 16 bit"
        )


def _check_strips(picture: ImageFile.ImageFile) -> None:
    """Refuse a TIFF whose strips or tiles do not fill it: Pillow would leave the rest black and say nothing."""
    if picture.format != "TIFF" or any(tile[0] == "libtiff" for tile in picture.tile):
        return  # libtiff looks itself
    planes = len(picture.getbands()) if _tiff_tag(picture, _PLANAR_CONFIGURATION, 1) == _PLANES_APART else 1
    extents = [tile[1] or (0, 0, 0, 0) for tile in picture.tile]
    filled = sum((right - left) * (lower - upper) for left, upper, right, lower in extents)
    if filled < planes * picture.width * picture.height:
        raise ImageReadError(
            "the TIFF is damaged: its strips or tiles do not fill the picture; copy or export it again"
        )


def _levels(picture: Image.Image, depth: int, lower: Image.Image | None = None) -> tuple[np.ndarray, np.ndarray | None]:
    """Values (rows, columns, 1 or 3) and, where something is transparent, opacity (rows, columns, 1); float32, 0..1.

    ``depth``: bits of a sample in a PNG, in which its transparent colour is told. ``lower``: the lower bytes.
    """
    if picture.mode in _SIXTEEN_BIT_MODES:
        bits = _tiff_tag(picture, _BITS_PER_SAMPLE, 16)
        values = np.asarray(picture)[..., np.newaxis]
        opaque = _is_not(values, picture, depth, 1)
        # Pillow turns WhiteIsZero round for up to 8 bits, but not for 16.
        if _tiff_tag(picture, _PHOTOMETRIC, 1) == _WHITE_IS_ZERO:
            values = (2**bits - 1) - values.astype(np.int32)
        return values.astype(np.float32) / np.float32(2**bits - 1), opaque

    if lower is not None:
        values = np.asarray(picture) * np.uint16(256) + np.asarray(lower)
        levels = values.astype(np.float32) / np.float32(65535)
        if picture.mode == "RGBA":
            return levels[..., :-1], levels[..., -1:]
        return levels, _is_not(values, picture, depth, 1)
    if picture.mode in ("1", "L", "RGB"):
        # Pillow has brought 1, 2 and 4 bits to 8.
        values = _bytes(picture.convert("L") if picture.mode == "1" else picture)
        return _over_255(values), _is_not(values, picture, depth, 255 // (2 ** min(depth, 8) - 1))
    grey = picture.mode in ("LA", "La")
    if picture.has_transparency_data:
        levels = _over_255(_bytes(picture.convert("LA" if grey else "RGBA")))
        return levels[..., :-1], levels[..., -1:]
    return _over_255(_bytes(picture.convert("L" if grey else "RGB"))), None


def _is_not(values: np.ndarray, picture: Image.Image, depth: int, step: int) -> np.ndarray | None:
    """Where the pixels (rows, columns, samples) are not the transparent colour, ``step`` times what the file names."""
    colour = picture.info.get("transparency")
    if colour is None:
        return None
    # Only the sample's own bits count (PNG specification 11.3.1.1, tRNS).
    colour = np.atleast_1d(colour) % 2**depth * step
    return np.asarray((values != colour).any(axis=-1, keepdims=True), np.float32)


def _bytes(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture).reshape(picture.height, picture.width, -1)


def _over_255(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) / np.float32(255)


def _tiff_tag(picture: Image.Image, tag: int, default: int) -> int:
    tags = getattr(picture, "tag_v2", None)
    value = default if tags is None else tags.get(tag, default)
    return int(value[0] if isinstance(value, tuple) else value)
