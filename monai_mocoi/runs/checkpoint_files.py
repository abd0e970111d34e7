"""Checkpoint files: whole or not there, checked by a digest, the newest few kept.

``checkpoint_000000120.pt`` holds the state after iteration 120 (tensors and plain values only), and
``checkpoint_000000120.pt.sha256`` beside it its digest in the form of ``sha256sum``.
"""

import errno
import hashlib
import io
import logging
import os
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from monai_mocoi.errors import CheckpointError, DiskFullError
from monai_mocoi.files.atomic_write import remove_leftovers, write_bytes

logger = logging.getLogger(__name__)

FORMAT = 2


def checkpoint_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The checkpoints in a folder, damaged ones too, the newest first; none where there is no folder."""
    return sorted(Path(folder).glob(f"checkpoint_{'[0-9]' * 9}.pt"), reverse=True)


def iteration_of(path: Path) -> int:
    """The iteration after which a checkpoint was written, by its name."""
    return int(path.stem.removeprefix("checkpoint_"))


def remove_checkpoint(path: Path) -> None:
    """Remove a checkpoint, if it is there, and its digest."""
    path.unlink(missing_ok=True)
    _digest_file(path).unlink(missing_ok=True)


def write_checkpoint(folder: str | os.PathLike[str], iteration: int, state: Mapping[str, Any], keep: int) -> Path:
    """Write the state, tensors and plain values, after an iteration down to the disk; the newest ``keep`` stay.

    DiskFullError: there is no room, or quota; the checkpoints before it are untouched.
    """
    folder = Path(folder)
    path = folder / f"checkpoint_{iteration:09d}.pt"
    buffer = io.BytesIO()
    torch.save({"format": FORMAT, **state}, buffer)
    content = buffer.getbuffer()
    try:
        # The digest first: a checkpoint counts once it has its name, and then its digest must be there.
        write_bytes(_digest_file(path), f"{hashlib.sha256(content).hexdigest()}  {path.name}\n".encode())
        write_bytes(path, content)
    except OSError as error:
        if not path.exists():
            remove_checkpoint(path)
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise _no_room(error.errno, folder, len(content), "A checkpoint") from error
    for old in [other for other in checkpoint_files(folder) if iteration_of(other) <= iteration][keep:]:
        remove_checkpoint(old)
    return path


def check_room(folder: str | os.PathLike[str], size: int, keep: int) -> None:
    """Refuse (DiskFullError) a folder without room for ``keep`` checkpoints of ``size`` bytes and one being written."""
    folder = Path(folder).absolute()
    needed = max(1, keep + 1 - len(checkpoint_files(folder))) * size
    parent = next(p for p in (folder, *folder.parents) if p.is_dir())
    if shutil.disk_usage(parent).free < needed:
        raise _no_room(errno.ENOSPC, parent, needed, "The run's checkpoints")


def newest_checkpoint(folder: str | Path) -> Path | None:
    """The newest checkpoint whose digest is right; None: there are none. CheckpointError: every one is damaged.

    Damaged newer ones are named in a warning and renamed.
    """
    remove_leftovers(folder)
    for digest in Path(folder).glob("checkpoint_*.pt.sha256"):
        if not digest.with_suffix("").exists():  # its writer was killed in between
            digest.unlink()
    files = checkpoint_files(folder)
    for path in files:
        reason = _damage(path)
        if reason is None:
            for newer in files[: files.index(path)]:  # so that it takes no place of those to come
                newer.rename(newer.with_name(newer.name + ".damaged"))
                _digest_file(newer).unlink(missing_ok=True)
            return path
        logger.warning("%s is damaged (%s): the checkpoint before it is tried.", path.name, reason)
    if not files:
        return None
    raise CheckpointError(
        f"every checkpoint of the run is damaged ({', '.join(path.name for path in files)}): the run cannot be "
        "continued. Bring back a copy of one, or set overwrite to true to start anew."
    )


def read_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a checkpoint into the main memory; CheckpointError: it is damaged, or holds more than plain values."""
    path = Path(path)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{path.name} cannot be read ({type(error).__name__}).") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(
            f"{path.name} is no checkpoint of format {FORMAT}: it was written by another version of monai_mocoi. "
            "Continue the run with that version, or set overwrite to true to start anew."
        )
    return state


def _damage(path: Path) -> str | None:
    try:
        expected = _digest_file(path).read_text(encoding="ascii").split()[0]
    except (OSError, ValueError, IndexError):
        return "its .sha256 is missing or unreadable"
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return None if digest.hexdigest() == expected else "its content is not what was written"


def _digest_file(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _no_room(number: int, folder: Path, needed: int, what: str) -> DiskFullError:
    free = f"{shutil.disk_usage(folder).free / 2**20:.1f} MiB are free"
    reason = "your quota on its disk is used up" if number == errno.EDQUOT else free
    return DiskFullError(
        number,
        f"{what} of {needed / 2**20:.1f} MiB cannot be written: {reason}. Earlier checkpoints are intact: make room, "
        "then continue with resume true (or set keep_checkpoints lower, or start with an output_dir on another disk).",
    )
