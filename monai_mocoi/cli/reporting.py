"""Errors of a command: one message on standard error and one exit code, the same for every command."""

import functools
import inspect
import re
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from monai_mocoi.cli.messages import explain
from monai_mocoi.cli.options import Option
from monai_mocoi.distributed.torchrun import torchrun_rank, torchrun_world_size
from monai_mocoi.errors import UsageError
from monai_mocoi.exit_codes import ERROR, USAGE

_ONE_DASH = re.compile(r"(?:-|[\u2012-\u2015]+)([A-Za-z]\w+.*)", re.DOTALL)  # also a dash that an editor made of two
_CONFIGS = {"train": "train", "pretrain": "train", "finetune": "finetune", "evaluate": "evaluate", "test": "evaluate"}
_CONFIGS |= {"inference": "inference", "infer": "inference", "predict": "inference"}
_FOR_THE_FIRST_PROCESS = 2.0  # seconds
Traceback = Annotated[
    bool, typer.Option("--traceback", envvar="MONAI_MOCOI_TRACEBACK", help="On an error show the whole traceback too.")
]


def reporting(function: Callable[..., None], options: Mapping[str, Option] | None = None) -> Callable[..., Any]:
    """Make a command of a function: an error ends it with a message and a code, and it has ``--traceback``.

    The function takes ``options`` as ``**options``, and ``show_traceback`` if it likes to know.
    """
    own = inspect.signature(function, eval_str=True).parameters
    added = {name: (option.annotation(name), option.default) for name, option in (options or {}).items()}
    added |= {} if "show_traceback" in own else {"show_traceback": (Traceback, False)}

    @functools.wraps(function)
    def command(show_traceback: bool, **given: Any) -> None:
        try:
            function(**given, **({"show_traceback": show_traceback} if "show_traceback" in own else {}))
        except Exception as error:
            if isinstance(error, typer.Exit):
                raise
            raise typer.Exit(_report(error, show_traceback)) from None

    parameters = [p for p in own.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    parameters += [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in added.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def _report(error: Exception, show_traceback: bool) -> int:
    text, code = explain(error)
    if show_traceback:
        sys.stderr.write("".join(traceback.format_exception(error)))
    if isinstance(error, UsageError) and torchrun_rank() > 0:
        # Every process of torchrun refuses the same command: the first one says so, for which the others wait, because
        # torchrun ends them all with the first that ends.
        time.sleep(_FOR_THE_FIRST_PROCESS)
    else:
        say(text)
    return code or ERROR


def say(text: str) -> None:
    """Write a message to standard error: plain where that is no terminal, and never cut to its width."""
    process = f" (process {torchrun_rank()})" if torchrun_world_size() > 1 else ""
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    sys.stdout.flush()
    errors.print(f"error{process}:", style="bold red", end=" ")
    errors.print(text, markup=False)


def console() -> Console:
    """Standard output for plain text, never cut to the terminal's width."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


class Commands(TyperGroup):
    """The commands; a word that is the name of a config is told from a command."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name; None: there is none."""
        command = super().get_command(ctx, cmd_name)
        if command is None and (config := _CONFIGS.get(cmd_name.removesuffix(".json"))):
            say(f"{cmd_name} is a config of every bundle, not a command: mocoi run nih_mse/{config}")
            raise typer.Exit(USAGE)
        if command is None and "/" in cmd_name:
            say(f"{cmd_name} is not a command; to run a config write mocoi run {cmd_name}")
            raise typer.Exit(USAGE)
        return command


class WithSettings(TyperCommand):
    """A command that takes any ``--key``; with one dash it would be read letter by letter, ``h`` as ``--help``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the words, unless one has a dash too few."""
        for word in args:
            if meant := _ONE_DASH.fullmatch(word):
                say(f"{word!r} is not a setting, because a setting begins with two dashes: write --{meant[1]}")
                raise typer.Exit(USAGE)
        return super().parse_args(ctx, args)
