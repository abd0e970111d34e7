"""PNG or JPEG without what is beside the picture, so that a large or broken colour profile cannot stop it.

Pillow unpacks profiles and texts while it opens a file, and refuses the file where one is too large or broken.
"""

import io
import zlib
from typing import BinaryIO

from monai_mocoi.errors import ImageReadError

_PNG_START = b"\x89PNG\r\n\x1a\n"
# The picture, its transparent colours, its orientation, and what tells an animation.
_PNG_KEPT = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf", b"acTL", b"fcTL", b"fdAT")
# Texts in which programs write the orientation: ImageMagick's, and XMP.
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_WITH_ORIENTATION = (b"Raw profile type exif\0", b"XML:com.adobe.xmp\0")
_MAX_TEXT = 2**20
_PNG_GREY = (0, 4)  # colour types of the header (PNG specification 11.2.1), without and with alpha

_JPEG_PROFILE, _JPEG_PHOTOSHOP, _JPEG_SCAN = 0xE2, 0xED, 0xDA
_JPEG_ALONE = (0x01, *range(0xD0, 0xD9))


def bare_png(file: BinaryIO) -> tuple[BinaryIO, int, bool]:
    """Check every chunk of a PNG, and leave out colour profile, texts (except an orientation) and the like.

    Returns also the bits of a sample, and whether it is grey, with alpha or without. ImageReadError: cut short, or a
    check sum is wrong, also of what is left out.
    """
    content = file.read()
    parts = [_PNG_START]
    at, kind = len(_PNG_START), b""
    while kind != b"IEND":
        end = at + 12 + int.from_bytes(content[at : at + 4], "big")
        kind, data = content[at + 4 : at + 8], memoryview(content)[at + 8 : end - 4]
        if len(content) < max(end, at + 12):
            raise ImageReadError(
                "the picture file is damaged, cut short: a PNG without end mark; copy or download it again"
            )
        if zlib.crc32(data, zlib.crc32(kind)) != int.from_bytes(content[end - 4 : end], "big"):
            raise ImageReadError(
                "the picture file is damaged: a check sum of the PNG is wrong; copy or download it again"
            )
        if kind in _PNG_KEPT or (kind in _PNG_TEXTS and _tells_orientation(kind, data)):
            parts.append(content[at:end])
        at = end
    return io.BytesIO(b"".join(parts)), content[24], content[25] in _PNG_GREY


def _tells_orientation(kind: bytes, data: memoryview) -> bool:
    keyword = next((word for word in _WITH_ORIENTATION if data[: len(word)] == word), None)
    if keyword is None or len(data) > _MAX_TEXT:
        return False
    text = data[len(keyword) :]
    if kind == b"zTXt":
        packed = text[1:]  # behind the method
    elif kind == b"iTXt" and bytes(text[:1]) == b"\1":
        packed = memoryview(bytes(text[2:]).split(b"\0", 2)[-1])  # behind flag, method, language and translated keyword
    else:
        return True
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(packed, _MAX_TEXT)
    except zlib.error:
        return False
    return not inflater.unconsumed_tail


def bare_jpeg(file: BinaryIO) -> BinaryIO:
    """Leave colour profile and Photoshop's notes out of a JPEG; broken segments stay, for the decoder to judge."""
    content = file.read()
    parts, at = [content[:2]], 2
    while content[at : at + 1] == b"\xff" and at + 4 <= len(content):
        marker = content[at + 1]
        if marker == _JPEG_SCAN:
            break
        if marker == 0xFF or marker in _JPEG_ALONE:  # a filler, or a marker without a length
            end = at + (1 if marker == 0xFF else 2)
        else:
            end = at + 2 + max(2, int.from_bytes(content[at + 2 : at + 4], "big"))
        profile = marker == _JPEG_PROFILE and content[at + 4 : at + 16] == b"ICC_PROFILE\0"
        if not profile and marker != _JPEG_PHOTOSHOP:
            parts.append(content[at:end])
        at = end
    return io.BytesIO(b"".join([*parts, content[at:]]))
