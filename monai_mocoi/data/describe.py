"""Writing down what a preprocessing does, so that a stored result is found again only while it is the same."""

import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from monai.transforms import Compose

from monai_mocoi.data.own_code import own_code
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.file_signature import decoder_versions, file_signature

_FORMAT = 4  # of decoded images


class NotDescribableError(ValueError):
    """Something has no settings to show, or is random."""


def describe_settings(value: Any) -> str:
    """Describe an object by its class and all of its attributes, theirs too, and so on.

    It may be made of numbers, texts, lists, dicts, arrays and tensors (told by a digest of their content), dtypes,
    classes, named functions and such objects. Of functions and classes that are of no versioned library their code is
    told by a digest too; what that calls is not. The same settings give the same text in any process. Raises
    NotDescribableError: part of it is random, shows no settings, or is a function without a name of its own.
    """
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, enum.Enum)):
        return repr(value)
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().float().numpy() if value.dtype == torch.bfloat16 else value.detach().cpu().numpy()
    if isinstance(value, (np.ndarray, np.generic)):
        content = np.ascontiguousarray(value)
        return f"{content.dtype} {content.shape} {hashlib.sha256(content.tobytes()).hexdigest()}"
    if isinstance(value, (torch.dtype, torch.device, torch.memory_format, np.dtype, range, slice)):
        return repr(value)
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(sorted(f"{describe_settings(k)}: {describe_settings(v)}" for k, v in value.items())) + "}"
        )
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(describe_settings, value)) + "]"
    if isinstance(value, (set, frozenset)):
        return "{" + ", ".join(sorted(map(describe_settings, value))) + "}"
    name = f"{type(value).__module__}.{type(value).__qualname__}"
    if type(value) is Compose:  # its random state acts through its random parts alone
        return f"{name} {describe_settings(value.transforms)}"
    if hasattr(value, "set_random_state") or isinstance(value, (np.random.RandomState, np.random.Generator)):
        raise NotDescribableError(f"{name} is random")
    own = getattr(value, "__qualname__", None)
    if own is not None:  # a class or a function
        if "<" in own or getattr(value, "__closure__", None):
            raise NotDescribableError(f"{value.__module__}.{own} does not show what it does")
        return f"{value.__module__}.{own}{own_code(value)}"
    name += own_code(type(value))
    attributes = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in [slots] if isinstance(slots, str) else slots:
            if slot not in ("__dict__", "__weakref__") and hasattr(value, slot):
                attributes[slot] = getattr(value, slot)
    if attributes or (hasattr(value, "__dict__") and type(value).__repr__ is object.__repr__):
        return f"{name} {describe_settings(attributes)}"
    if " at 0x" in repr(value):  # an address: nothing else is shown
        raise NotDescribableError(f"{name} does not show its settings")
    return f"{name} {value!r}"


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
