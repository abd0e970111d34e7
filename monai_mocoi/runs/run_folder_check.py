"""Whether a run may use a folder, told from the names and the JSON files in it."""

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.errors import RunFolderError
from monai_mocoi.files.atomic_write import LEFTOVERS
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.runs.checkpoint_files import checkpoint_files, iteration_of
from monai_mocoi.runs.product_folders import check_can_be_written, check_place
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.runs.run_status import HEARTBEAT_NAME
from monai_mocoi.runs.same_settings import check_same_settings, folder_setting
from monai_mocoi.runs.setting_ranges import as_flag
from monai_mocoi.runs.settings import plain

# What a run has written before its first checkpoint.
_OF_A_START = {
    *("config.json", RunManifest.FILE, HEARTBEAT_NAME),
    *("skipped_images.json", "labelled.json", "tensorboard", "checkpoints", "debug"),
}


@dataclass(frozen=True)
class EarlierRun:
    """The run that a folder holds: its manifest, which has a ``status``, and its newest checkpoint, if it has any."""

    manifest: Mapping[str, Any]
    newest: Path | None


def find_run(folder: Path) -> EarlierRun | None:
    """The run that a folder holds; None: it holds none. RunFolderError: its manifest has a format that is not known."""
    if not (folder / "config.json").is_file() or (folder / "datalist.json").exists():
        return None  # a dataset folder has a manifest too, and must never be emptied
    try:
        content = json.loads((folder / RunManifest.FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(content, dict) or "status" not in content:
        return None
    return EarlierRun(RunManifest.of(content), next(iter(checkpoint_files(folder / "checkpoints")), None))


def read_config(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a run; RunFolderError if it cannot be read."""
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunFolderError(f"config.json in {folder} cannot be read ({type(error).__name__}).") from error


def check_run_folder(
    folder: str | os.PathLike[str],
    overwrite: bool | str = False,
    resume: bool | str = False,
    settings: Mapping[str, Any] | None = None,
    results: Mapping[str, Any] | None = None,
    undecided: Collection[str] = (),
    dataset_sha256: str | None = None,
    max_epochs: int | None = None,
    epoch_length: int | None = None,
) -> EarlierRun | None:
    """Refuse a folder that the run to be may not use. Nothing is changed.

    Args:
        folder: of the run.
        overwrite: allow a folder that holds an earlier run, which will be deleted; "true" and "false" will do.
        resume: allow a folder that holds an earlier run of the same settings, or nothing; also as a text.
        settings, results: of the run to be; what it starts from, such as hashes of its weights and labelled images.
        undecided: names of settings that are not known yet; dataset_sha256, max_epochs, epoch_length: None: not known.

    Returns:
        the run that the folder holds; None: it holds nothing, or is not there.

    Raises:
        RunFolderError: says why it may not, and what to do.
    """
    folder, settings = Path(folder), plain(settings or {})
    overwrite, resume = as_flag("overwrite", overwrite), as_flag("resume", resume)
    max_epochs = settings.get("max_epochs") if max_epochs is None else max_epochs
    if overwrite and int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")):
        raise RunFolderError(
            "torchrun has started its processes again, and overwrite would now delete what the run has reached. "
            "Nothing was changed: start with resume true instead, which continues it."
        )
    if overwrite and resume:
        raise RunFolderError("overwrite deletes the earlier run and resume continues it: give only one of them.")
    setting = folder_setting(settings)
    check_place(folder, setting)
    run = None
    if folder.is_dir() and any(folder.iterdir()):
        run = find_run(folder)
        if run is None:
            text = f"{folder} holds files, but not those of a run: choose another {setting}, or move them away."
            raise RunFolderError(text)
        if resume:
            saved = _continuable_config(folder, run) | (run.manifest.get("results", {}) if results is not None else {})
            known = {name: value for name, value in saved.items() if name not in {*undecided, "components"}}
            check_same_settings(known, {**settings, **(results or {})}, f"the run in {folder}")
            if run.newest is not None:
                _check_progress(folder, run, dataset_sha256, max_epochs, epoch_length)
        elif not overwrite:
            whole = run.manifest["status"] == "finished" and (folder / CLASSIFIER_NAME).is_file()
            state = "finished, with its classifier" if whole else f"state: {run.manifest['status']}"
            ways = "test it by evaluate.json, " if whole else "set resume to true to continue it, "
            raise RunFolderError(
                f"{folder} already holds a run ({state}). Nothing was changed: {ways}choose another {setting}, or set "
                "overwrite to true to delete it and start anew.",
                code="holds_run",
            )
    check_can_be_written(folder, setting)
    beside = "Beside a run folder are its lock file and, for a moment, a new or a deleted run. "
    check_can_be_written(folder.resolve().parent, setting, beside)
    return run


def _continuable_config(folder: Path, run: EarlierRun) -> dict[str, Any]:
    if run.newest is None:
        # It would be made anew: only if nothing is lost by that.
        names = (path.name for path in folder.iterdir() if not path.match(LEFTOVERS))
        kept = sorted(name for name in names if name not in _OF_A_START)
        if run.manifest["status"] == "finished" or kept or any((folder / "checkpoints").glob("*.damaged")):
            raise RunFolderError(
                f"{folder} holds a run without a good checkpoint (state: {run.manifest['status']}; files: "
                f"{', '.join(kept) or 'none of value'}), which cannot be continued. Nothing was changed. Choose "
                "another output_dir, or set overwrite to true to delete it and start anew."
            )
    return read_config(folder)


def _check_progress(
    folder: Path, run: EarlierRun, dataset_sha256: str | None, max_epochs: int | None, epoch_length: int | None
) -> None:
    epoch_length = epoch_length or run.manifest.get("epoch_length")
    if run.newest is not None and max_epochs is not None and epoch_length is not None:
        epoch = -(-iteration_of(run.newest) // epoch_length)
        if epoch > max_epochs:
            raise RunFolderError(
                f"max_epochs is {max_epochs}, but the run in {folder} has reached epoch {epoch}: continue it with at "
                "least as many."
            )
    if dataset_sha256 is not None and run.manifest.get("dataset_sha256") != dataset_sha256:
        raise RunFolderError(
            f"the run in {folder} was made with another data set: its datalist.json differs. Nothing was changed. "
            "Give the earlier dataset_dir, or choose another output_dir."
        )
