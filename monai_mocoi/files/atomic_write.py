"""Files that are either whole or not there: written under a temporary name, then renamed.

It imports nothing of ours, so every floor may use it.
"""

import csv
import io
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

LEFTOVERS = ".*.tmp*"
"""Pattern of the temporary names."""


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``, with its suffix; it takes the name ``path`` when the block ends well.

    The folder is made if it is missing. When the block raises, the temporary file is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: str | Path, stem: str = "*") -> None:
    """Remove the temporary files that a killed process left in ``folder``; only where no other one writes.

    ``stem`` is the name without suffix of the file that was to be made; "*" means any.
    """
    for path in Path(folder).glob(f".{stem}.*.tmp*"):
        path.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes | memoryview) -> None:
    """Write ``content`` to ``path`` in one step and down to the disk."""
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(Path(path).parent)


def write_torch(path: str | Path, content: Any) -> None:
    """Write what ``torch.save`` writes, in one step."""
    write_bytes(path, torch_bytes(content))  # torch.save to a file would lose why it could not, such as a full disk


def torch_bytes(content: Any) -> memoryview:
    """What ``torch.save`` writes."""
    import torch

    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getbuffer()


def sync_folder(folder: str | Path) -> None:
    """Bring the names in a folder down to the disk: without it, a power failure can undo a rename.

    Where the system cannot do that (Windows, some network file systems), nothing happens.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: str | Path, content: Any, indent: int | None = 2) -> None:
    """Write ``content`` as UTF-8 JSON in one step; NaN and infinity are refused; ``indent`` None writes one line."""
    text = json.dumps(content, indent=indent, ensure_ascii=False, allow_nan=False)
    write_bytes(path, (text + "\n").encode())


def write_csv(path: str | Path, rows: Iterable[Sequence[Any]], errors: str = "strict") -> None:
    """Write rows, the first of which is the header, as UTF-8 CSV to ``path`` in one step.

    ``errors`` "surrogateescape" lets bytes of a file's name that are no UTF-8 go out as they came.
    """
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    write_bytes(path, text.getvalue().encode(errors=errors))
