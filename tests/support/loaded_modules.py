"""The command in a process of its own, and which heavy modules it has loaded in the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "monai", "ignite", "numpy")


def loaded_by(
    *words: object, cwd: Path | None = None, modules: tuple[str, ...] = HEAVY
) -> subprocess.CompletedProcess[str]:
    code = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print('LOADED', sorted({set(modules)} & set(sys.modules))))\n"
        f"sys.argv = ['mocoi', *{[str(word) for word in words]!r}]\n"
        "from monai_mocoi.cli.app import main\n"
        "main()\n"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
