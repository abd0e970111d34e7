"""Home folder of the user, and ``~`` in a path: a system may know none, as for a container's user without an entry."""

import os
from pathlib import Path

from monai_mocoi.errors import HomeFolderError


def home_folder() -> Path | None:
    """Return the user's home folder; None where it is not known: HOME is not set, and the user has no entry."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def expand_home(path: str | os.PathLike[str]) -> Path:
    """Return a path with the home folder in the place of a leading ``~`` or ``~user``.

    Raises HomeFolderError: there is no such user, or no home folder is known.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        user = Path(path).parts[0]
        raise HomeFolderError(
            f"a path begins with {user!r}, and the home folder that it means is not known on this machine. Write the "
            "path in full" + (", or set HOME." if user == "~" else ".")  # the rest could name a patient
        ) from None
