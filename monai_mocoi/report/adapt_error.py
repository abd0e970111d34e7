"""The error of a bundle that is not adapted."""

from __future__ import annotations

from monai_mocoi.exit_codes import USAGE


class AdaptError(ValueError):
    """A bundle, name or data set that no adapted bundle can be made of; nothing was written. The text says why."""

    exit_code = USAGE
