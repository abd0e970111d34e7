"""The command ``mocoi`` and its subcommands."""

import getpass
import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

from monai_mocoi import __version__
from monai_mocoi.cli.bundle_commands import adapt, export, package
from monai_mocoi.cli.exit_code_table import exit_code_table
from monai_mocoi.cli.options import BASELINES, COMPARE, EVALUATE, OWNER, PACKAGE, Option
from monai_mocoi.cli.report import REPORT, report
from monai_mocoi.cli.reporting import Commands, Traceback, WithSettings, reporting, say
from monai_mocoi.cli.runs import runs
from monai_mocoi.cli.score_commands import baselines, compare, evaluate, linear
from monai_mocoi.cli.study import study_app
from monai_mocoi.cli.threads import announce_threads
from monai_mocoi.distributed.torchrun import torchrun_rank
from monai_mocoi.exit_codes import FINISHED, INTERRUPTED

_SETTINGS = """\b
A config is a file, or a bundle and one of its configs: nih_mse/train, from any folder.
Settings are given as --key value or --key=value, where key is a name in the config, or an id such as
train#trainer#max_epochs or stage_weights#0. Write true, false and none as they are, a list as one word
("[0.8, 1.0]"), and what is to be worked out as a Python expression ('$2 * @batch_size'). A config is code: run only
those that you trust."""

_EXIT_CODES = "\b\nExit codes:\n" + "\n".join(f"{code:>4}  {meaning}" for code, meaning in exit_code_table())

app = typer.Typer(
    name="mocoi",
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)

_TAKES_ANY_KEY = {"ignore_unknown_options": True}
_WITH_SETTINGS: dict[str, Any] = {
    "cls": WithSettings,
    "context_settings": _TAKES_ANY_KEY,
    "epilog": f"{_SETTINGS}\n\n{_EXIT_CODES}",
}
Words = Annotated[list[str] | None, typer.Argument(metavar="CONFIG... [--KEY VALUE]", show_default=False, hidden=True)]


def main() -> None:
    """Run the command line of this process."""
    _name_the_user()
    app(prog_name="mocoi")


def _name_the_user() -> None:
    """Give a user without an entry on this machine (a container's, say) a name: MONAI and torch ask at import."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = f"uid{os.getuid()}"


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mocoi {__version__}")
        raise typer.Exit


@app.callback()
def _mocoi(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Self-supervised pretraining for medical images. Research software, no medical device."""


def run(words: Words = None, show_traceback: Traceback = False) -> None:
    """Run a config, such as train.json.

    Later config files overlay earlier ones. A setting that the config does not have, or a value that it cannot have, is
    refused before anything is done. --threads N computes with N threads and no more: give it to runs side by side.
    """
    from monai_mocoi.cli.overrides import check_command  # pydantic, for which the help does not wait

    try:
        checked = check_command(words or [])
        for word, file in zip(checked.files.given, checked.files.files, strict=True):
            if word != file and torchrun_rank() == 0:
                typer.echo(f"Config: {file}")
        checked.check()  # what can be refused without torch is, before seconds go by
        announce_threads(checked.threads)  # before torch is loaded
        from monai_mocoi.cli.workflow import run_checked

        run_checked(checked, show_traceback)
    except KeyboardInterrupt:
        say("stopped by Ctrl-C; what was not saved yet is lost. Training goes on by --resume true.")
        raise typer.Exit(INTERRUPTED) from None


def plan(words: Words = None) -> None:
    """Show what a run would do, and do nothing.

    Prints the constants as they come out, with what an overlay or a setting changed, the data, the steps, and what
    would be written where. The exit code is that of a run that would be refused, else 0.
    """
    from monai_mocoi.cli.overrides import check_command

    checked = check_command(words or [])
    checked.check()
    from monai_mocoi.cli.plan import make_plan

    made = make_plan(checked)
    for section in made.sections:
        typer.echo(section.text())
    for text, _ in made.refusals:
        say(f"the run would be refused: {text}")
    raise typer.Exit(made.refusals[0][1] if made.refusals else FINISHED)


app.command(**_WITH_SETTINGS)(reporting(run))
app.command(**_WITH_SETTINGS)(reporting(plan))
app.command(**_WITH_SETTINGS)(reporting(linear))


@app.command(
    context_settings={**_TAKES_ANY_KEY, "help_option_names": []},
    add_help_option=False,
    help="Turn raw images into a dataset folder (python -m data_prep).",
)
def prepare(
    words: Annotated[list[str] | None, typer.Argument(metavar="SOURCE [OPTION]", show_default=False)] = None,
) -> None:
    """Hand everything on to data_prep."""
    from data_prep.__main__ import main as data_prep

    raise typer.Exit(data_prep(words or [], "mocoi prepare"))


_COMMANDS: tuple[tuple[Callable[..., None], dict[str, Option]], ...] = (
    (adapt, OWNER), (export, {}), (package, PACKAGE), (compare, COMPARE), (baselines, BASELINES), (evaluate, EVALUATE),
    (runs, {}),
    (report, REPORT),
)  # fmt: skip
for function, options in _COMMANDS:
    app.command(epilog=_EXIT_CODES)(reporting(function, options))
app.add_typer(study_app, name="study", epilog=_EXIT_CODES)
