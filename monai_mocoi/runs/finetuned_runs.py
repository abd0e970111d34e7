"""Run folders of fine-tuning: their names, and the newest one. Importing it does not import torch."""

import os
from pathlib import Path

from monai_mocoi.errors import RunFolderError
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.runs.run_manifest import RunManifest


def newest_finetuned(output_dir: str | os.PathLike[str], pattern: str = "finetune-*") -> str:
    """The finished fine-tuning run to use: the newest one of a pretrained encoder with all weights, else the newest.

    So a linear evaluation or a supervised baseline that was run later is not taken in its place. Without a finished run
    it is the newest unfinished one, else ``output_dir`` itself: who reads the classifier then says what is missing.
    """
    runs = [folder for folder in Path(output_dir).glob(pattern) if folder.is_dir()]
    return str(max(runs, key=_when_it_ended)) if runs else os.fspath(output_dir)


def finetuned_from(output_dir: str | os.PathLike[str]) -> str | list[str]:
    """The newest finished run with all weights of a pretrained encoder trained; an empty list: there is none."""
    found = newest_finetuned(output_dir, "finetune-pretrained-all-*")
    return found if (Path(found) / CLASSIFIER_NAME).is_file() else []


def classifier_to_use(
    run_dir: str | os.PathLike[str] | None, output_dir: str | os.PathLike[str], packaged: str | os.PathLike[str]
) -> str:
    """The weights file that new images are classified with; a path, also where no file is there.

    Args:
        run_dir: a run folder or a weights file; None: the package's weights, at ``packaged``, or, where these are not
            there, the newest finished run in ``output_dir``.
        output_dir, packaged: see ``run_dir``.
    """
    if run_dir is None and os.path.isfile(packaged):
        return os.fspath(packaged)
    if run_dir is not None and os.path.isfile(run_dir):
        return os.fspath(run_dir)
    return os.path.join(newest_finetuned(output_dir) if run_dir is None else run_dir, CLASSIFIER_NAME)


def _when_it_ended(folder: Path) -> tuple[bool, bool, str, float]:
    """Sorts unfinished runs before finished ones, those before fine-tuned encoders, and these by their end."""
    usual = folder.name.startswith("finetune-pretrained-all-")
    try:
        manifest = RunManifest.read(folder / RunManifest.FILE)
        weights = (folder / CLASSIFIER_NAME).stat().st_mtime
    except (OSError, RunFolderError):
        return False, usual, "", folder.stat().st_mtime
    ended = (manifest.ended or "") if manifest.status == "finished" else ""
    return bool(ended), usual, ended, weights  # the end is given in whole seconds
