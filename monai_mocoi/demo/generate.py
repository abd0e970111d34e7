"""Generated demo data sets: a dataset folder of phantoms, the same for the same seed."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from monai_mocoi.data.datalist_form import DATALIST_NAME, MANIFEST_NAME
from monai_mocoi.data.datalist_writer import write_datalist
from monai_mocoi.data.parallel import map_in_threads
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.data.splits import split_by_patient
from monai_mocoi.demo.demo_sets import DEMO_SETS, DemoImage
from monai_mocoi.errors import DatasetError, RefusedError
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.home_folder import expand_home

DEMO_VERSIONS = {modality: demo.version for modality, demo in DEMO_SETS.items()}
"""The modalities that can be generated, and the version of their drawing."""

_SPLIT_SHARES = (0.7, 0.1, 0.2)


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
        patients, size: 10 to 9999; rows in pixels (columns, except fundus), 32 to 2048; None: of ``DEMO_SETS``.
        seed: >= 0.
        workers: threads; None means one a usable processor. It does not change the files.
        progress: show a bar on standard error.

    Returns:
        the folder's absolute path.

    Raises:
        DatasetError: an unknown modality, a number out of its range, or a folder that holds something else.
    """
    checked_modality(modality)
    patients = DEMO_SETS[modality].patients if patients is None else patients
    size = DEMO_SETS[modality].size if size is None else size
    numbers = (("patients", patients, 10, 9999), ("size", size, 32, 2048), ("seed", seed, 0, 2**32 - 1))
    for name, value, low, high in numbers:
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
            _write(partial, modality, wanted, workers, progress)
            if folder.exists():
                folder.rmdir()
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return folder


def checked_modality(modality: str | None) -> str:
    """The modality; one without demo data is a DatasetError."""
    if modality is None or modality not in DEMO_VERSIONS:
        raise DatasetError(
            f"there is no demo data for modality '{modality}', only for {', '.join(DEMO_VERSIONS)}: choose one of "
            "these, or give a dataset folder."
        )
    return modality


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


def _write(folder: Path, modality: str, wanted: dict[str, Any], workers: int | None, progress: bool) -> None:
    """Write the images, and then the lists."""
    (folder / "images").mkdir(parents=True)
    demo, seed, options = DEMO_SETS[modality], wanted["seed"], wanted["options"]
    tasks, patients_drawn = [], []
    for number in range(1, options["patients"] + 1):
        drawn, images = demo.sample_patient(np.random.default_rng(derive_seed(seed, number)))
        tasks += [(number, index, drawn) for index in range(images)]
        patients_drawn.append(drawn)

    def write(task: tuple[int, int, Any]) -> dict[str, Any]:
        number, index, drawn = task
        # Random numbers of its own, so that the order of the images does not matter.
        rng = np.random.default_rng(derive_seed(seed, number, index))
        return demo.write(DemoImage(folder, number, index, drawn, rng, options["size"], seed))

    items: list[dict[str, Any]] = [{} for _ in tasks]
    for position, item in map_in_threads(write, tasks, len(tasks), workers, "drawing demo images", progress):
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
