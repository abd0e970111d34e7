"""The names of checkpoints, which say what they hold; without torch, so that a plan can read them too."""

from __future__ import annotations

import os
from pathlib import Path


def checkpoint_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The checkpoints in a folder, damaged ones too, the newest first; none where there is no folder."""
    return sorted(Path(folder).glob(f"checkpoint_{'[0-9]' * 9}.pt"), reverse=True)


def iteration_of(path: Path) -> int:
    """The iteration that a checkpoint stands after, by its name."""
    return int(path.stem.removeprefix("checkpoint_"))
