"""List the files of an export, each once, and what cannot be read: links, pipes, closed folders."""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field

from monai_mocoi.errors import RefusedError
from monai_mocoi.files.home_folder import expand_home

LINK_OUT = "a symbolic link that leads out of --images"
LINK_WITHIN = "a symbolic link to what is in --images itself"
LINK_NOWHERE = "a symbolic link that leads nowhere"
NO_FILE = "no regular file (a pipe or a device)"
CLOSED = "a folder that this user may not read"


@dataclass(frozen=True, slots=True)
class ExportFile:
    """A file of the export."""

    path: str  # absolute
    # Its path below the given folder, with "/"; of several folders, the number of the folder comes first. It
    # distinguishes the file from all others, wherever the export is.
    key: str


@dataclass
class ExportTree:
    """What is in the folders of an export."""

    files: list[ExportFile] = field(default_factory=list)  # regular files, in the order of their keys
    left_out: dict[str, list[ExportFile]] = field(default_factory=dict)  # what cannot be read, by reason


def list_tree(folders: Sequence[str]) -> ExportTree:
    """List the files in folders and all folders below them, each once. No file is opened.

    No symbolic link below the folders is followed: it could lead to another patient's files, or to any file of this
    machine. The given folders may be links themselves. An error has the number of a folder: its path is private.
    """
    roots = []
    for number, folder in enumerate(folders, start=1):
        root = os.path.realpath(expand_home(folder))
        if not os.path.isdir(root):
            raise RefusedError(
                f"--images: folder {number} of {len(folders)} does not exist, or is no folder: give an existing one. "
                f"(Its path is not repeated here, because it may name somebody.)"
            )
        roots.append(root)
    tree = ExportTree()
    seen: set[str] = set()
    for number, root in enumerate(roots, start=1):
        prefix = f"{number}/" if len(roots) > 1 else ""

        def add(path: str, reason: str | None) -> None:
            key = prefix + os.path.relpath(path, root).replace(os.sep, "/")  # noqa: B023  # called in this turn
            # A name whose bytes are not UTF-8, as archives of other systems leave them, as a text that can be written.
            own = ExportFile(path, key.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace"))
            (tree.files if reason is None else tree.left_out.setdefault(reason, [])).append(own)

        closed: list[OSError] = []
        for parent, subfolders, names in os.walk(root, onerror=closed.append):
            if parent in seen:
                subfolders.clear()
                continue
            seen.add(parent)
            links = [name for name in subfolders if os.path.islink(os.path.join(parent, name))]
            subfolders.sort()
            for path in (os.path.join(parent, name) for name in [*names, *links]):
                add(path, _no_file(path, roots))
        for error in closed:
            add(os.fspath(error.filename), CLOSED)
    tree.files.sort(key=lambda own: own.key)
    return tree


def _no_file(path: str, roots: Sequence[str]) -> str | None:
    """Why it is no file to read; None of a regular file."""
    if os.path.islink(path):
        target = os.path.realpath(path)
        if not any(target == root or target.startswith(root + os.sep) for root in roots):
            return LINK_OUT
        return LINK_WITHIN if os.path.exists(target) else LINK_NOWHERE
    try:
        return None if stat.S_ISREG(os.lstat(path).st_mode) else NO_FILE
    except OSError:  # it went away meanwhile, or its folder may be listed and not searched
        return NO_FILE
