"""A command of ``mocoi`` as it can be pasted into the shell of this process. Imports nothing of ours."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def command(*words: object) -> str:
    """A command of ``mocoi``, quoted for a shell: what follows ``mocoi``, each a word."""
    return shlex.join([*_mocoi(), *map(str, words)])


def _mocoi() -> list[str]:
    """The words that start ``mocoi`` in this environment: short where the shell finds them."""
    beside = Path(sys.executable).parent
    if (found := shutil.which("mocoi")) and Path(found).parent == beside:
        return ["mocoi"]
    return [python_word(), "-m", "monai_mocoi"]


def python_word() -> str:
    """The word that starts this Python from the current folder."""
    if (found := shutil.which("python")) and Path(found).parent == Path(sys.executable).parent:
        return "python"
    relative = os.path.relpath(sys.executable)
    if relative.startswith(os.pardir):
        return sys.executable
    return relative if os.sep in relative else os.path.join(os.curdir, relative)
