"""Errors of a command: one message on standard error and one exit code, the same for every command."""

import functools
import inspect
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from monai_mocoi.cli.messages import explain
from monai_mocoi.cli.options import Option
from monai_mocoi.distributed.torchrun import torchrun_rank, torchrun_world_size
from monai_mocoi.errors import UsageError
from monai_mocoi.exit_codes import ERROR

_FOR_THE_FIRST_PROCESS = 2.0  # seconds
Traceback = Annotated[
    bool, typer.Option("--traceback", envvar="MONAI_MOCOI_TRACEBACK", help="On an error show the whole traceback too.")
]


def reporting(function: Callable[..., None], options: Mapping[str, Option] | None = None) -> Callable[..., Any]:
    """Make a command of a function: an error ends it with a message and a code, and it has ``--traceback``.

    The function takes the command's arguments, the further ``options`` as ``**options``, and ``show_traceback`` if it
    likes to know.
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
    from rich.console import Console

    process = f" (process {torchrun_rank()})" if torchrun_world_size() > 1 else ""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    sys.stdout.flush()
    console.print(f"error{process}:", style="bold red", end=" ")
    console.print(text, markup=False)
