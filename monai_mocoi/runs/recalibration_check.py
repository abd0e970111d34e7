"""Whether probabilities can be recalibrated as asked: before any work."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from monai_mocoi.analysis import why_not_fitted
from monai_mocoi.errors import SettingsError
from monai_mocoi.runs.setting_ranges import as_flag

logger = logging.getLogger(__name__)


def refuse_without_recalibration(record: Mapping[str, Any] | None) -> None:
    """Refuse to recalibrate by a record that mends nothing.

    Raises:
        SettingsError: tells why it does not.
    """
    if (reason := why_not_fitted(record)) is not None:
        raise SettingsError(
            f"recalibrate is true, but this classifier's probabilities cannot be recalibrated. {reason} Leave "
            "--recalibrate out, or fine-tune with more validation images."
        )


def check_recalibration(record: Mapping[str, Any] | None, recalibrate: bool | str) -> None:
    """Say what recalibration will do, or refuse it.

    Args:
        record: ``recalibration`` of a classifier's sidecar, of :func:`~monai_mocoi.analysis.fit_recalibration`.
        recalibrate: whether it is asked for; the texts "true" and "false" will do.

    Raises:
        SettingsError: it is asked for, and there is nothing to recalibrate by.
    """
    if not as_flag("recalibrate", recalibrate):
        return
    refuse_without_recalibration(record)
    from monai_mocoi.distributed import rank

    if rank() > 0 or record is None:
        return
    logger.info(
        "Probabilities are recalibrated (%s, fitted on %d validation images of %d patients); decisions stay as they "
        "are.", record["method"], record["images"], record["patients"],
    )  # fmt: skip
    for name, line in record.get("classes", {}).items():
        if "reason" in line:
            logger.warning("The probability of %s stays as it is: %s", name, line["reason"])
