"""Person of a drawn fundus photograph, the camera, and one eye's photograph: what is drawn at random."""

import math
from dataclasses import dataclass

import numpy as np

from monai_mocoi.demo.phantoms.fundus_outlines import sample_distractors, sample_lesions
from monai_mocoi.demo.phantoms.fundus_vessels import Outline, sample_vessels

FUNDUS_CLASSES = ("not referable", "referable")
"""The classes, in the order of the label values; referable: grade 2 or more."""

SIDES = ("left", "right")


_GRADES = (0.40, 0.19, 0.18, 0.12, 0.11)  # how frequent
_ALIKE = 0.75  # share of persons with the same grade in both eyes; the others are one grade apart


@dataclass(frozen=True)
class Person:
    """What both photographs of a person share: the eyes' build, and the camera."""

    grades: tuple[int, int]  # of the left and the right eye
    colour: tuple[float, ...]  # of the retina under this lamp and camera: red, green and blue
    choroid: float  # how strongly its texture shows
    disc: tuple[float, float, float]  # optic disc: x, y, radius
    cup: float  # radius, of the optic disc's
    calibre: float  # width of a vein at the optic disc
    tortuosity: float
    macula: float  # how dark
    drusen: int  # about how many
    pigment: int  # clumps of it, about how many
    sheen: float  # strength of reflections, 0 for none
    view: float  # half the camera's angle of view: the radius of the field
    filling: float  # diameter of the field over the picture's rows; above 1 it is cut
    aspect: float  # columns over rows
    vignette: float  # light lost at the field's edge
    notch: float | None  # radians, where the field has a tab that tells up from down
    dust: tuple[tuple[float, float, float, float], ...]  # columns and rows from the field's middle, of its radius; size


@dataclass(frozen=True)
class Photograph:
    """What belongs to one eye and its photograph."""

    side: str  # left or right
    grade: int  # of the retinopathy, 0 to 4
    outlines: tuple[Outline, ...]
    pointing: tuple[float, float]  # x and y in the middle of the field
    shift: tuple[float, float]  # the field's middle right of and below the picture's, of the field's radius
    light: tuple[float, float, float]  # exposure, and what more there is on the right and below
    flare: tuple[float, float, float, float]  # columns and rows as for dust, size, strength
    rim: float  # light at the field's edge
    focus: float  # blur in degrees
    noise: float  # standard deviation, of 1
    seed: int

    @property
    def label(self) -> int:
        """Position in ``FUNDUS_CLASSES``."""
        return int(self.grade >= 2)


def sample_person(rng: np.random.Generator) -> Person:
    """Draw a person: the grades of both eyes, how they are built, and the camera that takes them."""
    grade = int(rng.choice(5, p=_GRADES))
    other = grade if rng.random() < _ALIKE else int(np.clip(grade + rng.choice((-1, 1)), 0, 4))
    red = rng.uniform(0.55, 0.9)
    green = red * rng.uniform(0.42, 0.72)
    return Person(
        grades=(grade, other) if rng.random() < 0.5 else (other, grade),
        colour=(red, green, green * rng.uniform(0.35, 0.85)),
        choroid=rng.uniform(0.03, 0.10),
        disc=(rng.uniform(14.5, 16.5), rng.uniform(-2.5, -0.5), rng.uniform(2.3, 3.5)),
        cup=rng.uniform(0.25, 0.7),
        calibre=rng.uniform(0.65, 0.95),
        tortuosity=rng.uniform(0.05, 0.25),
        macula=rng.uniform(0.25, 0.7),
        drusen=int(rng.integers(5, 40)) * bool(rng.random() < 0.5),
        pigment=int(rng.integers(3, 13)) * bool(rng.random() < 0.5),
        sheen=rng.uniform(0.1, 0.35) * (rng.random() < 0.35),
        view=rng.uniform(20.5, 25.0),
        filling=rng.uniform(0.8, 1.2),
        aspect=float(rng.choice((1.0, 4 / 3, 1.5), p=(0.3, 0.3, 0.4))),
        vignette=rng.uniform(0.1, 0.5),
        notch=rng.uniform(-0.9, -0.6) if rng.random() < 0.5 else None,
        dust=tuple(
            (*rng.uniform(-0.6, 0.6, 2), rng.uniform(0.02, 0.05), rng.uniform(0.1, 0.35))
            for _ in range(int(rng.choice(4, p=(0.55, 0.2, 0.15, 0.1))))
        ),
    )


def sample_photograph(rng: np.random.Generator, person: Person, side: str) -> Photograph:
    """Draw one eye, with the lesions of its grade within what is photographed, and how it is photographed."""
    shift = (rng.normal(0, 0.03), rng.normal(0, 0.03))
    pointing = (float(np.clip(rng.normal(5, 2.5), 0, 9)), float(np.clip(rng.normal(0, 1.5), -3, 3)))
    grade = person.grades[SIDES.index(side)]
    mirror = 1 if side == "right" else -1
    x_disc, y_disc, disc_radius = person.disc

    def inside(x: float, y: float, margin: float) -> bool:
        across, down = mirror * (x - pointing[0]), y - pointing[1]
        return (
            math.hypot(across, down) < 0.93 * person.view - margin
            and abs(across + shift[0] * person.view) < person.view * person.aspect / person.filling - margin
            and abs(down + shift[1] * person.view) < person.view / person.filling - margin
            and math.hypot(x - x_disc, y - y_disc) > disc_radius + margin
        )

    outlines = [
        *sample_vessels(rng, (x_disc, y_disc), person.calibre, person.tortuosity),
        *sample_distractors(rng, person.drusen, person.pigment, person.sheen, inside),
        *sample_lesions(rng, grade, (x_disc, y_disc), inside),
    ]
    return Photograph(
        side=side,
        grade=grade,
        outlines=tuple(outlines),
        pointing=pointing,
        shift=shift,
        light=(rng.uniform(0.65, 1.15), rng.normal(0, 0.12), rng.normal(0, 0.12)),
        flare=(*rng.uniform(-0.9, 0.9, 2), rng.uniform(0.1, 0.35), rng.uniform(0.1, 0.4) * (rng.random() < 0.5)),
        rim=rng.uniform(0.05, 0.3) * (rng.random() < 0.25),
        focus=rng.uniform(0.0, 0.3),
        noise=rng.uniform(0.005, 0.02),
        seed=int(rng.integers(2**31)),
    )
