"""Names of the files and folders of results: evaluation, inference, analysis."""

import hashlib
import json
import os
import re

from monai_mocoi.errors import HomeFolderError
from monai_mocoi.files.home_folder import expand_home
from monai_mocoi.networks.known_images import known_images

PREDICTIONS_NAME = "predictions.csv"
METRICS_NAME = "metrics.json"
VALIDATION_NAME = "validation_predictions.csv"  # in the run folder, beside the classifier
WORST_ERRORS_NAME = "worst_errors.png"
OWN_TEST_NAME = "evaluation-test"
"""Folder of a classifier's test on its own data set, in its run folder."""
TABLE_NAME = "classified.csv"
OVERLAYS_NAME = "grad_cam"
ANALYSIS_NAME = "analysis.json"
"""Written last: if it is there, the analysis is whole."""
REUSE_TABLE = "feature_reuse.csv"
DISTANCE_TABLE = "output_distance.csv"
FIGURES = "figures"
PROBING = "probing"
TENSORBOARD = "tensorboard"


def default_evaluation_dir(weights: str | os.PathLike[str], dataset_dir: str | os.PathLike[str], split: str) -> str:
    """The folder that an evaluation writes unless it is told otherwise: in the run folder, or beside the file."""
    place = os.path.dirname(weights) if os.path.isfile(weights) else os.fspath(weights)
    return os.path.join(place, evaluation_name(weights, dataset_dir, split))


def evaluation_name(weights: str | os.PathLike[str], dataset_dir: str | os.PathLike[str], split: str) -> str:
    """Name of the folder that an evaluation writes: see :func:`name_by_data`."""
    return name_by_data("evaluation", weights, dataset_dir, split)


def analysis_name(pretrained: str | os.PathLike[str] | None, dataset_dir: str | os.PathLike[str], split: str) -> str:
    """Name of the folder that an analysis writes: see :func:`name_by_data`; "none" or None are random weights."""
    return name_by_data("analysis", pretrained, dataset_dir, split)


def name_by_data(
    word: str, weights: str | os.PathLike[str] | None, dataset_dir: str | os.PathLike[str], split: str
) -> str:
    """Name of a folder for what weights show on a split, so that results of other data sets lie beside its own.

    It is ``<word>-<split>`` for the data set that the weights (a file or a run folder) were made with, by the SHA-256
    of its ``datalist.json``, and where one of the two is not known; else ``<word>-<name>-<split>``, with the first 8
    digits of the SHA-256 behind a name that is the same (another version).
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
