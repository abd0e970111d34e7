"""``python -m data_prep <source> ...``: raw images in, dataset folder out."""

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from data_prep.command_line import ManyWords, as_command
from monai_mocoi.errors import DatasetError, LockError
from monai_mocoi.exit_codes import DATA, DISK_FULL, ERROR, FINISHED, INTERRUPTED, PREEMPTED, USAGE

# The class of each: a Source, or a dataclass of options with run() -> exit code. Any other "module:Class" is taken too:
# a source of the user's own.
COMMANDS = {
    "nih": ("data_prep.nih:Nih", "NIH ChestX-ray14: PNGs and Data_Entry_2017*.csv"),
    "bch": ("data_prep.bch:Bch", "histopathology patches in the naming of the IDC data set"),
    "eyepacs": ("data_prep.eyepacs:Eyepacs", "EyePACS photographs: <id>_left/right.jpeg and trainLabels.csv"),
    "inhouse": ("data_prep.inhouse.source:Inhouse", "images of your own, with or without labels; no identity is left"),
    "demo": ("data_prep.demo:Demo", "generated phantoms: no medical data, to try everything"),
    "demo-export": ("data_prep.demo:DemoExport", "phantoms as a hospital's export, to try inhouse on"),
    "join": ("data_prep.join:Join", "the parts that inhouse --part made, side by side, as one dataset folder"),
    "search-identity": (
        "data_prep.audit:SearchIdentity",
        "is anybody told in a dataset folder, run folder, cache or package? For what inhouse made",
    ),
    "audit": ("data_prep.audit:Audit", "check a dataset folder for patients or pictures in two splits"),
}

_EXIT_CODES = (
    f"Exit codes, those of mocoi: {FINISHED} done; {USAGE} a wrong option or folder, nothing was changed; {DATA} the "
    f"data: a leak between splits, a table or image that cannot be used; {DISK_FULL} no room on the disk; {PREEMPTED} "
    f"ended by SIGTERM or SIGUSR1, the same command goes on; {INTERRUPTED} stopped by Ctrl-C, likewise; {ERROR} "
    "anything else."
)


class _Commands(TyperGroup):
    """The commands, each imported when it is asked for: the overview is quick, and no source needs another one."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        module, _, name = COMMANDS.get(cmd_name, (cmd_name,))[0].partition(":")
        if not (module and name):
            return None
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        source = _own_source(module, name) if cmd_name not in COMMANDS else getattr(import_module(module), name)
        app.command(cmd_name, cls=ManyWords, epilog=_EXIT_CODES)(as_command(source, _run))
        made: Any = get_command(app)
        made.public = getattr(source, "public", True)
        return made

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


_app = typer.Typer(
    cls=_Commands,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)


@_app.callback(help="Turn raw images into a dataset folder.", epilog=_EXIT_CODES)
def _data_prep() -> None:
    pass


def _own_source(module: str, name: str) -> Any:
    """A class of the user's: in the current folder, where ``python -m`` looks, but the command mocoi does not."""
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise  # of what it imports itself
        raise typer.BadParameter(
            f"there is no module {error.name}: go to the folder that has {error.name}.py, or install it."
        ) from error
    if not hasattr(found, name):
        raise typer.BadParameter(f"the module {module} has no class {name!r}: write MODULE:CLASS.")
    return getattr(found, name)


class _Preempted(KeyboardInterrupt):
    """The system takes the machine back; what is finished is written down already."""


def main(arguments: Sequence[str] | None = None, name: str = "python -m data_prep") -> int:
    """Run one command; return its exit code. ``arguments``: None for those of this process; ``name``: for the help."""
    try:
        _app(None if arguments is None else list(arguments), prog_name=name)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else FINISHED
    return FINISHED


def _run(command: Any) -> None:
    """Run a command, with one sentence and one code for whatever ends it."""
    try:
        with _ended_by_signals():
            if hasattr(command, "run"):
                code = int(command.run())
            else:
                from data_prep.pipeline import prepare  # imports NumPy

                prepare(command)
                code = FINISHED
    except KeyboardInterrupt as stopped:
        print("\nStopped. The same command again goes on from here.", file=sys.stderr)
        code = PREEMPTED if isinstance(stopped, _Preempted) else INTERRUPTED
    except (DatasetError, LockError) as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        step = ". The disk (or your quota on it) is full: make room; the same command again goes on from here."
        text = str(error) if getattr(command, "public", True) else error.strerror or type(error).__name__
        print(f"error: {text}{step if full else ''}", file=sys.stderr)
        code = DISK_FULL if full else ERROR
    raise typer.Exit(code)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """End the block at SIGTERM and SIGUSR1 as Ctrl-C does, so that no half file is left."""

    def end(number: int, frame: FrameType | None) -> None:
        raise _Preempted

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name)]  # Windows has one
    is_main = threading.current_thread() is threading.main_thread()  # only there handlers can be set
    before = {number: signal.signal(number, end) for number in numbers if is_main}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
