"""What the demo data of each modality are: classes, default numbers, how a patient is drawn and an image written."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from monai_mocoi.demo.phantoms.chest import (
    CHEST_FINDINGS,
    CHEST_VERSION,
    FIELD_CM,
    Anatomy,
    draw_chest,
    sample_anatomy,
    sample_study,
)
from monai_mocoi.demo.phantoms.fundus import (
    FUNDUS_CLASSES,
    FUNDUS_VERSION,
    SIDES,
    Person,
    draw_photograph,
    sample_person,
    sample_photograph,
)
from monai_mocoi.demo.phantoms.histology import (
    HISTOLOGY_CLASSES,
    HISTOLOGY_VERSION,
    Slide,
    draw_patch,
    sample_patch,
    sample_slide,
)
from monai_mocoi.demo.phantoms.radiograph_file import RadiographIdentity, sample_storage, save_radiograph

__all__ = ["DEMO_SETS", "DemoImage", "DemoSet"]


@dataclass(frozen=True)
class DemoImage:
    """One image to draw.

    Attributes:
        folder: the dataset folder, which has a folder ``images``.
        patient: the patient's number, from 1.
        index: of the image among the patient's, from 0.
        drawn: what ``sample_patient`` gave.
        rng: the image's own random numbers.
        size: rows in pixels, and columns but for fundus.
        seed: of the data set.
    """

    folder: Path
    patient: int
    index: int
    drawn: Any
    rng: np.random.Generator
    size: int
    seed: int


@dataclass(frozen=True)
class DemoSet:
    """The demo data of one modality.

    Attributes:
        title: begins the data set's name.
        version: of the drawing.
        labels: the classes or findings in the order of the label values.
        patients: how many by default.
        size: rows of an image by default, and columns but for fundus.
        images_each: how many images a patient has, in words.
        prepare: the ``data_prep`` words that prepare real data of the kind, without ``--out``.
        sample_patient: draws a patient: what ``write`` needs of it, and the number of images.
        write: draws and writes one image and returns its datalist item.
        write_table: writes what real data of the kind have beside the images, from the folder and what
            ``sample_patient`` gave of each patient; None for nothing.
    """

    title: str
    version: int
    labels: tuple[str, ...]
    patients: int
    size: int
    images_each: str
    prepare: str
    sample_patient: Callable[[np.random.Generator], tuple[Any, int]]
    write: Callable[[DemoImage], dict[str, Any]]
    write_table: Callable[[Path, Sequence[Any]], None] | None = None


def _chest_patient(rng: np.random.Generator) -> tuple[Anatomy, int]:
    return sample_anatomy(rng), int(rng.integers(1, 5))


def _write_chest(image: DemoImage) -> dict[str, Any]:
    drawing = draw_chest(image.drawn, sample_study(image.rng, image.drawn), image.size)
    patient = f"p{image.patient:04d}"
    name = f"images/{patient}_{image.index}.dcm"
    entropy = (f"demo-chest-{CHEST_VERSION}", str(image.seed), str(image.size))
    identity = RadiographIdentity(patient, image.index, "F" if image.drawn.breast else "M", entropy)
    storage = sample_storage(image.rng)
    save_radiograph(image.folder / name, drawing.image, storage, identity, 10 * FIELD_CM / image.size)
    return {"image": name, "label": list(drawing.labels), "patient": patient}


def _histology_patient(rng: np.random.Generator) -> tuple[tuple[Slide, list[int]], int]:
    """A slide, and where on it (on a grid of 30 x 30) its patches lie."""
    slide, count = sample_slide(rng), int(rng.integers(10, 23))
    return (slide, rng.choice(30 * 30, count, replace=False).tolist()), count


def _write_histology(image: DemoImage) -> dict[str, Any]:
    slide, places = image.drawn
    patch = sample_patch(image.rng, slide)
    picture, _ = draw_patch(slide, patch, image.size)
    patient = str(10000 + image.patient)  # a number, as in the public data set
    row, column = divmod(places[image.index], 30)
    place = f"x{column * image.size + 1}_y{row * image.size + 1}"
    name = f"images/{patient}_idx5_{place}_class{patch.label}.png"
    Image.fromarray(np.round(picture * 255).astype(np.uint8)).save(image.folder / name, format="PNG")
    return {"image": name, "label": patch.label, "patient": patient}


def _fundus_patient(rng: np.random.Generator) -> tuple[Person, int]:
    return sample_person(rng), 2


def _write_fundus(image: DemoImage) -> dict[str, Any]:
    side = SIDES[image.index]
    photograph = sample_photograph(image.rng, image.drawn, side)
    picture = draw_photograph(image.drawn, photograph, image.size).image
    patient = f"p{image.patient:04d}"
    name = f"images/{patient}_{side}.jpeg"
    levels = np.round(picture * 255).astype(np.uint8)
    Image.fromarray(levels).save(image.folder / name, format="JPEG", quality=int(image.rng.integers(85, 96)))
    return {"image": name, "label": photograph.label, "patient": patient}


def _write_fundus_levels(folder: Path, people: Sequence[Person]) -> None:
    """The grades, as ``data_prep eyepacs`` reads them."""
    with open(folder / "trainLabels.csv", "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(("image", "level"))
        for number, person in enumerate(people, 1):
            table.writerows((f"p{number:04d}_{side}", grade) for side, grade in zip(SIDES, person.grades, strict=True))


DEMO_SETS = {
    "chest": DemoSet(
        title="Chest phantoms",
        version=CHEST_VERSION,
        labels=CHEST_FINDINGS,
        patients=360,
        size=128,
        images_each="1 to 4",
        prepare="nih --images IMAGES --metadata Data_Entry_2017_v2020.csv",
        sample_patient=_chest_patient,
        write=_write_chest,
    ),
    "histology": DemoSet(
        title="Histology phantoms",
        version=HISTOLOGY_VERSION,
        labels=HISTOLOGY_CLASSES,
        patients=60,
        size=50,
        images_each="10 to 22",
        prepare="bch --images IMAGES",
        sample_patient=_histology_patient,
        write=_write_histology,
    ),
    "fundus": DemoSet(
        title="Fundus phantoms",
        version=FUNDUS_VERSION,
        labels=FUNDUS_CLASSES,
        patients=420,
        size=160,
        images_each="2",
        prepare="eyepacs --images IMAGES --labels trainLabels.csv",
        sample_patient=_fundus_patient,
        write=_write_fundus,
        write_table=_write_fundus_levels,
    ),
}
"""By modality."""
