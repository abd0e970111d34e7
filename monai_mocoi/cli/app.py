"""The command ``mocoi``: run a config with every override checked, show beforehand what it would do, prepare data."""

from __future__ import annotations

import getpass
import os
import re
import sys
import time
import traceback
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from monai_mocoi import __version__
from monai_mocoi.cli.bundle_names import find_bundle
from monai_mocoi.cli.exit_code_table import exit_code_table
from monai_mocoi.cli.messages import explain
from monai_mocoi.cli.overrides import check_command
from monai_mocoi.errors import UsageError
from monai_mocoi.exit_codes import ERROR, FINISHED, INTERRUPTED, USAGE

_FOR_THE_FIRST_PROCESS = 2.0  # seconds

_SETTINGS = """\b
A config is a file, or a bundle and one of its configs: nih_mse/train, from any folder.
Settings are given as --key value or --key=value, where key is a name in the config, or an id such as
train#trainer#max_epochs or stage_weights#0. Write true, false and none as they are, a list as one word
("[0.8, 1.0]"), and what is to be worked out as a Python expression ('$2 * @batch_size'). A config is code: run only
those that you trust."""

_EXIT_CODES = "\b\nExit codes:\n" + "\n".join(f"{code:>4}  {meaning}" for code, meaning in exit_code_table())

_ONE_DASH = re.compile(
    r"(?:-|[\u2012-\u2015]+)([A-Za-z]\w+.*)", re.DOTALL
)  # also a dash that a text editor made of two
_CONFIGS = {"train": "train", "pretrain": "train", "finetune": "finetune", "evaluate": "evaluate", "test": "evaluate"}
_CONFIGS |= {"inference": "inference", "infer": "inference", "predict": "inference"}


class _Commands(TyperGroup):
    """The commands; a word that is the name of a config is told from a command."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        if command is None and (config := _CONFIGS.get(cmd_name.removesuffix(".json"))):
            _say(f"{cmd_name} is a config of every bundle, not a command: mocoi run nih_mse/{config}")
            raise typer.Exit(USAGE)
        if command is None and "/" in cmd_name:
            _say(f"{cmd_name} is no command; to run a config write mocoi run {cmd_name}")
            raise typer.Exit(USAGE)
        return command


class _WithSettings(TyperCommand):
    """A command that takes any ``--key``; with one dash it would be read letter by letter, ``h`` as ``--help``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for word in args:
            if meant := _ONE_DASH.fullmatch(word):
                _say(f"{word!r} is no setting, for a setting begins with two dashes: write --{meant[1]}")
                raise typer.Exit(USAGE)
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="mocoi",
    cls=_Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
)

_TAKES_ANY_KEY = {"ignore_unknown_options": True}
_WITH_SETTINGS: dict[str, Any] = {
    "cls": _WithSettings, "context_settings": _TAKES_ANY_KEY, "epilog": _EXIT_CODES,
}  # fmt: skip
Words = Annotated[list[str] | None, typer.Argument(metavar="CONFIG... [--KEY VALUE]", show_default=False, hidden=True)]
Traceback = Annotated[
    bool, typer.Option("--traceback", envvar="MONAI_MOCOI_TRACEBACK", help="On an error show the whole traceback too.")
]


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


@app.command(**_WITH_SETTINGS, help=f"""Run a config, such as train.json.

Later config files overlay earlier ones. A setting that the config does not have, or a value of another kind than its
default, is refused before anything is done.

{_SETTINGS}
""")  # fmt: skip
def run(words: Words = None, show_traceback: Traceback = False) -> None:
    """Run a config; see the help above."""
    from monai_mocoi.cli.plan import decide_constants
    from monai_mocoi.runs.setting_ranges import check_ranges

    try:
        checked = check_command(words or [])
        for word, file in zip(checked.files.given, checked.files.files, strict=True):
            if word != file and int(os.environ.get("RANK", "0")) == 0:
                typer.echo(f"Config: {file}")
        check_ranges(decide_constants(checked))  # what can be refused without torch is, before seconds go by
        from monai_mocoi.cli.workflow import run_checked

        run_checked(checked, show_traceback)
    except KeyboardInterrupt:
        _say("stopped by Ctrl-C; what was not saved yet is lost. Training goes on by --resume true.")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        raise typer.Exit(_report(error, show_traceback)) from None


@app.command(**_WITH_SETTINGS, help=f"""Show what a run would do, and do nothing.

Prints the constants as they come out, with what an overlay or a setting changed, the data, the steps, and what would be
written where. The exit code is that of a run that would be refused, else 0.

{_SETTINGS}
""")  # fmt: skip
def plan(words: Words = None, show_traceback: Traceback = False) -> None:
    """Show a plan; see the help above."""
    from monai_mocoi.cli.plan import make_plan
    from monai_mocoi.cli.show import show_plan

    try:
        made = make_plan(check_command(words or []))
    except Exception as error:
        raise typer.Exit(_report(error, show_traceback)) from None
    show_plan(made)
    for text, _ in made.refusals:
        _say(f"the run would be refused: {text}")
    raise typer.Exit(made.refusals[0][1] if made.refusals else FINISHED)


@app.command(
    context_settings={**_TAKES_ANY_KEY, "help_option_names": []},
    add_help_option=False,
    help="Turn raw images into a dataset folder: the same as python -m data_prep.",
)
def prepare(
    words: Annotated[list[str] | None, typer.Argument(metavar="SOURCE [OPTION]", show_default=False)] = None,
) -> None:
    """Hand everything on to data_prep."""
    from data_prep.__main__ import main as data_prep

    raise typer.Exit(data_prep(words or [], "mocoi prepare"))


@app.command(epilog=_EXIT_CODES)
def adapt(
    bundle: Annotated[str, typer.Argument(help="Name or folder of the bundle to start from, such as nih_mse.")],
    dataset: Annotated[str, typer.Option("--dataset", metavar="DIR", help="The dataset folder; it is only read.")],
    name: Annotated[str, typer.Option("--name", help="Of the new bundle and its folder, such as my_study.")],
    out: Annotated[str, typer.Option("--out", metavar="PARENT", help="The folder to make it in.")] = ".",
    modality: Annotated[
        str | None,
        typer.Option("--modality", help="Kind of images, one word such as hand. Default: that of BUNDLE."),
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Of the images, for people.")] = None,
    authors: Annotated[str | None, typer.Option("--authors", help="Who makes the bundle.")] = None,
    contact: Annotated[str | None, typer.Option("--contact", help="Where they can be asked.")] = None,
    data_statement: Annotated[
        str | None,
        typer.Option("--data-statement", metavar="FILE", help="Text on the images: whose they are, what allows this."),
    ] = None,
    show_traceback: Traceback = False,
) -> None:
    """Make a bundle of your own for a dataset folder, from one of the nine.

    Channels, image size, intensity, batch, queue, labels and metric follow from the data set, each with its reason; all
    else is as in BUNDLE. Choose that by its images (chest X-rays, histology, fundus) and method (moco, mse, barlow).
    """
    try:
        from monai_mocoi.cli.adapt import adapt_and_show

        owner = {"title": title, "authors": authors, "contact": contact, "data_statement": data_statement}
        adapt_and_show(bundle, dataset, name, out, modality, **owner)
    except Exception as error:
        raise typer.Exit(_report(error, show_traceback)) from None


@app.command(epilog=_EXIT_CODES)
def export(
    weights: Annotated[str, typer.Argument(help="encoder.pt, classifier.pt or another ResNet's weights.")],
    to: Annotated[str, typer.Option("--to", help="torchvision, timm or monai; torchscript, pt2 or onnx.")],
    out: Annotated[str, typer.Option("--out", help="The file: .pt or .safetensors; .ts, .pt2 or .onnx.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the file and the JSON file beside it.")
    ] = False,
    show_traceback: Traceback = False,
) -> None:
    """Write an encoder or classifier for another library.

    For torchvision, timm and monai the file has that library's names, and is tried in its own network before it is
    kept. torchscript, pt2 and onnx are whole networks that run without this software, tried at batches of 1 and 3. A
    JSON file beside it says how to prepare the images.
    """
    try:
        from monai_mocoi.cli.export import export_and_show

        export_and_show(weights, to, out, overwrite)
    except Exception as error:
        raise typer.Exit(_report(error, show_traceback)) from None


@app.command(epilog=_EXIT_CODES)
def package(
    bundle: Annotated[str, typer.Argument(help="Name or folder of the bundle, such as nih_mse.")],
    run: Annotated[str, typer.Option("--run", metavar="FOLDER", help="The run folder that finetune.json wrote.")],
    out: Annotated[str, typer.Option("--out", metavar="FILE.zip", help="The file to write.")],
    name: Annotated[
        str | None, typer.Option("--name", help="Of the package, such as chest_xray_classification_mocoi.")
    ] = None,
    title: Annotated[str | None, typer.Option("--title", help="Of the classifier, for people.")] = None,
    authors: Annotated[str | None, typer.Option("--authors", help="Who made the classifier.")] = None,
    contact: Annotated[str | None, typer.Option("--contact", help="Where they can be asked.")] = None,
    license: Annotated[
        str | None, typer.Option("--license", metavar="FILE", help="Text of the licence of the weights.")
    ] = None,
    data_statement: Annotated[
        str | None,
        typer.Option("--data-statement", metavar="FILE", help="Text on the images: whose they are, what allows this."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file.")] = False,
    show_traceback: Traceback = False,
) -> None:
    """Pack a bundle with a fine-tuned classifier, for MONAI's bundle tools.

    The zip holds the weights, the configs with all that inference must know, and a model card with the figures of
    evaluate.json, if it was run. Nothing in it tells of this machine, of images or of patients. What its
    makers do not state is said to be missing.
    """
    try:
        from monai_mocoi.cli.package import package_and_show

        owner = {"title": title, "authors": authors, "contact": contact, "license": license}
        package_and_show(find_bundle(bundle), run, out, overwrite, name, **owner, data_statement=data_statement)
    except Exception as error:
        raise typer.Exit(_report(error, show_traceback)) from None


@app.command(epilog=_EXIT_CODES)
def compare(
    first: Annotated[str, typer.Argument(metavar="A.csv", help="predictions.csv of the one classifier; or a probing.")],
    others: Annotated[
        list[str],
        typer.Argument(metavar="B.csv...", help="predictions.csv of the other, or of several, on the same images."),
    ],
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            help="macro_auc, macro_average_precision, macro_f1, "
            "macro_sensitivity, macro_specificity or calibration_error.",
        ),
    ] = "macro_auc",
    interval: Annotated[str, typer.Option("--interval", help="bca or percentile.")] = "bca",
    level: Annotated[float, typer.Option("--level", help="of the interval, 0 to 1.")] = 0.95,
    resamples: Annotated[int, typer.Option("--resamples", help="of the patients.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="of the resamples.")] = 0,
    min_positives: Annotated[int, typer.Option("--min_positives", help="Fewest positives of a scored class.")] = 25,
    min_negatives: Annotated[int, typer.Option("--min_negatives", help="Fewest negatives of a scored class.")] = 25,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write the result as JSON too.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace that file.")] = False,
    show_traceback: Traceback = False,
) -> None:
    """Compare classifiers on the same images: B - A, with an interval over patients and a p-value.

    Several are compared with the first, one by one, and their p-values corrected for their number by Holm's method.
    For F1, sensitivity and specificity of findings the thresholds are read from the metrics.json beside each file.
    Two probings (probing.json, or its folder) are compared at every stage and label fraction that both have.
    """
    try:
        from monai_mocoi.cli.compare import compare_and_show

        given = {"resamples": resamples, "seed": seed, "interval": interval, "level": level}
        given |= {"min_positives": min_positives, "min_negatives": min_negatives}
        compare_and_show(first, others, metric, json_file, overwrite, **given)
    except Exception as error:
        raise typer.Exit(_report(error, show_traceback)) from None


@app.command(epilog=_EXIT_CODES)
def baselines(
    dataset: Annotated[str, typer.Argument(help="A dataset folder with labels.")],
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FOLDER", help="Default: runs/baselines-<DATASET's name>.", show_default=False),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="FILE.csv",
            help="A column image or patient, and others to take in the place of the datalist's.",
            show_default=False,
        ),
    ] = None,
    interval: Annotated[str, typer.Option("--interval", help="bca or percentile.")] = "bca",
    level: Annotated[float, typer.Option("--level", help="of the interval, 0 to 1.")] = 0.95,
    resamples: Annotated[int, typer.Option("--resamples", help="of the patients.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="of the resamples and of the shuffled labels.")] = 0,
    min_positives: Annotated[int, typer.Option("--min_positives", help="Fewest positives of a scored class.")] = 25,
    min_negatives: Annotated[int, typer.Option("--min_negatives", help="Fewest negatives of a scored class.")] = 25,
    workers: Annotated[
        int | None, typer.Option("--workers", help="Threads that read images.", show_default=False)
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the baselines in that folder.")] = False,
    show_traceback: Traceback = False,
) -> None:
    """Test what shortcuts alone tell of the labels: each column (view, site, sex, age), colours, small pixels.

    Linear classifiers, trained and chosen as a frozen encoder's. One more learns from shuffled labels: its AUC should
    be near .5 in the mean of 20 shuffles. Each is written as predictions.csv, which mocoi compare sets a classifier
    against.
    """
    try:
        from monai_mocoi.cli.baselines import baselines_and_show

        given = {"resamples": resamples, "seed": seed, "interval": interval, "level": level}
        given |= {"min_positives": min_positives, "min_negatives": min_negatives}
        baselines_and_show(dataset, out, columns, overwrite, workers, **given)
    except Exception as error:
        raise typer.Exit(_report(error, show_traceback)) from None


@app.command(epilog=_EXIT_CODES)
def evaluate(
    predictions: Annotated[str, typer.Argument(metavar="PREDICTIONS.csv", help="Of ours or of another program.")],
    validation: Annotated[
        str | None,
        typer.Option(
            "--validation",
            metavar="VALIDATION.csv",
            help="The same classifier's predictions on validation images: thresholds, operating points and "
            "recalibration are chosen on them, never on the tested ones.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FOLDER", help="Write metrics.json and figures there.", show_default=False),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace those.")] = False,
    recalibrate: Annotated[bool, typer.Option("--recalibrate", help="Measure the recalibrated probabilities.")] = False,
    target_sensitivity: Annotated[
        list[float] | None, typer.Option("--target_sensitivity", help="Wanted on validation; may be repeated. [0.9]")
    ] = None,
    target_specificity: Annotated[
        list[float] | None, typer.Option("--target_specificity", help="Wanted on validation; may be repeated. [0.9]")
    ] = None,
    decision_threshold: Annotated[
        list[float] | None,
        typer.Option(
            "--decision_threshold", help="Of the decision curve; may be repeated. [by the share of positives]"
        ),
    ] = None,
    subgroups: Annotated[
        str | None,
        typer.Option(
            "--subgroups",
            metavar="FILE.csv",
            help="A column image or patient, and others that tell subgroups apart, such as sex or site.",
            show_default=False,
        ),
    ] = None,
    age_bands: Annotated[
        str | None,
        typer.Option(
            "--age_bands",
            metavar="LIST",
            help='First year of each band of ages but the first, as one word. ["[18, 40, 60, 80]"]',
            show_default=False,
        ),
    ] = None,
    interval: Annotated[str, typer.Option("--interval", help="bca or percentile.")] = "bca",
    level: Annotated[float, typer.Option("--level", help="of the interval, 0 to 1.")] = 0.95,
    resamples: Annotated[int, typer.Option("--resamples", help="of the patients.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="of the resamples.")] = 0,
    min_positives: Annotated[int, typer.Option("--min_positives", help="Fewest positives of a scored class.")] = 25,
    min_negatives: Annotated[int, typer.Option("--min_negatives", help="Fewest negatives of a scored class.")] = 25,
    show_traceback: Traceback = False,
) -> None:
    """Evaluate predictions, with intervals over patients: discrimination, calibration, decisions.

    The file has the columns image, patient, label_<finding> (or label) and probability_<class>.
    """
    try:
        from monai_mocoi.cli.evaluate import evaluate_and_show

        given: dict[str, Any] = {"resamples": resamples, "seed": seed, "interval": interval, "level": level}
        given |= {"min_positives": min_positives, "min_negatives": min_negatives}
        given |= {"target_sensitivity": target_sensitivity or [0.9], "target_specificity": target_specificity or [0.9]}
        given |= {"decision_thresholds": decision_threshold or None, "recalibrate": recalibrate}
        given |= {"subgroups": subgroups, "age_bands": age_bands}
        evaluate_and_show(predictions, validation, out, overwrite, **given)
    except Exception as error:
        raise typer.Exit(_report(error, show_traceback)) from None


def _report(error: Exception, show_traceback: bool) -> int:
    text, code = explain(error)
    if show_traceback:
        sys.stderr.write("".join(traceback.format_exception(error)))
    if isinstance(error, UsageError) and int(os.environ.get("RANK", "0")) > 0:
        # Every process of torchrun refuses the same command: the first one says so, for which the others wait, because
        # torchrun ends them all with the first that ends.
        time.sleep(_FOR_THE_FIRST_PROCESS)
    else:
        _say(text)
    return code or ERROR


def _say(text: str) -> None:
    """Write a message to standard error: plain where that is no terminal, and never cut to its width."""
    from rich.console import Console

    process = f" (process {os.environ['RANK']})" if int(os.environ.get("WORLD_SIZE", "1")) > 1 else ""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    sys.stdout.flush()
    console.print(f"error{process}:", style="bold red", end=" ")
    console.print(text, markup=False)
