"""The real commands, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.bundles.conftest import SMALL

SHORT = ["--image_size", "32", "--batch_size", "8", "--max_epochs", "1", "--num_workers", "0", "--queue_size", "16"]


def command(*args: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [sys.executable, "-m", *map(str, args)], cwd=cwd, env=env, capture_output=True, text=True, check=False
    )


def small_network(folder: Path) -> Path:
    """An overlay that puts a small network in the place of the ResNet-50, where it is the command that is tried."""
    names = ("network_def#encoder#backbone",)
    file = folder / "small_network.json"
    file.write_text(json.dumps({name: SMALL[name] for name in names}))
    return file
