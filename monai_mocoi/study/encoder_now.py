"""The encoder that a study has now, and whether a finished fine-tuning began with it."""

import os
from functools import lru_cache
from pathlib import Path

from monai_mocoi.errors import MocoiError, StudyError
from monai_mocoi.networks import read_weights
from monai_mocoi.networks.weights import weights_sha256


def encoder_sha256(encoder: str | os.PathLike[str]) -> str:
    """The hash by which a classifier's card names the weights in a file. Raises StudyError: they cannot be read."""
    try:
        found = os.stat(encoder)
        return _sha256(os.fspath(encoder), found.st_size, found.st_mtime_ns)
    except (MocoiError, OSError) as error:
        words = error.strerror if isinstance(error, OSError) else error
        raise StudyError(f"the encoder that it begins with cannot be read: {words}") from error


@lru_cache(maxsize=256)
def _sha256(path: str, size: int, written: int) -> str:
    """Of a file as it is now: many steps begin with the same weights."""
    return weights_sha256(read_weights(path).resnet)


def check_began_with(encoder: Path, began: str | None) -> None:
    """Refuse (StudyError) a run that began with weights of the hash ``began``, if those of the file are others."""
    if (now := encoder_sha256(encoder)) != began:
        raise StudyError(
            f"it was trained from another encoder: that had the SHA-256 {began}, and the encoder now has {now}. Remove "
            "the step's run folder, so that it is trained anew"
        )
