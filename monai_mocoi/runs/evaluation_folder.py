"""What an evaluation writes, and whether it may; it can be asked before any work, and torch is not imported for it."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from monai_mocoi.errors import HomeFolderError, RunFolderError
from monai_mocoi.files.home_folder import expand_home
from monai_mocoi.networks.known_images import known_images
from monai_mocoi.runs.product_folder import check_can_be_written
from monai_mocoi.runs.setting_ranges import as_flag

PREDICTIONS_NAME = "predictions.csv"
METRICS_NAME = "metrics.json"
VALIDATION_NAME = "validation_predictions.csv"  # in the run folder, beside the classifier
WORST_ERRORS_NAME = "worst_errors.png"
OWN_TEST_NAME = "evaluation-test"
"""Folder of a classifier's test on its own data set, in its run folder."""


def evaluation_name(weights: str | os.PathLike[str], dataset_dir: str | os.PathLike[str], split: str) -> str:
    """Name of the folder that an evaluation writes: those of other data sets lie beside the classifier's own.

    Args:
        weights: the classifier's file or run folder.
        dataset_dir: a dataset folder, or "demo".
        split: that is tested.

    Returns:
        of :func:`name_by_data` with the word "evaluation".
    """
    return name_by_data("evaluation", weights, dataset_dir, split)


def default_evaluation_dir(weights: str | os.PathLike[str], dataset_dir: str | os.PathLike[str], split: str) -> str:
    """The folder that an evaluation writes unless it is told otherwise: in the run folder, or beside the file.

    Args:
        weights, dataset_dir, split: see :func:`evaluation_name`.
    """
    place = os.path.dirname(weights) if os.path.isfile(weights) else os.fspath(weights)
    return os.path.join(place, evaluation_name(weights, dataset_dir, split))


def name_by_data(
    word: str, weights: str | os.PathLike[str] | None, dataset_dir: str | os.PathLike[str], split: str
) -> str:
    """Name of a folder for what weights are found to be on a split: own data and other data sets lie side by side.

    Args:
        word: that the name begins with.
        weights: a file or a run folder, see :func:`~monai_mocoi.networks.known_images.known_images`.
        dataset_dir: a dataset folder, or "demo".
        split: that is looked at.

    Returns:
        ``<word>-<split>`` for the data set that the weights were made with, by the SHA-256 of its ``datalist.json``,
        and where one of the two is not known; ``<word>-<name>-<split>`` for another one and, where it has the same name
        (another version), the first 8 digits of its SHA-256 behind the name.
    """
    if str(dataset_dir) == "demo":  # phantoms, which only weights of phantoms are tested on
        return f"{word}-{split}"
    known = known_images(weights)
    try:
        content = (expand_home(dataset_dir) / "datalist.json").read_bytes()
        name = str(json.loads(content.decode("utf-8-sig"))["name"])
    except (OSError, ValueError, KeyError, TypeError, HomeFolderError):
        return f"{word}-{split}"  # the run says what is wrong with the folder
    sha256 = hashlib.sha256(content).hexdigest()
    if known.get("dataset_sha256") in (None, sha256):
        return f"{word}-{split}"
    short = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")[:40] or "other"
    return f"{word}-{short}{'-' + sha256[:8] if name == known.get('dataset') else ''}-{split}"


def check_evaluation_folder(
    folder: str | os.PathLike[str], overwrite: bool | str, option: str = "--evaluation_dir"
) -> None:
    """Refuse a folder that holds an earlier evaluation. Nothing is changed.

    Args:
        folder: for ``predictions.csv`` and ``metrics.json``; it need not exist.
        overwrite: replace these two, the figures and the sheet of the worst errors, and nothing else. The texts "true"
            and "false" will do: so MONAI's command line hands them on.
        option: by which the folder is given, for the error.

    Raises:
        RunFolderError: it holds one of them, it is a file or a dataset folder, or it cannot be written.
        SettingsError: ``overwrite`` is neither true nor false.
    """
    folder, replace = Path(folder), as_flag("overwrite", overwrite)
    check_can_be_written(folder, "evaluation_dir")
    if (folder / "datalist.json").exists():
        raise RunFolderError(f"{folder} is a dataset folder: name another by {option} FOLDER.")
    held = [name for name in (METRICS_NAME, PREDICTIONS_NAME) if (folder / name).exists()]
    if held and not replace:
        raise RunFolderError(
            f"{folder} already holds an evaluation ({', '.join(held)}). Nothing was changed. Write elsewhere by "
            f"{option} FOLDER, or replace it by --overwrite{'' if option == '--out' else ' true'}."
        )
