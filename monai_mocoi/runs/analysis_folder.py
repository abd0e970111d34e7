"""What an analysis writes, and whether it may; ``mocoi plan`` asks the same, so torch is not imported for it."""

from __future__ import annotations

import os
from pathlib import Path

from monai_mocoi.errors import RunFolderError
from monai_mocoi.runs.evaluation_folder import name_by_data
from monai_mocoi.runs.product_folder import check_can_be_written
from monai_mocoi.runs.setting_ranges import as_flag

ANALYSIS_NAME = "analysis.json"
"""Written last: where it stands, the analysis is whole."""
REUSE_TABLE = "feature_reuse.csv"
DISTANCE_TABLE = "output_distance.csv"
FIGURES = "figures"
PROBING = "probing"
TENSORBOARD = "tensorboard"


def analysis_name(pretrained: str | os.PathLike[str] | None, dataset_dir: str | os.PathLike[str], split: str) -> str:
    """Name of the folder that an analysis writes: those of other data sets lie beside that of the encoder's own.

    Args:
        pretrained: the encoder's file; "none" or None: random weights, for which all data are alike.
        dataset_dir: a dataset folder, or "demo".
        split: whose images are shown.

    Returns:
        of :func:`~monai_mocoi.runs.evaluation_folder.name_by_data` with the word "analysis".
    """
    return name_by_data("analysis", pretrained, dataset_dir, split)


def check_analysis_folder(folder: str | os.PathLike[str], overwrite: bool | str) -> None:
    """Refuse a folder that holds anything. Nothing is changed.

    Args:
        folder: of the analysis; it need not exist.
        overwrite: replace an earlier analysis, the folder as a whole; nothing else is ever replaced. The texts "true"
            and "false" will do: so MONAI's command line hands them on.

    Raises:
        RunFolderError: it holds something, it is a file, or it cannot be written.
        SettingsError: ``overwrite`` is neither true nor false.
    """
    folder, replace = Path(folder), as_flag("overwrite", overwrite)
    check_can_be_written(folder, "analysis_dir")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / ANALYSIS_NAME).is_file():
        raise RunFolderError(
            f"{folder} holds something else than an analysis. Nothing was changed. Name another folder by "
            "--analysis_dir FOLDER."
        )
    if not replace:
        raise RunFolderError(
            f"{folder} already holds an analysis. Nothing was changed. Write elsewhere by --analysis_dir FOLDER, or "
            "replace it, the folder as a whole, by --overwrite true."
        )
