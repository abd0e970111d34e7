"""May a run use this folder? Told from the names and the JSON files in it.

``mocoi plan`` asks the same as the run, so that they cannot disagree; torch is not imported for it.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.errors import RunFolderError
from monai_mocoi.files.atomic_write import LEFTOVERS
from monai_mocoi.runs.checkpoint_names import checkpoint_files, iteration_of
from monai_mocoi.runs.product_folder import check_place
from monai_mocoi.runs.run_manifest import RunManifest
from monai_mocoi.runs.same_settings import check_same_settings

# What a run has written before its first checkpoint.
_OF_A_START = {"config.json", "manifest.json", "skipped_images.json", "tensorboard", "checkpoints"}


@dataclass(frozen=True)
class EarlierRun:
    """The run that a folder holds.

    Attributes:
        manifest: its ``manifest.json``, which has a ``status``.
        newest: its newest checkpoint; None: it has none.
    """

    manifest: Mapping[str, Any]
    newest: Path | None


def find_run(folder: Path) -> EarlierRun | None:
    """The run that a folder holds; None where it holds something else, or nothing."""
    if not (folder / "config.json").is_file() or (folder / "datalist.json").exists():
        return None  # a dataset folder has a manifest too, and must never be emptied
    try:
        manifest = RunManifest.read(folder / RunManifest.FILE)
    except RunFolderError:
        return None
    if "status" not in manifest:
        return None
    return EarlierRun(manifest, next(iter(checkpoint_files(folder / "checkpoints")), None))


def read_config(folder: Path) -> dict[str, Any]:
    """The ``config.json`` of a run.

    Raises:
        RunFolderError: it cannot be read.
    """
    try:
        return dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise RunFolderError(f"config.json in {folder} cannot be read ({type(error).__name__}).") from error


def check_usable(
    folder: Path,
    overwrite: bool,
    resume: bool,
    settings: Mapping[str, Any],
    undecided: Collection[str] = (),
    dataset_sha256: str | None = None,
    max_epochs: int | None = None,
    epoch_length: int | None = None,
    results: Mapping[str, Any] | None = None,
) -> EarlierRun | None:
    """Refuse a folder that the run to be may not use. Nothing is changed.

    Args:
        folder: of the run.
        overwrite: a folder that holds an earlier run will do; it will be deleted.
        resume: a folder that holds an earlier run of the same settings will do.
        settings: of the run to be: names and plain values, as JSON knows them.
        undecided: names of settings that are not known yet, and not compared.
        dataset_sha256: hash of its ``datalist.json``; None: not known yet.
        max_epochs: how many it is to have in all; None: not known yet.
        epoch_length: iterations an epoch; None: what the earlier run's manifest says.
        results: what the run starts from, as hashes of its weights and of its labelled images; compared like settings.
            None: not known yet.

    Returns:
        the run that the folder holds; None: it holds nothing, or is not there.

    Raises:
        RunFolderError: says why it may not, and what to do.
    """
    if overwrite and int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")):
        raise RunFolderError(
            "torchrun has started its processes again, and --overwrite true would now delete what the run has reached. "
            "Nothing was changed: start with --resume true instead, which continues it."
        )
    if overwrite and resume:
        raise RunFolderError("overwrite deletes the earlier run and resume continues it: give only one of them.")
    check_place(folder, "run_dir" if "trainable" in settings else "output_dir")  # of fine-tuning the first
    another = _another_place(folder, settings)
    run = None
    if folder.is_dir() and any(folder.iterdir()):
        run = find_run(folder)
        if run is None:
            raise RunFolderError(f"{folder} holds files, but not those of a run: {another}, or move them away.")
        if resume:
            saved = _continuable_config(folder, run)
            saved |= run.manifest.get("results", {}) if results is not None else {}
            unknown = {*undecided, "components"}
            known = {name: value for name, value in saved.items() if name not in unknown}
            check_same_settings(known, {**settings, **(results or {})}, f"the run in {folder}")
            if run.newest is not None:
                _check_progress(folder, run, run.newest, dataset_sha256, max_epochs, epoch_length)
        elif not overwrite and run.manifest["status"] == "finished" and (folder / "classifier.pt").is_file():
            raise RunFolderError(
                f"{folder} already holds a run, finished and with its classifier. Nothing was changed. Test it by "
                f"evaluate.json with --run_dir {shlex.quote(str(folder))}, {another}, or add "
                "--overwrite true to delete it and start anew."
            )
        elif not overwrite:
            raise RunFolderError(
                f"{folder} already holds a run (state: {run.manifest['status']}). Nothing was changed. Add --resume "
                f"true to continue it, {another}, or add --overwrite true to delete it and start anew."
            )
    _check_places(folder)
    return run


def _another_place(folder: Path, settings: Mapping[str, Any]) -> str:
    """What to do for a run of its own, with another learning rate for example."""
    if "trainable" in settings:  # fine-tuning: in another output_dir it would not find its encoder
        return f"give this run a folder of its own by --run_dir {shlex.quote(f'{folder}-2')} (its encoder stays)"
    return "choose another --output_dir"


def _continuable_config(folder: Path, run: EarlierRun) -> dict[str, Any]:
    if run.newest is None:
        # It would be made anew: only if nothing is lost by that.
        names = (path.name for path in folder.iterdir() if not path.match(LEFTOVERS))
        kept = sorted(name for name in names if name not in _OF_A_START)
        if run.manifest["status"] == "finished" or kept or any((folder / "checkpoints").glob("*.damaged")):
            raise RunFolderError(
                f"{folder} holds a run without a good checkpoint (state: {run.manifest['status']}; files: "
                f"{', '.join(kept) or 'none of value'}), which cannot be continued. Nothing was changed. Choose "
                "another --output_dir, or add --overwrite true to delete it and start anew."
            )
    return read_config(folder)


def _check_progress(
    folder: Path,
    run: EarlierRun,
    newest: Path,
    dataset_sha256: str | None,
    max_epochs: int | None,
    epoch_length: int | None,
) -> None:
    epoch_length = epoch_length or run.manifest.get("epoch_length")
    if max_epochs is not None and epoch_length is not None:
        epoch = -(-iteration_of(newest) // epoch_length)
        if epoch > max_epochs:
            raise RunFolderError(
                f"max_epochs is {max_epochs}, but the run in {folder} has reached epoch {epoch}: continue it with at "
                "least as many."
            )
    if dataset_sha256 is not None and run.manifest.get("dataset_sha256") != dataset_sha256:
        raise RunFolderError(
            f"the run in {folder} was made with another data set: its datalist.json differs. Nothing was changed. "
            "Give the earlier dataset_dir, or choose another --output_dir."
        )


def _check_places(folder: Path) -> None:
    """The folder itself, and the one in which it stands or will stand, must be folders that can be written."""
    parent = next(path for path in folder.resolve().parents if path.exists())
    for place in (folder, parent):
        if place.exists() and not place.is_dir():
            raise RunFolderError(f"{place} is a file, not a folder: choose another --output_dir.")
    if folder.is_dir() and not os.access(folder, os.W_OK | os.X_OK):
        raise RunFolderError(f"{folder} cannot be written by this user: choose another --output_dir.")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise RunFolderError(
            f"{parent} cannot be written by this user. The run folder itself is not enough: beside it stand its lock "
            "file and, for a moment, a new or a deleted run. Ask for the right to write there, or choose another "
            "--output_dir."
        )
