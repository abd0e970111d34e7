"""Key of decoded images: a hash of everything on which their pixels depend."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import torch

from monai_mocoi.data.pixel_versions import decoder_versions
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.file_signature import file_signature

_FORMAT = 3


def decode_key(decode: Any, bits: int, signatures: Sequence[bytes]) -> str:
    """Return the key, in hexadecimal, of files with these signatures decoded in one way to ``bits``."""
    settings = [_FORMAT, describe_decode(decode), bits, sorted(decoder_versions().items()), torch.__version__]
    return hashlib.sha256(json.dumps(settings).encode() + b"".join(signatures)).hexdigest()


def signature(path: str) -> bytes:
    """Return the signature of a file; zeros for one that is not there, so that the key is another once it is."""
    try:
        return file_signature(path)
    except OSError:
        return bytes(16)


def describe_decode(decode: Any) -> str:
    """Write down what a decoding function does: the same for the same settings, in any process.

    Args:
        decode: an object with its settings as plain attributes (as this package's and MONAI's transforms have them) or
            with a telling ``repr`` (a dataclass, for example), or a composition of such objects in ``transforms``.

    Raises:
        DatasetError: the object cannot be described (a lambda, for example), or it is random.
    """
    kind = f"{type(decode).__module__}.{type(decode).__qualname__}"
    if hasattr(decode, "transforms"):
        return " > ".join(describe_decode(transform) for transform in decode.transforms)
    if hasattr(decode, "set_random_state"):
        raise DatasetError(f"{kind} is random, so its result cannot be cached; move it from decode to transform.")
    if type(decode).__repr__ is not object.__repr__:
        text = f"{kind} {decode!r}"
    else:
        text = f"{kind} {sorted(vars(decode).items())}"
    if " at 0x" in text:  # an address: something in it has no settings to show
        raise DatasetError(
            f"decode: {kind} does not show all its settings, so a cached result could be out of date unnoticed. Use a "
            "class with plain attributes or a telling __repr__, or cache=False."
        )
    return text
