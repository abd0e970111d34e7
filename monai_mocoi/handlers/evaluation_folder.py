"""What an evaluation writes, and whether it may; it can be asked before any work, and torch is not imported for it."""

from __future__ import annotations

import os
from pathlib import Path

from monai_mocoi.handlers.product_folder import check_can_be_written
from monai_mocoi.handlers.run_folder_error import RunFolderError
from monai_mocoi.handlers.setting_ranges import as_flag

PREDICTIONS_NAME = "predictions.csv"
METRICS_NAME = "metrics.json"
VALIDATION_NAME = "validation_predictions.csv"  # in the run folder, beside the classifier
WORST_ERRORS_NAME = "worst_errors.png"


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
