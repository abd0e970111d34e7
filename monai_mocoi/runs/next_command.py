"""The command that follows a run or an evaluation, as it can be pasted into the shell that it was started from."""

import ast
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.own_command import command, python_word
from monai_mocoi.runs.product_names import PREDICTIONS_NAME
from monai_mocoi.runs.run_manifest import RunManifest

_KINDS = ("-scratch-", "-pretrained-")  # in the name of a run folder, as finetune.json makes it


def next_command(config: str, bundle: str, settings: Mapping[str, Any]) -> str:
    """The command line, quoted for a shell, that runs another config of the bundle that this process runs.

    The config, such as "evaluate", is named as the one that is running was: by a path, or by the bundle's name.
    Settings that are None are left out.
    """
    given = [(f"--{name}", value) for name, value in settings.items() if value is not None]
    return command("run", config_word(config, bundle), *chain.from_iterable(given))


def lines_after_a_run(
    folder: Path, bundle: str, config: str | None, settings: Mapping[str, Any], own_data: Sequence[str] | None
) -> list[str]:
    """What to do with a finished run: look at its curves, use what it has made, do it with one's own images.

    ``config`` and ``settings`` are of :func:`next_command`, ``own_data`` commands that make a dataset folder DATASET.
    """
    python = shlex.quote(python_word())
    lines = [f"Curves: {python} -m tensorboard.main --logdir {shlex.quote(str(folder))}"]
    if config:
        lines.append(f"Next: {next_command(config, bundle, settings)}")
    if own_data:
        train = next_command("train", bundle, {"dataset_dir": "DATASET", "output_dir": "RUN"})
        commands = [line.replace("python ", f"{python} ", 1) for line in own_data]
        lines.append("For your own data:\n  " + "\n  ".join([*commands, train]))
    return lines


def lines_after_an_evaluation(
    evaluation: Path, split: str, external: bool, run: str | os.PathLike[str], bundle: str, dataset_dir: str
) -> list[str]:
    """What to do with the evaluation of a ``split``, written to a folder.

    ``external``: it is of another data set than the classifier's own. ``run``: folder or file of the classifier;
    ``dataset_dir`` as it was given.
    """
    lines = []
    if split == "test" and dataset_dir != "demo":
        baselines = command("baselines", dataset_dir)
        lines.append(f"What shortcuts (view, colour, ...) achieve alone, for comparison: {baselines}")
    if following := after_evaluation(evaluation, Path(run), split, bundle, dataset_dir, external):
        lines.append(f"Next: {following}")
    return lines


def after_evaluation(
    evaluation: Path, run: Path, split: str, bundle: str, dataset_dir: str, external: bool = False
) -> str | None:
    """The command that follows, for the arguments of :func:`lines_after_an_evaluation`; None: there is none.

    It is the comparison with the run that differs only in being pretrained or not, if that was tested in the same way;
    else its test, if there is such a run; else, after its own test split, the package.
    """
    run = run.parent if run.suffix == ".pt" else run
    if not (run / RunManifest.FILE).is_file():
        return None
    if kind := next((kind for kind in _KINDS if kind in run.name), None):
        pair = [run.with_name(run.name.replace(kind, other, 1)) for other in _KINDS]
        files = [folder / evaluation.name / PREDICTIONS_NAME for folder in pair]
        if evaluation.parent == run and all(file.is_file() for file in files):
            return command("compare", *files)
        (other,) = (folder for folder in pair if folder != run)
        if (other / CLASSIFIER_NAME).is_file():
            given = {"dataset_dir": dataset_dir, "run_dir": other, "split": None if split == "test" else split}
            return next_command("evaluate", bundle, given)
    if split != "test" or external:
        return None
    out = f"{bundle}.zip" if not Path(f"{bundle}.zip").exists() else f"{bundle}-{run.name}.zip"
    return command("package", bundle_word(bundle), "--run", run, "--out", out)


def config_word(config: str, bundle: str) -> str:
    """How to name another config of the bundle that this process runs; see :func:`next_command`."""
    given = given_config(sys.argv)
    if given and not Path(given).is_file():  # a name
        return f"{Path(given).parent}/{config}"
    beside = Path(given).with_name(f"{config}.json") if given else None
    return str(beside) if beside and beside.is_file() else f"{bundle}/{config}"


def bundle_word(bundle: str) -> str:
    """How to name the bundle that this process runs: by its folder, if its config was given by a path, or its name."""
    given = given_config(sys.argv)
    if given is None or not Path(given).is_file():
        return str(Path(given).parent) if given else bundle
    folder = Path(os.path.abspath(given)).parent
    if folder.name != "configs":
        return bundle
    return str(folder.parent) if os.path.isabs(given) else os.path.relpath(folder.parent)


def given_config(argv: Sequence[str]) -> str | None:
    """The first config file of a command line, in its own words.

    MONAI does not tell a config where it lies, so that the words of ``mocoi run CONFIG...`` or ``python -m monai.bundle
    run --config_file CONFIG`` are looked at. None: neither of them, or the config is named in a file of arguments.
    """
    words = list(argv[1:])
    if "run" not in words:
        return None
    words = words[words.index("run") + 1 :]
    for place, word in enumerate(words):
        key, sign, value = word.partition("=")
        if key.lstrip("-").replace("-", "_") == "config_file" and key.startswith("-"):
            return _first(value if sign else "".join(words[place + 1 : place + 2]))
    if Path(argv[0]).parent.name == "bundle":  # MONAI's: what stands behind run is no config
        return None
    words = [word for word in words if word != "--traceback"]
    return words[0] if words and not words[0].startswith("-") else None


def _first(value: str) -> str | None:
    """Of a list as MONAI's command line takes it the first file."""
    if value.startswith(("[", "(")):
        try:
            value = str(ast.literal_eval(value)[0])
        except (SyntaxError, ValueError, LookupError, TypeError):
            return None
    return value or None
