"""``classifier.pt`` and its sidecar, read back: by evaluation, inference, and whoever looks into a run folder."""

from __future__ import annotations

import json
import logging
import os
from typing import Any

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.classifier import Classifier
from monai_mocoi.networks.classifier_place import classifier_path
from monai_mocoi.networks.stage_choice import stage_in_words
from monai_mocoi.networks.weight_files import load_checked, sidecar_path

_OF_IMAGES = ("image_size", "decode_size", "decode_fit", "channels", "mean", "std")
_NEEDED = ("kind", "labels", "stage", "thresholds", *_OF_IMAGES)

logger = logging.getLogger(__name__)


def read_classifier_sidecar(place: str | os.PathLike[str]) -> dict[str, Any]:
    """What one must know to use a classifier: classes, thresholds, and how images are prepared.

    Args:
        place: a run folder with a ``classifier.pt``, or such a file; the sidecar has its name with ``.json``.

    Returns:
        ``kind``, ``labels``, ``stage``, ``thresholds``, ``image_size``, ``decode_size``, ``decode_fit``, ``channels``,
        ``mean``, ``std``, ``intensity``, ``cache_bits`` (8 or 16) and more, as
        :class:`~monai_mocoi.handlers.ClassifierSaver` wrote it.

    Raises:
        WeightsError: there is none, or it cannot be read.
    """
    path = sidecar_path(classifier_path(place))
    try:
        sidecar = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in _NEEDED if name not in sidecar]
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(
            f"{path.name} beside the classifier cannot be read ({type(error).__name__}): without it nobody knows how "
            "images are prepared. Bring back the original, or train again."
        ) from error
    if missing:
        raise WeightsError(f"{path.name} beside the classifier lacks {', '.join(missing)}: it is no classifier's.")
    # Classifiers of before these settings: nothing was rescaled, and the bits stood among the settings, as a number.
    before = {"intensity": "declared", "cache_bits": (sidecar.get("settings") or {}).get("cache_bits", 8)}
    return {**before, **sidecar}


def load_classifier(network: Classifier, place: str | os.PathLike[str]) -> Classifier:
    """Load the weights of a classifier, all of them.

    Args:
        network: of the same stage and number of classes; changed in place.
        place: as for :func:`read_classifier_sidecar`.

    Returns:
        the network.

    Raises:
        WeightsError: the file is damaged, or does not fit the network; that is unchanged then.
    """
    path = classifier_path(place)
    sidecar = read_classifier_sidecar(path)
    try:
        state = load_checked(path)
        own = network.state_dict()
        wrong = [n for n in {**own, **state} if n not in own or n not in state or own[n].shape != state[n].shape]
    except Exception as error:
        raise WeightsError(
            f"{path.name} could not be read as weights ({type(error).__name__}): it is damaged. Train again, or bring "
            "back the original."
        ) from error
    if wrong:
        raise WeightsError(
            f"{path.name} does not fit this network: {len(wrong)} of its tensors are missing, unknown or of another "
            f"shape, first {wrong[0]}. Use the bundle that the classifier was trained with."
        )
    network.load_state_dict(state)
    selected = sidecar.get("selected", {})
    which = f"epoch {selected['epoch']}" if "epoch" in selected else f"penalty {selected.get('penalty')}"
    stage = stage_in_words(network.stage)
    logger.info("Classifier: %s (%s, %s, %d labels)", path, which, stage, len(sidecar["labels"]))
    return network
