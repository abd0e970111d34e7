"""``python -m data_prep <source> ...``: raw images in, dataset folder out."""

from __future__ import annotations

import argparse
import errno
import importlib
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from monai_mocoi.data.errors import DatasetError
from monai_mocoi.exit_codes import DISK_FULL, ERROR, INTERRUPTED, PREEMPTED

# Each module has add_arguments(parser) and run(args) -> exit code.
COMMANDS = {
    "nih": ("data_prep.nih", "NIH ChestX-ray14: PNGs and Data_Entry_2017*.csv"),
    "bch": ("data_prep.bch", "histopathology patches in the naming of the IDC data set"),
    "eyepacs": ("data_prep.eyepacs", "EyePACS fundus photographs: <id>_left/right.jpeg and trainLabels.csv"),
    "demo": ("data_prep.demo", "generated phantoms: no medical data, to try everything"),
    "audit": ("data_prep.audit", "check a dataset folder for patients or pictures in two splits"),
}


_EXIT_CODES = (
    "Exit codes, those of mocoi: 0 done; 2 a wrong option or folder, nothing was changed; 3 the data: a leak between "
    "splits, a table or image that cannot be used; 6 no room on the disk; 75 ended by SIGTERM or SIGUSR1, the same "
    "command goes on; 130 stopped by Ctrl-C, likewise; 1 anything else."
)


class _Preempted(KeyboardInterrupt):
    """The system takes the machine back; what is finished is written down already."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the command line without the program's name; None takes that of this process.

    Returns:
        the exit code, one of :mod:`monai_mocoi.exit_codes`.
    """
    parser = argparse.ArgumentParser(
        prog="python -m data_prep", description="Turn raw images into a dataset folder.", epilog=_EXIT_CODES
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary, epilog=_EXIT_CODES)
        source = importlib.import_module(module)
        source.add_arguments(command)
        command.set_defaults(run=source.run)
    args = parser.parse_args(arguments)
    try:
        with _ended_by_signals():
            return int(args.run(args))
    except KeyboardInterrupt as stopped:
        print("\nStopped. The same command again goes on from here.", file=sys.stderr)
        return PREEMPTED if isinstance(stopped, _Preempted) else INTERRUPTED
    except DatasetError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        step = ". The disk (or your quota on it) is full: make room; the same command again goes on from here."
        print(f"error: {error}{step if full else ''}", file=sys.stderr)
        return DISK_FULL if full else ERROR


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End the block at SIGTERM and SIGUSR1 as Ctrl-C does, so that no half file is left."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Preempted

    before = {}
    try:
        for name in ("SIGTERM", "SIGUSR1"):
            if hasattr(signal, name):  # Windows has one of them
                number = getattr(signal, name)
                before[number] = signal.signal(number, end)
    except ValueError:  # not in the main thread
        pass
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
