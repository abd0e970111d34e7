"""Key of decoded images: a hash of everything on which their pixels depend."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import torch

from monai_mocoi.data.describe import NotDescribableError, describe_settings
from monai_mocoi.data.pixel_versions import decoder_versions
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.file_signature import file_signature

_FORMAT = 4


def decode_key(decode: Any, bits: int, signatures: Sequence[bytes]) -> str:
    """Return the key, in hexadecimal, of files with these signatures decoded in one way to ``bits``.

    Raises DatasetError: the way cannot be described (a lambda, for example), or it is random.
    """
    try:
        steps = describe_settings(decode)
    except NotDescribableError as error:
        raise DatasetError(
            f"decode: {error}, so a cached result could be out of date unnoticed. Use deterministic steps with "
            "plain attributes and move random ones to transform; or use cache=False."
        ) from None
    settings = [_FORMAT, steps, bits, sorted(decoder_versions().items()), torch.__version__]
    return hashlib.sha256(json.dumps(settings).encode() + b"".join(signatures)).hexdigest()


def signature(path: str) -> bytes:
    """Return the signature of a file; zeros for one that is not there, so that the key is another once it is."""
    try:
        return file_signature(path)
    except OSError:
        return bytes(16)
