"""Generated demo data sets, and what ``dataset_dir`` means in a bundle: a dataset folder, or the word "demo"."""

from __future__ import annotations

import difflib
import json
import logging
import os
import shlex
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi.data.datalist import DATALIST_NAME, MANIFEST_NAME, refuse_bundle, write_datalist
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.data.splits import split_by_patient
from monai_mocoi.demo.demo_sets import DEMO_SETS, DemoImage
from monai_mocoi.errors import DatasetError, RefusedError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.expand_home import expand_home
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.networks.known_images import check_drawn_or_real
from monai_mocoi.networks.weights_error import check_weights_place

__all__ = ["DEMO_VERSIONS", "generate_demo", "resolve_dataset_dir"]

DEMO_VERSIONS = {modality: demo.version for modality, demo in DEMO_SETS.items()}
"""The modalities that can be generated, and the version of their drawing."""

_SPLIT_SHARES = (0.7, 0.1, 0.2)
_OWN = "inhouse --images IMAGES --private PRIVATE"
_BEGUN = "preparation.jsonl"  # what data_prep leaves when it is interrupted

_log = logging.getLogger(__name__)


def generate_demo(
    out: str | Path,
    modality: str = "chest",
    patients: int | None = None,
    size: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: bool = True,
) -> Path:
    """Generate a dataset folder of phantoms; with the same seed and options, the same files byte for byte.

    The folder appears when it is complete, in one step. A folder that this very call would write is left as it is.

    Args:
        out: the dataset folder to make; it may exist if it is empty.
        modality: a key of ``DEMO_VERSIONS``.
        patients: >= 10; None means 360 for chest (1 to 4 images each), 60 for histology (10 to 22 each) and 420 for
            fundus (both eyes).
        size: rows in pixels, and columns but for fundus (whose photographs are up to 1.5 times as wide), 32 to 2048;
            None means 128 for chest, 50 for histology and 160 for fundus.
        seed: >= 0.
        workers: threads; None means one a usable processor. It does not change the files.
        progress: show a bar on standard error.

    Returns:
        the folder's absolute path.

    Raises:
        DatasetError: an unknown modality, a number out of its range, or a folder that holds something else.
    """
    _check_modality(modality)
    patients = DEMO_SETS[modality].patients if patients is None else patients
    size = DEMO_SETS[modality].size if size is None else size
    for name, value, low, high in (
        ("patients", patients, 10, 9999),
        ("size", size, 32, 2048),
        ("seed", seed, 0, 2**32 - 1),
    ):
        if not low <= value <= high:
            raise RefusedError(f"{name} is {value}; it must be from {low} to {high}.")
    folder = Path(os.path.abspath(expand_home(out)))
    wanted = {
        "source": f"demo-{modality}",
        "seed": seed,
        "options": {"patients": patients, "size": size, "drawing": DEMO_VERSIONS[modality]},
    }
    with file_lock(folder.with_name(f".{folder.name}.lock")):
        if _holds(folder, wanted):
            return folder
        partial = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)  # left by a run that was killed: the lock says it has ended
        try:
            _write(partial, modality, wanted, patients, size, seed, workers, progress)
            if folder.exists():
                folder.rmdir()
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def resolve_dataset_dir(dataset_dir: str, modality: str, weights: str | os.PathLike[str] | None = None) -> str:
    """Turn a bundle's ``dataset_dir`` into the path of a dataset folder.

    Args:
        dataset_dir: a folder that ``data_prep`` has written, or "demo": phantoms, generated once into the user's cache
            folder (any number of processes may ask at the same time) and announced by a warning.
        modality: of the bundle: what "demo" stands for, a key of ``DEMO_VERSIONS``. A folder that ``data_prep`` made of
            images of another one is announced by a warning.
        weights: that the bundle starts from, or tests: phantoms are not drawn for weights of real images, see
            :func:`~monai_mocoi.networks.check_drawn_or_real`.

    Returns:
        the folder's absolute path.

    Raises:
        DatasetError: it is neither; the text names the value and the command to run.
        WeightsError: it is "demo", but the weights were made on a dataset folder, or are a ``.pt`` that is not there.
    """
    check_drawn_or_real(dataset_dir, weights)
    if dataset_dir == "demo":
        _check_modality(modality)
        if weights is not None and Path(weights).suffix == ".pt":
            check_weights_place(weights)  # before minutes of drawing
        folder = user_cache_dir() / "demo" / f"{modality}-{DEMO_VERSIONS[modality]}"
        _log.warning(
            "dataset_dir is 'demo': GENERATED PHANTOMS, NOT MEDICAL DATA, in %s. "
            "Nothing learnt or measured on them says anything about patients.",
            folder,
        )
        return str(generate_demo(folder, modality))
    folder = Path(os.path.abspath(expand_home(dataset_dir)))
    if dataset_dir and (folder / DATALIST_NAME).is_file():
        _warn_of_other_modality(folder, modality)
        return str(folder)
    if near := _near(folder) if dataset_dir else []:
        names = " or ".join(repr(str(Path(dataset_dir).with_name(name))) for name in near)
        raise DatasetError(f"dataset_dir is '{dataset_dir}', which does not exist: is {names} meant?")
    if dataset_dir:
        refuse_bundle(folder, dataset_dir)
    missing = "does not exist" if os.path.isabs(dataset_dir) else "does not exist in the current folder"
    problem = f"has no {DATALIST_NAME}" if dataset_dir and folder.is_dir() else missing
    kinds = [DEMO_SETS[modality]] if modality in DEMO_SETS else DEMO_SETS.values()
    commands = "".join(f"  python -m data_prep {_options(kind.prepare, dataset_dir, folder)}\n" for kind in kinds)
    raise DatasetError(
        f"dataset_dir is '{dataset_dir}', which {problem}: it is no finished dataset folder. Make it first, of images "
        "of your own (docs/inhouse.md) with\n"
        f"  python -m data_prep {_options(_OWN, dataset_dir, folder)}\n"
        f"or of public data with\n{commands}"
        "One made by hand (docs/data.md shows it whole) is checked by\n"
        "  python -m data_prep audit FOLDER\n"
        "Or give dataset_dir as 'demo' to try with generated phantoms."
    )


def _near(folder: Path) -> list[str]:
    """Names of dataset folders that a folder which does not exist may have been meant to be."""
    try:
        beside = [] if folder.exists() else os.listdir(folder.parent)
    except OSError:
        return []
    near = difflib.get_close_matches(folder.name, beside, n=3)
    return [name for name in near if (folder.with_name(name) / DATALIST_NAME).is_file()]


def _warn_of_other_modality(folder: Path, modality: str) -> None:
    try:
        source = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))["source"]
    except (OSError, ValueError, KeyError, TypeError):
        return  # a folder made by hand
    known = {kind.prepare.split()[0]: name for name, kind in DEMO_SETS.items()} | {f"demo-{m}": m for m in DEMO_SETS}
    if known.get(source, modality) != modality:
        _log.warning(
            "The bundle is for %s images, but data_prep made dataset_dir '%s' of %s images (%s): is this the folder, "
            "and the bundle, that you want?",
            modality,
            folder,
            known[source],
            source,
        )


def _options(prepare: str, dataset_dir: str, folder: Path) -> str:
    """The options of data_prep: a folder that holds something else is taken for the raw images, not for the target."""
    given = shlex.quote(dataset_dir) if dataset_dir else "FOLDER"
    names = {path.name for path in folder.iterdir()} if dataset_dir and folder.is_dir() else set()
    if names - {".lock"} and _BEGUN not in names:
        return f"{prepare.replace('IMAGES', given)} --out NEW_FOLDER"
    return f"{prepare} --out {given}"


def _check_modality(modality: str) -> None:
    if modality not in DEMO_VERSIONS:
        raise DatasetError(f"there is no demo data for modality '{modality}', only for {', '.join(DEMO_VERSIONS)}.")


def _holds(folder: Path, wanted: dict[str, Any]) -> bool:
    """True if ``folder`` is the finished data set ``wanted``; False if there is room for it; else an error."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return False
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
        found = {key: manifest.get(key) for key in wanted}
    except (OSError, ValueError, AttributeError):
        found = {}
    if found == wanted and (folder / DATALIST_NAME).is_file():
        return True
    what = "demo data with other options" if found.get("source") == wanted["source"] else "something else"
    raise RefusedError(
        f"the folder '{folder.name}' exists and holds {what}; nothing was written. Name another folder, or remove "
        "that one first."
    )


def _write(
    folder: Path,
    modality: str,
    wanted: dict[str, Any],
    patients: int,
    size: int,
    seed: int,
    workers: int | None,
    progress: bool,
) -> None:
    """Write the images, and then the lists."""
    (folder / "images").mkdir(parents=True)
    demo = DEMO_SETS[modality]
    tasks, patients_drawn = [], []
    for number in range(1, patients + 1):
        drawn, images = demo.sample_patient(np.random.default_rng(derive_seed(seed, number)))
        tasks += [(number, index, drawn) for index in range(images)]
        patients_drawn.append(drawn)

    def write(task: tuple[int, int, Any]) -> dict[str, Any]:
        number, index, drawn = task
        # Random numbers of its own, so that the order of the images does not matter.
        rng = np.random.default_rng(derive_seed(seed, number, index))
        return demo.write(DemoImage(folder, number, index, drawn, rng, size, seed))

    items: list[dict[str, Any]] = [{} for _ in tasks]
    written = map_in_threads(
        write,
        tasks,
        total=len(tasks),
        workers=workers,
        description="drawing demo images",
        progress=progress,
    )
    for position, item in written:
        items[position] = item
    if demo.write_table is not None:
        demo.write_table(folder, patients_drawn)
    labels = np.array([item["label"] for item in items])
    part = split_by_patient([item["patient"] for item in items], labels, _SPLIT_SHARES, seed)
    splits = {
        split: [item for item, own in zip(items, part, strict=True) if own == i]
        for i, split in enumerate(("training", "validation", "test"))
    }
    images_with = labels.sum(0) if labels.ndim == 2 else np.bincount(labels, minlength=len(demo.labels))
    counts = dict(zip(demo.labels, images_with.tolist(), strict=True))
    manifest = {**wanted, "images_with": counts, "exclusions": {}}
    write_datalist(folder, f"{demo.title}, seed {seed} (generated, not medical)", demo.labels, splits, manifest)
