"""What is easily committed by mistake: large files, conflict markers, JSON that cannot be read, missing last newlines.

    python .ci/files.py [FILE ...]

Without files it looks at all that git tracks.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

LARGEST = 2**20  # bytes


def faults(path: Path) -> Iterator[str]:
    """Say what is wrong with a file."""
    content = path.read_bytes()
    if len(content) > LARGEST:
        yield f"{len(content)} bytes are more than {LARGEST}"
    if b"\0" in content[:8192]:  # as git tells binary files
        return
    doubled = content.endswith(b"\n\n") and path.suffix != ".j2"  # Jinja leaves the last one out
    if content and (not content.endswith(b"\n") or doubled):
        yield "it must end with one newline"
    if b"\n<<<<<<< " in content:
        yield "it holds a conflict marker"
    if path.suffix in (".json", ".ipynb"):
        try:
            json.loads(content)
        except ValueError as error:
            yield f"no JSON: {error}"


def main() -> int:
    """Check the files; return the exit code."""
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=False)  # none without git
    names = sys.argv[1:] or [name for name in tracked.stdout.split("\0") if name]
    found = [f"{name}: {fault}" for name in names if Path(name).is_file() for fault in faults(Path(name))]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
