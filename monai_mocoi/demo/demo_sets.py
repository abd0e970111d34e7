"""What the demo data of each modality are: classes, default numbers, how a patient is drawn and an image written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from monai_mocoi.demo import phantoms
from monai_mocoi.files.atomic_write import write_csv


@dataclass(frozen=True)
class DemoImage:
    """One image to draw: number ``index``, from 0, of patient number ``patient``, from 1, into ``folder / "images"``.

    ``drawn`` is what ``sample_patient`` gave, ``rng`` the image's own random numbers, ``size`` its rows in pixels, and
    columns except for fundus, ``seed`` that of the data set.
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
    """The demo data of one modality."""

    title: str
    version: int  # of the drawing, raised with each change, so that a cached demo of an older one is not taken for it
    labels: tuple[str, ...]  # in the order of the label values
    patients: int  # how many by default
    size: int  # rows of an image by default
    images_each: str  # how many images a patient has, in words
    source: str  # what the manifest of real data of the kind calls theirs
    sample_patient: Callable[[np.random.Generator], tuple[Any, int]]  # what ``write`` needs; the number of images
    write: Callable[[DemoImage], dict[str, Any]]  # draws and writes one image and returns its datalist item
    write_table: Callable[[Path, Sequence[Any]], None] | None = None  # what real data have beside the images


def _chest_patient(rng: np.random.Generator) -> tuple[phantoms.Anatomy, int]:
    return phantoms.sample_anatomy(rng), int(rng.integers(1, 5))


def _write_chest(image: DemoImage) -> dict[str, Any]:
    drawing = phantoms.draw_chest(image.drawn, phantoms.sample_study(image.rng, image.drawn), image.size)
    patient = f"p{image.patient:04d}"
    name = f"images/{patient}_{image.index}.dcm"
    entropy = (f"demo-chest-{phantoms.CHEST_VERSION}", str(image.seed), str(image.size))
    identity = phantoms.RadiographIdentity(patient, image.index, "F" if image.drawn.breast else "M", entropy)
    storage = phantoms.sample_storage(image.rng)
    phantoms.save_radiograph(image.folder / name, drawing.image, storage, identity, 10 * phantoms.FIELD_CM / image.size)
    return {"image": name, "label": list(drawing.labels), "patient": patient}


def _histology_patient(rng: np.random.Generator) -> tuple[tuple[phantoms.Slide, list[int]], int]:
    """A slide, and where on it (on a grid of 30 x 30) its patches lie."""
    slide, count = phantoms.sample_slide(rng), int(rng.integers(10, 23))
    return (slide, rng.choice(30 * 30, count, replace=False).tolist()), count


def _write_histology(image: DemoImage) -> dict[str, Any]:
    slide, places = image.drawn
    patch = phantoms.sample_patch(image.rng, slide)
    picture, _ = phantoms.draw_patch(slide, patch, image.size)
    patient = str(10000 + image.patient)  # a number, as in the public data set
    row, column = divmod(places[image.index], 30)
    place = f"x{column * image.size + 1}_y{row * image.size + 1}"
    name = f"images/{patient}_idx5_{place}_class{patch.label}.png"
    Image.fromarray(np.round(picture * 255).astype(np.uint8)).save(image.folder / name, format="PNG")
    return {"image": name, "label": patch.label, "patient": patient}


def _fundus_patient(rng: np.random.Generator) -> tuple[phantoms.Person, int]:
    return phantoms.sample_person(rng), 2


def _write_fundus(image: DemoImage) -> dict[str, Any]:
    side = phantoms.SIDES[image.index]
    photograph = phantoms.sample_photograph(image.rng, image.drawn, side)
    picture = phantoms.draw_photograph(image.drawn, photograph, image.size).image
    patient = f"p{image.patient:04d}"
    name = f"images/{patient}_{side}.jpeg"
    levels = np.round(picture * 255).astype(np.uint8)
    Image.fromarray(levels).save(image.folder / name, format="JPEG", quality=int(image.rng.integers(85, 96)))
    return {"image": name, "label": photograph.label, "patient": patient}


def _write_fundus_levels(folder: Path, people: Sequence[phantoms.Person]) -> None:
    """The grades, as ``data_prep eyepacs`` reads them."""
    rows = [
        (f"p{number:04d}_{side}", grade)
        for number, person in enumerate(people, 1)
        for side, grade in zip(phantoms.SIDES, person.grades, strict=True)
    ]
    write_csv(folder / "trainLabels.csv", [("image", "level"), *rows])


DEMO_SETS = {
    "chest": DemoSet(
        title="Chest phantoms",
        version=phantoms.CHEST_VERSION,
        labels=phantoms.CHEST_FINDINGS,
        patients=360,
        size=128,
        images_each="1 to 4",
        source="nih",
        sample_patient=_chest_patient,
        write=_write_chest,
    ),
    "histology": DemoSet(
        title="Histology phantoms",
        version=phantoms.HISTOLOGY_VERSION,
        labels=phantoms.HISTOLOGY_CLASSES,
        patients=60,
        size=50,
        images_each="10 to 22",
        source="bch",
        sample_patient=_histology_patient,
        write=_write_histology,
    ),
    "fundus": DemoSet(
        title="Fundus phantoms",
        version=phantoms.FUNDUS_VERSION,
        labels=phantoms.FUNDUS_CLASSES,
        patients=420,
        size=160,
        images_each="2",
        source="eyepacs",
        sample_patient=_fundus_patient,
        write=_write_fundus,
        write_table=_write_fundus_levels,
    ),
}
"""By modality."""
