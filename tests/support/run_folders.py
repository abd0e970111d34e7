"""Run folders made by hand, as old as wanted."""

from __future__ import annotations

import datetime
import json
import os
import time
from pathlib import Path
from typing import Any


def ago(seconds: float) -> str:
    """A time as a manifest has it."""
    return datetime.datetime.fromtimestamp(time.time() - seconds, datetime.UTC).isoformat(timespec="seconds")


def put(folder: Path, **files: Any) -> Path:
    """Write JSON files (a text goes as it is) of more than an hour ago into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        os.utime(path, (time.time() - 5000,) * 2)
    return folder
