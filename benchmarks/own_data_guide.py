"""Run the commands of docs/your_own_data.md in a new folder and put what they print into the page.

    python -m benchmarks.own_data_guide [--page docs/your_own_data.md] [--work FOLDER]

A command of the page is an indented line that begins with ``$``; what is indented below it is its output. A comment
``<!-- shown: REGEX -->`` above keeps the lines that it finds, and marks the others with "..."; without it all are kept.
What follows a command is replaced, nothing else. It ends at the first command that fails.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_SHOWN = re.compile(r"<!-- shown: (.*) -->")
_PREFIX = re.compile(r"^\d\d:\d\d:\d\d \w+ [\w.]+: ")  # of a log line
_PROGRESS = re.compile(r"\d+/\d+ \[")
_INDENT = "    "


def output(command: str, folder: Path) -> list[str]:
    """Run a command of the page and return the lines that it prints, without progress bars and prefixes of a log."""
    scripts = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": scripts + os.pathsep + os.environ["PATH"]}
    started = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    print(f"{time.monotonic() - started:6.0f} s, code {done.returncode}: {command.splitlines()[0]}", flush=True)
    if done.returncode:
        sys.exit(done.stdout[-3000:])
    lines = [_PREFIX.sub("", line.rstrip()) for line in done.stdout.replace("\r", "\n").splitlines()]
    return [line.replace(f"{folder}/", "") for line in lines if line and not _PROGRESS.search(line)]


def shown(lines: list[str], wanted: str | None) -> Iterator[str]:
    """Keep the lines in which the regular expression is found; "..." for each gap."""
    gap = False
    for line in lines:
        keep = wanted is None or re.search(wanted, line) is not None
        if keep:
            yield line
        elif not gap:
            yield "..."
        gap = not keep


def with_outputs(page: str, folder: Path) -> str:
    """Return the page with the output of each command replaced."""
    lines, done, wanted = page.splitlines(), [], None
    while lines:
        line = lines.pop(0)
        done.append(line)
        if found := _SHOWN.fullmatch(line):
            wanted = found[1]
        if not line.startswith(f"{_INDENT}$ "):
            continue
        command = line[len(_INDENT) + 2 :]
        while command.endswith("\\"):
            done.append(lines.pop(0))
            command += "\n" + done[-1]
        while lines and lines[0].startswith(_INDENT) and not lines[0].startswith(f"{_INDENT}$ "):
            lines.pop(0)
        done += [_INDENT + own for own in shown(output(command, folder), wanted)]
        wanted = None
    return "\n".join(done) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=Path("docs/your_own_data.md"))
    parser.add_argument("--work", type=Path, help="an empty folder to keep what is made (default: a temporary one)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (args.work or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        args.page.write_text(with_outputs(args.page.read_text(encoding="utf-8"), folder), encoding="utf-8")


if __name__ == "__main__":
    main()
