"""Run folders of fine-tuning: their names, and the newest one. Importing it does not import torch."""

import os
from pathlib import Path

from monai_mocoi.errors import RunFolderError
from monai_mocoi.networks.classifier_card import CLASSIFIER_NAME
from monai_mocoi.runs.run_manifest import RunManifest


def finetuning_name(
    pretrained: str | os.PathLike[str] | None,
    trainable: str,
    stage: int | str,
    label_fraction: float,
    label_seed: int,
    solver: str,
) -> str:
    """Name of a run's folder, from the settings in which fine-tuning experiments differ.

    Args:
        pretrained: a weights file; "none" or None: the encoder starts from random weights.
        trainable, stage, label_fraction, label_seed, solver: as in ``finetune.json``.

    Returns:
        such as ``finetune-pretrained-all-s4-f0.1-l1``; the solver only where it is not the usual one.
    """
    start = "scratch" if pretrained is None or str(pretrained) == "none" else "pretrained"
    unusual = "-gradient" if trainable == "head" and solver == "gradient" else ""
    return f"finetune-{start}-{trainable}-s{stage}-f{label_fraction:g}-l{label_seed}{unusual}"


def newest_finetuned(output_dir: str | os.PathLike[str], pattern: str = "finetune-*") -> str:
    """The finished fine-tuning run to use: the newest one of a pretrained encoder with all weights, else the newest.

    A linear evaluation or a supervised baseline that was run later is not taken in its place.

    Without a finished run it is the newest unfinished one and, where there is none either, ``output_dir`` itself: who
    reads the classifier then says what is missing.
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
    """The weights file that new images are classified with.

    Args:
        run_dir: a run folder or a weights file; None: the package's weights or, where these are not there, the newest
            finished run.
        output_dir: folder that holds the runs.
        packaged: place of a package's weights.

    Returns:
        a path, also where no file is there.
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
