"""The error of a command that is refused before anything is done."""

from __future__ import annotations

from monai_mocoi.exit_codes import USAGE


class UsageError(ValueError):
    """A config file, a setting or its value is refused; the text is one line that says why and what to write."""

    exit_code = USAGE
