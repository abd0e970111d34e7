"""Heartbeat: a file that a living process touches, so that another machine can tell it from a dead one.

A process id says nothing on a disk that several machines share, and locks do not always work there.
"""

import contextlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from monai_mocoi.files.atomic_write import write_json
from monai_mocoi.files.file_clock import FileClocks

INTERVAL = 20.0
"""Seconds between two touches."""
SILENCE = 120.0
"""Seconds without a touch after which a process counts as dead: a network disk may show a touch a minute late."""


class Heartbeat:
    """Touch a file until it is stopped, and then remove it; what it holds is the newest that was told.

    A thread of its own touches it, because a validation or a closed form may take longer than the silence that counts
    as death. A killed process leaves it behind, and it is touched no more.
    """

    def __init__(self, path: str | os.PathLike[str], interval: float = INTERVAL) -> None:
        self.path, self.interval = Path(path), interval
        self._told = 0.0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, **content: Any) -> None:
        """Write the file, with plain values, and begin."""
        self._ended.clear()
        self._write(content)
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        self._thread.start()

    def is_due(self) -> bool:
        """Whether it beats, and was told nothing for an interval."""
        return self._thread is not None and time.monotonic() - self._told >= self.interval

    def tell(self, **content: Any) -> None:
        """Replace what the file holds."""
        self._write(content)

    def stop(self) -> None:
        """End it, and remove the file; nothing where it was not begun."""
        if self._thread is not None:
            self._ended.set()
            self._thread.join()
            self._thread = None
            with contextlib.suppress(OSError):
                self.path.unlink()

    def _write(self, content: dict[str, Any]) -> None:
        self._told = time.monotonic()
        with contextlib.suppress(OSError):  # a full disk, say, which has no say in the process's work
            write_json(self.path, {"format": 1, **content}, indent=None)

    def _beat(self) -> None:
        while not self._ended.wait(self.interval):
            with contextlib.suppress(OSError):
                os.utime(self.path)  # without a time: a server then takes its own


def last_beat(path: str | os.PathLike[str]) -> tuple[float, dict[str, Any]] | None:
    """When a heartbeat was last touched, by the clock of its file system, and what it holds; None: there is none."""
    try:
        with open(path, encoding="utf-8") as file:  # opened first: a network disk then asks its server
            seconds, text = os.fstat(file.fileno()).st_mtime, file.read()
    except (OSError, ValueError):
        return None
    try:
        content = json.loads(text)
    except ValueError:
        content = {}
    return seconds, content if isinstance(content, dict) else {}


def is_beating(path: str | os.PathLike[str], clocks: FileClocks) -> bool:
    """Whether the heartbeat is there and not silent."""
    beat = last_beat(path)
    return beat is not None and clocks.now(Path(path).parent) - beat[0] < SILENCE
