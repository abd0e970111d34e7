"""Drawn fundus photographs: both eyes of a person, as a camera takes them, with retinopathy of grade 0 to 4.

Lengths on the retina are in degrees of the visual field, as :mod:`~monai_mocoi.demo.phantoms.fundus_outlines` has
them. A left eye is a right one's mirror image: the optic disc lies towards the nose, in the right half of a right
eye's photograph. Vessels and lesions take light away by the absorption of blood, pale lesions add the light that they
reflect; a lamp that is uneven, a camera with a colour and a field of its own, and dust and flare do the rest. The
grade says what was drawn: 0 nothing, 1 microaneurysms alone, 2 and 3 more and other lesions, 4 new vessels. Nothing is
taken from a real image.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from monai_mocoi.demo.phantoms.fundus_outlines import (
    LESIONS,
    Outline,
    sample_distractors,
    sample_lesions,
    sample_vessels,
)

__all__ = [
    "FUNDUS_CLASSES",
    "FUNDUS_VERSION",
    "SIDES",
    "FundusDrawing",
    "Person",
    "Photograph",
    "draw_photograph",
    "sample_person",
    "sample_photograph",
]

FUNDUS_VERSION = 2
"""Raised whenever the drawing changes, so that a cached demo of an older drawing is not taken for the present one."""

FUNDUS_CLASSES = ("not referable", "referable")
"""The classes, in the order of the label values; referable: grade 2 or more."""

SIDES = ("left", "right")

Array = NDArray[np.floating[Any]]

_GRADES = (0.40, 0.19, 0.18, 0.12, 0.11)  # how frequent
_ALIKE = 0.75  # share of persons with the same grade in both eyes; the others are one grade apart

# For each kind: what is done, how soft its outline is in degrees, and, in red, green and blue, how strongly the light
# is absorbed or what colour is reflected.
_ABSORBED = {
    "artery": (0.10, (0.15, 0.75, 0.65)),
    "vein": (0.10, (0.40, 1.05, 0.75)),
    "new vessel": (0.08, (0.25, 0.90, 0.65)),
    "microaneurysm": (0.10, (0.50, 1.20, 0.80)),
    "haemorrhage": (0.15, (0.65, 1.40, 0.90)),
    "pigment": (0.20, (0.80, 0.75, 0.60)),
    "naevus": (0.45, (0.55, 0.50, 0.35)),
}
_REFLECTED = {
    "drusen": (0.20, (0.95, 0.85, 0.50)),
    "sheen": (0.30, (0.95, 0.95, 0.85)),
    "cotton wool": (0.40, (0.98, 0.95, 0.80)),
    "exudate": (0.08, (1.00, 0.90, 0.45)),
}


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


@dataclass(frozen=True)
class FundusDrawing:
    """A drawn photograph and where its structures lie.

    Attributes:
        image: (rows, columns, 3) red, green and blue, 0..1.
        masks: (rows, columns) each: field, optic disc, vessel, and the kinds of ``LESIONS``.
        row, column, radius: of the field in pixels; the middle of the first pixel is (0.5, 0.5).
    """

    image: NDArray[np.float32]
    masks: dict[str, NDArray[np.bool_]]
    row: float
    column: float
    radius: float


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


def _cloud(rng: np.random.Generator, cells: int, shape: tuple[int, int]) -> Array:
    """Smooth noise of a shape, about standard normal, with ``cells`` random values along the longer side."""
    rows, columns = (max(2, round(cells * side / max(shape))) for side in shape)
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    return np.asarray(Image.fromarray(grid).resize(shape[::-1], Image.Resampling.BICUBIC))


def _step(depth: Array, width: float) -> Array:
    """0 outside, 1 inside, smooth over ``width`` about the outline."""
    t = np.clip(depth / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


class _Plate:
    """Where on the picture the retina comes to lie, and outlines brought there."""

    def __init__(self, person: Person, photograph: Photograph, size: int) -> None:
        self.shape = (size, round(size * person.aspect))
        self.radius = person.filling * size / 2
        self.column = self.shape[1] / 2 + photograph.shift[0] * self.radius
        self.row = size / 2 + photograph.shift[1] * self.radius
        self.scale = self.radius / person.view  # pixels a degree
        self.mirror = 1 if photograph.side == "right" else -1
        self.pointing = photograph.pointing
        # Of the field's radius, to the right and downwards from its middle.
        self.across = ((np.arange(self.shape[1], dtype=np.float32) + 0.5 - self.column) / self.radius)[None]
        self.down = ((np.arange(size, dtype=np.float32) + 0.5 - self.row) / self.radius)[:, None]
        # On the retina.
        self.x = self.mirror * self.across * person.view + self.pointing[0]
        self.y = self.down * person.view + self.pointing[1]

    def cover(self, outlines: Iterable[Outline], blur: float) -> Array | None:
        """How far each pixel is covered, 0..1, with edges softened over ``blur`` degrees; None if nothing is."""
        fine = 3 if self.shape[0] <= 600 else 1  # finer pixels, whose means are free of steps
        rows, columns = self.shape
        canvas, drawn = Image.new("L", (columns * fine, rows * fine)), False
        draw = ImageDraw.Draw(canvas)
        for outline in outlines:
            across = self.mirror * self.scale * (outline.points[:, 0] - self.pointing[0]) + self.column
            down = self.scale * (outline.points[:, 1] - self.pointing[1]) + self.row
            corners = np.stack([across, down], 1) * fine - 0.5
            draw.polygon(corners.ravel().tolist(), fill=round(255 * outline.strength))
            drawn = True
        if not drawn:
            return None
        soft = canvas.reduce(fine).filter(ImageFilter.GaussianBlur(blur * self.scale))
        return np.asarray(soft, dtype=np.float32) / 255


def draw_photograph(person: Person, photograph: Photograph, size: int) -> FundusDrawing:
    """Draw one photograph.

    Args:
        person: whose eye it is.
        photograph: the eye.
        size: rows in pixels; the columns are ``person.aspect`` times as many.

    Returns:
        the picture, the masks of what was drawn, and where the field of the camera lies.
    """
    p, rng = photograph, np.random.default_rng(photograph.seed)
    plate = _Plate(person, photograph, size)
    pixel = 1 / plate.scale
    x, y, across, down = plate.x, plate.y, plate.across, plate.down
    from_middle = np.hypot(across, down)

    texture = _cloud(rng, 9, plate.shape) + 0.8 * _cloud(rng, 30, plate.shape)
    retina = np.array(person.colour, np.float32) * (1 + person.choroid * texture)[..., None]
    fovea = np.exp(-(x**2 + y**2) / 2.5**2)
    retina *= np.exp(-person.macula * fovea[..., None] * np.array([0.7, 1.0, 1.2], np.float32))

    x_disc, y_disc, disc_radius = person.disc
    in_disc = disc_radius - np.hypot(x - x_disc, (y - y_disc) / 1.08)
    edge = max(0.5, 1.5 * pixel)
    retina += _step(in_disc, edge)[..., None] * 0.75 * (np.array([1.0, 0.80, 0.55], np.float32) - retina)
    cup = _step(in_disc - (1 - person.cup) * disc_radius, 2 * edge)
    retina += cup[..., None] * 0.6 * (np.array([1.0, 0.95, 0.75], np.float32) - retina)

    for kind, (softness, colour) in _ABSORBED.items():
        cover = plate.cover((o for o in p.outlines if o.kind == kind), math.hypot(softness, p.focus))
        if cover is not None:
            retina *= np.exp(-cover[..., None] * np.array(colour, np.float32))
    for kind, (softness, colour) in _REFLECTED.items():
        cover = plate.cover((o for o in p.outlines if o.kind == kind), math.hypot(softness, p.focus))
        if cover is not None:
            retina += cover[..., None] * (np.array(colour, np.float32) - retina)

    exposure, right, below = p.light
    lamp = exposure * (1 - person.vignette * from_middle**2) * (1 + right * across + below * down)
    for a, b, reach, strength in person.dust:
        lamp *= 1 - strength * np.exp(-((across - a) ** 2 + (down - b) ** 2) / reach**2)
    light = retina * np.maximum(lamp, 0)[..., None]
    a, b, reach, strength = p.flare
    haze = strength * np.exp(-((across - a) ** 2 + (down - b) ** 2) / reach**2)
    haze += p.rim * np.exp(-np.maximum(1 - from_middle, 0) / 0.05)
    light += haze[..., None] * np.array([0.85, 0.95, 1.0], np.float32)

    lit = _step((1 - from_middle) * plate.radius, 1.5)
    if person.notch is not None:
        a, b = 1.02 * math.cos(person.notch), 1.02 * math.sin(person.notch)
        lit = np.maximum(lit, _step((0.035 - np.hypot(across - a, down - b)) * plate.radius, 1.5))
    light = light * lit[..., None] + 0.01
    light += p.noise * (0.15 + 0.85 * lit[..., None]) * rng.standard_normal(light.shape, dtype=np.float32)

    masks = {"field": lit > 0.5, "optic disc": (in_disc > 0) & (from_middle < 1)}
    for name, kinds in {"vessel": ("artery", "vein"), **{kind: (kind,) for kind in LESIONS}}.items():
        cover = plate.cover((Outline(o.kind, o.points) for o in p.outlines if o.kind in kinds), 0)
        masks[name] = np.zeros(plate.shape, bool) if cover is None else (cover > 0.5) & (from_middle < 1)
    image = np.clip(light, 0, 1).astype(np.float32)
    return FundusDrawing(image, masks, plate.row, plate.column, plate.radius)
