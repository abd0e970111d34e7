"""The command in a process of its own, and which heavy modules it has loaded in the end."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def loaded_by(*words: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print('LOADED', sorted({'torch', 'monai', 'ignite', 'numpy'} & set(sys.modules))))\n"
        f"sys.argv = ['mocoi', *{[str(word) for word in words]!r}]\n"
        "from monai_mocoi.cli.app import main\n"
        "main()\n"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
