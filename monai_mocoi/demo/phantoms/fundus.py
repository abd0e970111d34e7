"""Drawn fundus photographs: both eyes of a person, as a camera takes them, with retinopathy of grade 0 to 4.

Lengths on the retina are in degrees of the visual field. A left eye is a right one's mirror image. Vessels and lesions
absorb light, pale lesions reflect it; lamp, camera, dust and flare do the rest. Nothing is taken from a real image.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from monai_mocoi.demo.phantoms.fundus_outlines import LESIONS
from monai_mocoi.demo.phantoms.fundus_person import Person, Photograph
from monai_mocoi.demo.phantoms.fundus_vessels import Outline
from monai_mocoi.demo.phantoms.shapes import Array, cloud, step

FUNDUS_VERSION = 2

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
class FundusDrawing:
    """A drawn photograph and where its structures lie."""

    image: NDArray[np.float32]  # (rows, columns, 3) red, green and blue, 0..1
    masks: dict[str, NDArray[np.bool_]]  # (rows, columns) each: field, optic disc, vessel, and the kinds of LESIONS
    row: float  # of the field's middle in pixels; the middle of the first pixel is (0.5, 0.5)
    column: float
    radius: float


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
    """Draw one photograph of ``size`` rows; the columns are ``person.aspect`` times as many."""
    p, rng = photograph, np.random.default_rng(photograph.seed)
    plate = _Plate(person, photograph, size)
    pixel = 1 / plate.scale
    x, y, across, down = plate.x, plate.y, plate.across, plate.down
    from_middle = np.hypot(across, down)

    texture = cloud(rng, 9, plate.shape) + 0.8 * cloud(rng, 30, plate.shape)
    retina = np.array(person.colour, np.float32) * (1 + person.choroid * texture)[..., None]
    fovea = np.exp(-(x**2 + y**2) / 2.5**2)
    retina *= np.exp(-person.macula * fovea[..., None] * np.array([0.7, 1.0, 1.2], np.float32))

    x_disc, y_disc, disc_radius = person.disc
    in_disc = disc_radius - np.hypot(x - x_disc, (y - y_disc) / 1.08)
    edge = max(0.5, 1.5 * pixel)
    retina += step(in_disc, edge)[..., None] * 0.75 * (np.array([1.0, 0.80, 0.55], np.float32) - retina)
    cup = step(in_disc - (1 - person.cup) * disc_radius, 2 * edge)
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

    lit = step((1 - from_middle) * plate.radius, 1.5)
    if person.notch is not None:
        a, b = 1.02 * math.cos(person.notch), 1.02 * math.sin(person.notch)
        lit = np.maximum(lit, step((0.035 - np.hypot(across - a, down - b)) * plate.radius, 1.5))
    light = light * lit[..., None] + 0.01
    light += p.noise * (0.15 + 0.85 * lit[..., None]) * rng.standard_normal(light.shape, dtype=np.float32)

    masks = {"field": lit > 0.5, "optic disc": (in_disc > 0) & (from_middle < 1)}
    for name, kinds in {"vessel": ("artery", "vein"), **{kind: (kind,) for kind in LESIONS}}.items():
        cover = plate.cover((Outline(o.kind, o.points) for o in p.outlines if o.kind in kinds), 0)
        masks[name] = np.zeros(plate.shape, bool) if cover is None else (cover > 0.5) & (from_middle < 1)
    image = np.clip(light, 0, 1).astype(np.float32)
    return FundusDrawing(image, masks, plate.row, plate.column, plate.radius)
