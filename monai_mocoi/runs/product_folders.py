"""Folders of results: whether an evaluation, an inference or an analysis may be written into one."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from monai_mocoi.errors import LockError, RunFolderError
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.runs.product_names import ANALYSIS_NAME, METRICS_NAME, OVERLAYS_NAME, PREDICTIONS_NAME, TABLE_NAME
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.runs.setting_ranges import as_flag


@dataclass(frozen=True)
class _Product:
    """A kind of results: its name, the setting that names its folder, its files, and files of other things."""

    name: str
    setting: str
    files: tuple[str, ...]
    foreign: tuple[str, ...] = ()
    alone: bool = False  # replaced as a whole folder

    def held(self, folder: Path) -> Iterator[Path]:
        """Those of its files that a folder has."""
        for pattern in self.files:
            yield from sorted(folder.glob(pattern))

    def check(self, folder: str | os.PathLike[str], overwrite: bool | str, setting: str | None = None) -> None:
        folder, replace, setting = Path(folder), as_flag("overwrite", overwrite), setting or self.setting
        check_can_be_written(folder, setting)
        held = [path.name for path in self.held(folder)]
        other = next((name for name in self.foreign if (folder / name).exists()), None)
        if self.alone and not held and folder.exists():
            other = next((path.name for path in folder.iterdir()), None)
        if other is not None:
            raise RunFolderError(
                f"{folder} belongs to something else than {self.name}: it holds {other}. Nothing was changed. Set "
                f"{setting} to another folder."
            )
        if held and not replace:
            raise RunFolderError(
                f"{folder} already holds {self.name} ({', '.join(held[:2])}). Nothing was changed. Set {setting} to "
                "another folder, or set overwrite to true to replace it."
            )


_EVALUATION = _Product("an evaluation", "evaluation_dir", (METRICS_NAME, PREDICTIONS_NAME), ("datalist.json",))
_INFERENCE = _Product(
    "predictions of new images",
    "inference_dir",
    (TABLE_NAME, f"{OVERLAYS_NAME}/row[0-9]*.png"),
    ("datalist.json", METRICS_NAME, RunManifest.FILE),
)
_ANALYSIS = _Product("an analysis", "analysis_dir", (ANALYSIS_NAME,), alone=True)


def check_evaluation_folder(
    folder: str | os.PathLike[str], overwrite: bool | str, setting: str = "evaluation_dir"
) -> None:
    """Refuse a folder, which need not exist, that holds an earlier evaluation. Nothing is changed.

    Args:
        folder, setting: and what names it, for the error.
        overwrite: allow it; its own files are replaced then, and nothing else. The texts "true" and "false" will do.

    Raises:
        RunFolderError: it holds one, it belongs to something else, it is a file, or it cannot be written.
        SettingsError: ``overwrite`` is neither true nor false.
    """
    _EVALUATION.check(folder, overwrite, setting)


def check_inference_folder(folder: str | os.PathLike[str], overwrite: bool | str) -> None:
    """Refuse a folder that holds an earlier inference, as :func:`check_evaluation_folder`."""
    _INFERENCE.check(folder, overwrite)


def check_analysis_folder(folder: str | os.PathLike[str], overwrite: bool | str) -> None:
    """Refuse a folder that holds anything, as :func:`check_evaluation_folder`; an analysis is replaced as a whole."""
    _ANALYSIS.check(folder, overwrite)


def empty_inference_folder(folder: Path) -> None:
    """Remove the table and the overlays of an earlier inference, and nothing else."""
    for product in _INFERENCE.held(folder):
        product.unlink()


def check_place(folder: Path, setting: str) -> None:
    """Refuse (RunFolderError) a place where results would be lost, or handed on with the package that it lies in."""
    if str(folder).startswith("~"):
        text = "begins with '~', which the shell did not replace by a home folder"
        raise RunFolderError(f"{folder} {text}: set {setting} to the whole path.")
    for above in (folder.resolve(), *folder.resolve().parents):
        if (above / "models" / "model.pt").is_file() and (above / "configs" / "inference.json").is_file():
            raise RunFolderError(
                f"{folder} lies in the package {above.name}: results name files of images, and would be handed on with "
                f"it. Set {setting} to a folder outside of it."
            )


def check_can_be_written(folder: Path, setting: str, why: str = "") -> None:
    """Refuse (RunFolderError) a place where no file can be written, or as :func:`check_place`. Nothing is changed.

    The folder need not exist. ``why`` is a sentence on what would be written, for the text.
    """
    check_place(folder, setting)
    place = next(path for path in (folder, *folder.resolve().parents) if path.exists())
    if not place.is_dir():
        raise RunFolderError(f"{place} is a file, but a folder is needed: set {setting} to another one.")
    if not os.access(place, os.W_OK | os.X_OK):
        text = f"{place} cannot be written by this user. {why}Ask for the right, or choose another {setting}."
        raise RunFolderError(text)


def lock_folder(folder: Path, stack: ExitStack) -> None:
    """Hold the lock of a run folder, a file beside it, until the stack is closed; else a RunFolderError."""
    place = folder.resolve()
    try:
        held = stack.enter_context(file_lock(place.with_name(f".{place.name}.lock"), wait=False))
    except LockError as error:
        raise RunFolderError(
            f"the lock file of {folder} cannot be made in the folder above it: ask for the right to write there, or "
            "choose another output_dir."
        ) from error
    if not held:
        raise RunFolderError(f"another process is writing to {folder}: wait for its end, or choose another output_dir.")
