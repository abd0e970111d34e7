"""Drawn chest radiographs: a seeded thorax with findings that follow from what is drawn.

Every length is in centimetres in the plane of the patient: ``u`` runs to the patient's left (image right), ``v``
downwards, with the origin in the midline near the hila. Attenuations are added up (body without lung = 1, air outside =
0), and a film curve turns the sum into grey values. Nothing is taken from a real image.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.demo.phantoms.chest_anatomy import Anatomy, Study
from monai_mocoi.demo.phantoms.chest_parts import FIELD_CM, draw_body, draw_bones, draw_infiltrate, draw_vessels, expose
from monai_mocoi.demo.phantoms.shapes import bump, step

CHEST_VERSION = 1

CHEST_FINDINGS = ("Cardiomegaly", "Effusion", "Infiltration", "Mass", "Pneumothorax")
"""The labels, in their order, under their names in NIH ChestX-ray14."""

CARDIOTHORACIC_LIMIT = 0.5
"""Cardiomegaly: widest heart over widest inner thorax above this (the usual limit on a PA radiograph)."""


@dataclass(frozen=True)
class Drawing:
    """A drawn image and where its structures lie."""

    image: NDArray[np.float32]  # (size, size), 0 (air) .. 1 (dense)
    masks: dict[str, NDArray[np.bool_]]  # (size, size) each: thorax, lung, heart, fluid, rim, infiltrate, mass
    labels: tuple[int, ...]  # 0 or 1 for each of CHEST_FINDINGS


def draw_chest(anatomy: Anatomy, study: Study, size: int) -> Drawing:
    """Draw one radiograph of ``size`` rows and columns; the field is always ``FIELD_CM`` wide."""
    a, s, rng = anatomy, study, np.random.default_rng(study.seed)
    pixel = FIELD_CM / size
    soft = max(0.25, 1.5 * pixel)  # an outline is never sharper than the pixels can show
    axis = ((np.arange(size) + 0.5) * pixel - FIELD_CM / 2).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    cos, sin = math.cos(s.turn) / s.scale, math.sin(s.turn) / s.scale
    u = (x - s.shift[0]) * cos + (y - s.shift[1]) * sin
    v = (y - s.shift[1]) * cos - (x - s.shift[0]) * sin
    left = (u > 0).astype(np.intp)  # picks the left value of a (right, left) pair

    skin, body = draw_body(a, u, v)
    wall, depth = a.wall_depth(u, v), a.lung_depth(u, v, s.breath)
    heart_depth = a.heart_depth(u - s.oblique, v, s.breath)
    aorta = 1.9 - np.hypot(u - s.oblique - 2.4, v + 5.0)
    heart = np.maximum(step(heart_depth, 1.5 * soft), 0.8 * step(aorta, 0.8))
    abdomen = step(v - a.dome(u, s.breath), 1.0) * step(wall + 0.5, 3.0)

    # Fluid lies in the costophrenic angle with a meniscus that climbs the chest wall.
    height = np.array(s.effusion, np.float32)[left]
    angle = a.dome(np.where(left, a.half_width, -a.half_width), s.breath)
    fluid = (height > 0) * step(v - angle + height * (0.5 + 0.5 * np.clip(np.abs(u) / a.half_width, 0, 1) ** 4), 0.8)
    # Free air lies under the chest wall, widest at the apex; the pleura is a fine line along the collapsed lung.
    width = np.array(s.pneumothorax, np.float32)[left] * step(a.diaphragm - 3 - v, 12.0)
    rim = (width > 0.3) * step(width - wall, soft)
    pleura = (width > 0.3) * bump(width - wall, 0.35 + pixel / 2)
    infiltrate = draw_infiltrate(s, u, v, rng) * (1 - rim)
    mass = np.zeros_like(u)
    if a.mass is not None:
        mass_u, mass_v, radius, density = a.mass
        mass = density * np.sqrt(np.clip(1 - (np.hypot(u - mass_u, v - mass_v) / radius) ** 2, 0, 1))  # a ball

    lung = step(depth, soft) * (1 - 0.75 * np.exp(-np.maximum(depth, 0) / 1.6))  # thin at its edges
    air = a.lung_air * lung * (0.8 + 0.32 * rim) * (1 - 0.97 * fluid) * (1 - infiltrate) * (1 - 0.92 * heart)
    vessels = draw_vessels(a, u, v, rng) * (1 - rim) * (1 - fluid) * (1 - 0.8 * heart)
    total = body * step(skin, 2 * soft) - air + lung * (vessels + mass + 0.09 * pleura)
    total += 0.05 * heart * (1 - abdomen) + 0.10 * abdomen
    total += draw_bones(a, u, v, s.oblique + a.spine_bend * np.sin(v / 7)) * step(skin, soft)
    if s.gas > 0:
        stomach = 1 - np.hypot((u - 0.42 * a.half_width) / s.gas, (v - a.diaphragm - s.breath - 2.2) / (0.6 * s.gas))
        total -= 0.18 * step(stomach * s.gas, 0.8)

    masks = {
        "thorax": wall > 0,
        "lung": depth > 0,
        "heart": heart_depth > 0,
        "fluid": (fluid > 0.5) & (depth > 0),
        "rim": (rim > 0.5) & (depth > 0),
        "infiltrate": (infiltrate > 0.2) & (depth > 0),
        "mass": (mass > 0) & (depth > 0),
    }
    present = (
        a.cardiothoracic_ratio > CARDIOTHORACIC_LIMIT,
        max(s.effusion) > 0,
        bool(s.infiltrates),
        a.mass is not None,
        max(s.pneumothorax) > 0,
    )
    image = np.clip(expose(s, total, x, y, rng), 0, 1).astype(np.float32)
    return Drawing(image, masks, tuple(map(int, present)))
