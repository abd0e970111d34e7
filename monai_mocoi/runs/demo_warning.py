"""A loud line when a classifier of the demo is about to look at somebody's images."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

logger = logging.getLogger(__name__)


def warn_of_demo_classifier(classifier: Mapping[str, Any], images: Any) -> None:
    """Warn if a classifier that was trained on generated phantoms is given images.

    Args:
        classifier: its sidecar; ``settings.demo`` says what it was trained on.
        images: as the user gave them; None: the data set's own.
    """
    if images is not None and (classifier.get("settings") or {}).get("demo") is True:
        logger.warning(
            "THIS CLASSIFIER WAS TRAINED ON GENERATED PHANTOMS (dataset_dir 'demo'): what it says about other images "
            "means nothing. Take one that was trained on medical images."
        )
