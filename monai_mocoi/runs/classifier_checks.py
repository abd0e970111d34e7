"""Checks of a classifier before it is used: whether it is of the demo, and whether it can be recalibrated."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from monai_mocoi.analysis import why_not_fitted
from monai_mocoi.distributed import rank
from monai_mocoi.errors import SettingsError
from monai_mocoi.runs.setting_ranges import as_flag

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


def check_recalibration(record: Mapping[str, Any] | None, recalibrate: bool | str) -> None:
    """Say what recalibration will do, or refuse it.

    Args:
        record: ``recalibration`` of a classifier's sidecar, of :func:`~monai_mocoi.analysis.fit_recalibration`.
        recalibrate: whether it is asked for; the texts "true" and "false" are accepted.

    Raises:
        SettingsError: it is asked for, and there is nothing to recalibrate by; says why.
    """
    if not as_flag("recalibrate", recalibrate):
        return
    if (reason := why_not_fitted(record)) is not None:
        raise SettingsError(
            f"recalibrate is true, but this classifier's probabilities cannot be recalibrated. {reason} Leave "
            "recalibrate out, or fine-tune with more validation images."
        )
    if rank() > 0 or record is None:
        return
    how = f"{record['method']}, fitted on {record['images']} validation images of {record['patients']} patients"
    logger.info("Probabilities are recalibrated (%s); decisions stay as they are.", how)
    for name, line in record.get("classes", {}).items():
        if "reason" in line:
            logger.warning("The probability of %s stays as it is: %s", name, line["reason"])
