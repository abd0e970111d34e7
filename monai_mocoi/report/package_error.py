"""The error of a package that is not made."""

from __future__ import annotations

from monai_mocoi.exit_codes import USAGE


class PackageError(ValueError):
    """A bundle, run or file that cannot become a package; nothing was written. The text says why and what to do."""

    exit_code = USAGE
