"""typer's classes, with refusals of what is nearly a command or a setting."""

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from monai_mocoi.cli.reporting import say
from monai_mocoi.exit_codes import USAGE

_ONE_DASH = re.compile(r"(?:-|[\u2012-\u2015]+)([A-Za-z]\w+.*)", re.DOTALL)  # also a dash that an editor made of two
_CONFIGS = {"train": "train", "pretrain": "train", "finetune": "finetune", "evaluate": "evaluate", "test": "evaluate"}
_CONFIGS |= {"inference": "inference", "infer": "inference", "predict": "inference"}


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
