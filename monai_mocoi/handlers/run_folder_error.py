"""The error of a run folder that is refused; in a file of its own, for two modules raise it."""

from __future__ import annotations

from monai_mocoi.exit_codes import USAGE


class RunFolderError(ValueError):
    """The run folder cannot be used; the text says why and what to do."""

    exit_code = USAGE
