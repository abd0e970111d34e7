"""``mocoi study run --engine snakemake -- ARGS``: hand a study's plan to Snakemake."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from monai_mocoi.errors import StudyError, UsageError

_ENGINES = ("snakemake",)
_WORDS = "words of the engine"


class WithEngineWords(TyperCommand):
    """A command with words behind ``--`` that are not its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Keep the words behind ``--`` for :func:`engine_words`, and read the others."""
        place = args.index("--") if "--" in args else len(args)
        ctx.meta[_WORDS] = args[place + 1 :]
        return super().parse_args(ctx, args[:place])


def engine_words(context: typer.Context) -> list[str]:
    """The words behind ``--``."""
    return list(context.meta.get(_WORDS, []))


def run_by_engine(study: str, engine: str | None, words: Sequence[str]) -> None:
    """Become the engine, which ends with its own exit code; return where none is asked for.

    The process is replaced, so that signals reach the engine, and killing it leaves no driver behind.
    """
    if engine is None:
        if words:
            raise UsageError(f"{words[0]!r} is a word for an engine: name it by --engine snakemake")
        return
    if engine not in _ENGINES:
        raise UsageError(f"there is no engine {engine!r}: choose {', '.join(_ENGINES)}, or leave --engine out")
    from monai_mocoi.study.engine import engine_command, engine_environment
    from monai_mocoi.study.node_lock import node_lock
    from monai_mocoi.study.plan_record import read_plan

    command = engine_command(Path(study), read_plan(study), words)
    with node_lock(Path(study) / "locks" / "engine.lock") as (held, files):
        if not held:
            raise StudyError("an engine runs this study already: wait for its end, or look at the study's status.")
        for file in files:
            os.set_inheritable(file, True)  # the lock lasts as long as the engine
        os.execve(command[0], command, engine_environment())
