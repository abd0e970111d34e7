"""Clock of a file system: its own time, which on a network disk is not this machine's."""

import os
import tempfile
import time
from pathlib import Path


class FileClocks:
    """The time of each file system by which files there are dated, asked once and then counted on.

    It is the time of change of a file that is written there and removed at once. Where none can be written, this
    machine's time has to do.
    """

    def __init__(self) -> None:
        self._ahead: dict[int, float] = {}  # of this machine's steady clock, by the device

    def now(self, folder: str | os.PathLike[str]) -> float:
        """The time in a folder, which is there, in seconds since 1970."""
        device = os.stat(folder).st_dev
        if device not in self._ahead:
            self._ahead[device] = _asked(Path(folder)) - time.monotonic()
        return self._ahead[device] + time.monotonic()


def _asked(folder: Path) -> float:
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".clock.", suffix=".tmp") as file:
            file.write(b"0")
            file.flush()
            os.fsync(file.fileno())  # so that the server, and not this machine, has set the time
            return os.fstat(file.fileno()).st_mtime
    except OSError:
        return time.time()
