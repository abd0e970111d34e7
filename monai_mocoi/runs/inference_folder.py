"""What inference writes, and whether it may; ``mocoi plan`` asks the same, so torch is not imported for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from monai_mocoi.errors import RunFolderError
from monai_mocoi.runs.product_folder import check_can_be_written

TABLE_NAME = "classified.csv"
OVERLAYS_NAME = "grad_cam"
_OVERLAY_PATTERN = "row[0-9]*.png"
_OF_OTHERS = ("datalist.json", "metrics.json", "manifest.json")  # of data sets, evaluations, runs


def check_inference_folder(folder: Path, overwrite: bool) -> None:
    """Refuse a folder that holds an earlier inference. Nothing is changed.

    Args:
        folder: for the table, and a folder of overlays in it.
        overwrite: allow it; :func:`empty_inference_folder` removes what is there.

    Raises:
        RunFolderError: it holds one, it is a file or a folder of another kind, or it cannot be written.
    """
    check_can_be_written(folder, "inference_dir")
    if any((folder / name).exists() for name in _OF_OTHERS):
        raise RunFolderError(
            f"{folder} belongs to something else than inference: name another by --inference_dir FOLDER."
        )
    if not overwrite and any(_products(folder)):
        raise RunFolderError(
            f"{folder} already holds predictions. Write elsewhere by --inference_dir FOLDER, or replace them by "
            "--overwrite true."
        )


def empty_inference_folder(folder: Path) -> None:
    """Remove the table and the overlays of an earlier inference, and nothing else."""
    for product in list(_products(folder)):
        product.unlink()


def _products(folder: Path) -> Iterator[Path]:
    table = folder / TABLE_NAME
    if table.exists():
        yield table
    yield from (folder / OVERLAYS_NAME).glob(_OVERLAY_PATTERN)
