"""Where a report reads and writes: checked first, before the libraries that make it are imported."""

import os
from pathlib import Path

from monai_mocoi.errors import RunFolderError
from monai_mocoi.runs.product_folders import check_can_be_written

PAGE_NAME, TABLES, FIGURES = "report.html", "tables", "figures"
"""What a report's folder holds."""


def check_report_place(runs: str | os.PathLike[str], out: str | os.PathLike[str], overwrite: bool) -> None:
    """Check that there are runs to read, and that the report can be written.

    Args:
        runs: a study's folder, or any folder with run folders below it.
        out: the report's folder; it may hold nothing else.
        overwrite: whether an earlier report in ``out`` may be replaced.

    Raises:
        RunFolderError: one of the two cannot be used.
    """
    check_runs_folder(runs)
    folder = Path(out)
    check_can_be_written(folder, "out")
    own, above = folder.resolve(), Path(runs).resolve()
    if own == above or own in above.parents:
        raise RunFolderError(f"{folder} holds the runs themselves: choose another folder for the report.")
    if not folder.exists() or not any(folder.iterdir()):
        return
    others = {own.name for own in folder.iterdir()} - {PAGE_NAME, TABLES, FIGURES}
    if others or not (folder / PAGE_NAME).is_file():
        raise RunFolderError(f"{folder} holds something else than a report: choose another folder for it.")
    if not overwrite:
        raise RunFolderError(f"{folder} holds a report already: choose another folder, or replace it.", code="exists")


def check_runs_folder(runs: str | os.PathLike[str]) -> None:
    """Refuse (RunFolderError) runs that are no folder."""
    if not Path(runs).is_dir():
        raise RunFolderError(f"there is no folder {str(runs)!r}: give a study's folder, or one that holds run folders.")
