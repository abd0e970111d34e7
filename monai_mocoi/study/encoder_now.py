"""Whether a finished fine-tuning began with the encoder that the study has now."""

from pathlib import Path

from monai_mocoi.errors import MocoiError, StudyError
from monai_mocoi.networks import read_weights
from monai_mocoi.networks.weights import weights_sha256


def check_began_with(encoder: Path, began: str | None) -> None:
    """Refuse (StudyError) a run that began with weights of the hash ``began``, if those of the file are others."""
    try:
        now = weights_sha256(read_weights(encoder).resnet)
    except MocoiError as error:
        raise StudyError(f"the encoder that it begins with cannot be read: {error}") from error
    if now != began:
        raise StudyError(
            f"it was trained from another encoder: that had the SHA-256 {began}, and the encoder now has {now}. Remove "
            "the step's run folder, so that it is trained anew"
        )
