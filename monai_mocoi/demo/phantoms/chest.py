"""Drawn chest radiographs: a seeded thorax with findings that follow from what is drawn.

Every length is in centimetres in the plane of the patient: ``u`` runs to the patient's left (image right), ``v``
downwards, with the origin in the midline near the hila. Structures are added up as relative attenuation (body without
lung = 1, air outside = 0), as the rays of a radiograph do, and a film curve turns the sum into grey values: air dark,
bone bright. Nothing is taken from a real image.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "CARDIOTHORACIC_LIMIT",
    "CHEST_FINDINGS",
    "CHEST_VERSION",
    "FIELD_CM",
    "Anatomy",
    "Drawing",
    "Study",
    "draw_chest",
    "sample_anatomy",
    "sample_study",
]

CHEST_VERSION = 1
"""Raised whenever the drawing changes, so that a cached demo of an older drawing is not taken for the present one."""

CHEST_FINDINGS = ("Cardiomegaly", "Effusion", "Infiltration", "Mass", "Pneumothorax")
"""The labels, in their order, under their names in NIH ChestX-ray14."""

CARDIOTHORACIC_LIMIT = 0.5
"""Cardiomegaly: widest heart over widest inner thorax above this (the usual limit on a PA radiograph)."""

FIELD_CM = 40.0
"""Side of the square detector in cm."""

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Anatomy:
    """What all images of a patient share. Lengths in cm."""

    half_width: float  # of the inner thorax at its widest
    apex: float  # v of the lungs' upper end
    diaphragm: float  # v of the left dome in middling inspiration
    angle_depth: float  # costophrenic angle below its dome
    mediastinum: float  # half width beside the spine
    fat: float  # chest wall outside the ribs
    cardiothoracic_ratio: float
    heart_shift: float  # middle of the heart left of the midline, of its width
    heart_tilt: float  # radians
    rib_spacing: float
    rib_start: float
    rib_contrast: float
    clavicle_slope: float
    spine_bend: float
    breast: float  # 0 for none, else relative attenuation
    breast_drop: float
    lung_air: float  # relative attenuation that aerated lung takes away
    vessels: tuple[tuple[float, float, float], ...]  # (lines a radian, phase, twist a cm)
    mass: tuple[float, float, float, float] | None  # u, v, radius, relative attenuation

    def wall_depth(self, u: Array, v: Array) -> Array:
        """Distance inwards from the rib cage (a superellipse above its widest level, upright below); < 0 outside."""
        above = np.maximum(2.0 - v, 0) / (2.0 - self.apex)
        return self.half_width * (1 - ((np.abs(u) / self.half_width) ** 2.4 + above**2.4) ** (1 / 2.4))

    def dome(self, u: Array, breath: float) -> Array:
        """Level v of the diaphragm: two domes, the right one higher, falling to the costophrenic angles."""
        across = np.abs(u) / self.half_width - 0.45
        fall = np.where(across > 0, self.angle_depth * (across / 0.55) ** 2, 1.2 * (across / 0.45) ** 2)
        return self.diaphragm + breath + fall - 1.3 * (u < 0)

    def lung_depth(self, u: Array, v: Array, breath: float) -> Array:
        """Distance inwards from the outline of the lungs; < 0 outside."""
        medial = np.abs(u) - self.mediastinum
        return _softmin(_softmin(self.wall_depth(u, v), medial, 3.0), self.dome(u, breath) - v, 0.6)

    def heart_depth(self, u: Array, v: Array, breath: float) -> Array:
        """Distance inwards from the heart: a tilted ellipse as wide as the cardiothoracic ratio says."""
        width, flat = 2 * self.half_width * self.cardiothoracic_ratio, 0.74
        cos, sin = np.cos(self.heart_tilt), np.sin(self.heart_tilt)
        long = width / 2 / np.hypot(cos, flat * sin)
        x, y = u - self.heart_shift * width, v - (self.diaphragm + breath - 0.62 * long * np.hypot(sin, flat * cos))
        return long * flat * (1 - np.hypot((x * cos + y * sin) / long, (y * cos - x * sin) / (long * flat)))


@dataclass(frozen=True)
class Study:
    """What belongs to one image of a patient: acute findings, positioning, exposure and noise."""

    effusion: tuple[float, float]  # fluid above the right and left costophrenic angle in cm, 0 for none
    pneumothorax: tuple[float, float]  # apical width of the right and left rim in cm, 0 for none
    infiltrates: tuple[tuple[float, float, float, float, float], ...]  # u, v, half widths along u and v, density
    shift: tuple[float, float]
    turn: float  # radians, in the plane
    scale: float
    oblique: float  # shift of heart and spine against the rib cage
    breath: float  # diaphragm below its middle level
    exposure: tuple[float, float]  # contrast and level of the film curve
    haze: float  # amplitude of the slow unevenness
    noise: float  # standard deviation at mid-grey, of 1
    shutters: tuple[float, float, float, float]  # collimated left, right, top, bottom
    marker: tuple[float, float]  # middle of the side marker "L"
    gas: float  # half width of the gas bubble of the stomach, 0 for none
    seed: int


@dataclass(frozen=True)
class Drawing:
    """A drawn image and where its structures lie."""

    image: NDArray[np.float32]  # (size, size), 0 (air) .. 1 (dense)
    masks: dict[str, NDArray[np.bool_]]  # (size, size) each: thorax, lung, heart, fluid, rim, infiltrate, mass
    labels: tuple[int, ...]  # 0 or 1 for each of CHEST_FINDINGS


def _softmin(a: Array, b: Array, radius: float) -> Array:
    """Minimum whose corner is rounded over ``radius``."""
    return np.minimum(a, b) - np.maximum(radius - np.abs(a - b), 0) ** 2 / (4 * radius)


def _step(depth: Array, width: float) -> Array:
    """0 outside, 1 inside, smooth over ``width`` about the outline."""
    t = np.clip(depth / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _bump(distance: Array, half_width: float) -> Array:
    """Profile of a rod or disc: 1 in the middle, 0 from ``half_width`` on."""
    return np.maximum(1 - (distance / half_width) ** 2, 0)


def _cloud(rng: np.random.Generator, cells: int, size: int) -> Array:
    """Smooth noise (size, size), about standard normal, with ``cells`` random values across."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC))


def _pair(rng: np.random.Generator, chance: float, low: float, high: float) -> tuple[float, float]:
    """A (right, left) pair that is non-zero with ``chance``: on one side mostly, on both in 15 %."""
    right, left = ((True, False), (False, True), (True, True))[rng.choice(3, p=(0.425, 0.425, 0.15))]
    present, size = rng.random() < chance, rng.uniform(low, high, 2)
    return float(size[0]) * (present and right), float(size[1]) * (present and left)


def _place(rng: np.random.Generator, anatomy: Anatomy, depth: float) -> tuple[float, float]:
    """A random point of the lungs, ``depth`` cm from their outline and beside the heart."""
    while True:
        u = np.asarray(rng.uniform(-1, 1) * anatomy.half_width, np.float32)
        v = np.asarray(rng.uniform(anatomy.apex, anatomy.diaphragm - 4), np.float32)
        if anatomy.lung_depth(u, v, 0) > depth > anatomy.heart_depth(u, v, 0) + depth:
            return float(u), float(v)


def sample_anatomy(rng: np.random.Generator) -> Anatomy:
    """Draw a patient; an enlarged heart or a mass, each in about 3 of 10, stays with the patient."""
    large_heart, has_mass = rng.random(2) < 0.3
    anatomy = Anatomy(
        half_width=rng.uniform(11.0, 15.5),
        apex=rng.uniform(-13.5, -11.5),
        diaphragm=rng.uniform(8.0, 10.0),
        angle_depth=rng.uniform(3.0, 4.5),
        mediastinum=rng.uniform(2.4, 3.2),
        fat=rng.uniform(1.5, 5.5),
        cardiothoracic_ratio=rng.uniform(0.52, 0.60) if large_heart else rng.uniform(0.36, 0.48),
        heart_shift=rng.uniform(0.06, 0.30),
        heart_tilt=rng.uniform(0.5, 0.9),
        rib_spacing=rng.uniform(2.2, 2.7),
        rib_start=rng.uniform(0, 2.5),
        rib_contrast=rng.uniform(0.06, 0.11),
        clavicle_slope=rng.uniform(-0.05, 0.3),
        spine_bend=rng.uniform(-0.7, 0.7),
        breast=rng.uniform(0.06, 0.22) * (rng.random() < 0.5),
        breast_drop=rng.uniform(4.5, 9.0),
        lung_air=rng.uniform(0.60, 0.76),
        vessels=tuple((float(rng.integers(5, 22)), rng.uniform(0, 6.28), rng.uniform(-0.5, 0.5)) for _ in range(8)),
        mass=None,
    )
    if not has_mass:
        return anatomy
    radius = rng.uniform(1.8, 2.9)  # more than 3 cm across: NIH's line between Nodule and Mass
    mass = (*_place(rng, anatomy, radius), radius, rng.uniform(0.40, 0.55))
    return replace(anatomy, mass=mass)


def sample_study(rng: np.random.Generator, anatomy: Anatomy) -> Study:
    """Draw one image's findings, positioning and exposure; each acute finding in about 3 of 10."""
    patches = int(rng.integers(1, 4)) * (rng.random() < 0.3)
    return Study(
        effusion=_pair(rng, 0.3, 4.0, 8.0),
        pneumothorax=_pair(rng, 0.3, 1.8, 4.2),
        infiltrates=tuple(
            (*_place(rng, anatomy, 1.5), *rng.uniform(2.0, 4.0, 2), rng.uniform(0.55, 0.85)) for _ in range(patches)
        ),
        shift=(rng.normal(0, 1.3), rng.normal(0, 1.5)),
        turn=rng.normal(0, 0.035),
        scale=rng.uniform(0.9, 1.1),
        oblique=rng.normal(0, 0.8),
        breath=rng.uniform(-1.5, 1.5),
        exposure=(rng.uniform(3.2, 5.5), rng.uniform(0.58, 0.88)),
        haze=rng.uniform(0.0, 0.05),
        noise=rng.uniform(0.005, 0.03),
        shutters=tuple(np.maximum(rng.uniform(-2.5, 2.0, 4), 0)),
        marker=(rng.uniform(14.5, 17), rng.uniform(-17.5, -14)),
        gas=rng.uniform(1.2, 2.5) * (rng.random() < 0.6),
        seed=int(rng.integers(2**31)),
    )


def _bones(a: Anatomy, u: Array, v: Array, spine_u: Array) -> Array:
    """Ribs, clavicles, spine and humeral heads, as relative attenuation."""
    x, wall = np.abs(u), a.wall_depth(u, v)
    across = np.minimum(x / a.half_width, 1)
    cage = _step(wall + 0.5, 0.8) * _step(a.diaphragm + 2.5 - v, 6.0)
    ribs = np.zeros_like(u)
    for run, strength in (
        (4.0 * across**3 - 2.4 * across * (1 - across), 1.0),  # posterior: out from the spine, then down
        (4.0 + 6.5 * (1 - across), 0.6 * _step(across - 0.42, 0.25)),  # anterior: back, down to the cartilage
    ):
        phase = (v - run - a.rib_start) / a.rib_spacing
        ribs = np.maximum(ribs, strength * _bump((phase - np.round(phase)) * a.rib_spacing, 0.62))
    ribs *= a.rib_contrast * cage * _step(x - 1.0, 1.0)

    middle = a.apex + 2.6 - a.clavicle_slope * (x - 2) + 0.5 * np.sin((x - 2) / 2.1)
    clavicles = 0.13 * _bump(v - middle, 0.75) * _step(x - 1.8, 0.8) * _step(15.5 - x, 1.0)

    column = _step(1.75 - np.abs(u - spine_u), 0.6)
    disc = v / 2.4 - np.round(v / 2.4)
    spine = column * (0.05 + 0.035 * _step(0.33 - np.abs(disc), 0.2))
    spine += 0.04 * _bump(u - spine_u, 0.5) * _bump(disc, 0.3)  # spinous processes

    shoulder_u, shoulder_v = a.half_width + 4.2, a.apex + 4.5
    head = 0.16 * _step(2.4 - np.hypot(x - shoulder_u, v - shoulder_v), 0.5)
    shaft = 0.14 * _bump(x - shoulder_u - 0.9 - 0.12 * (v - shoulder_v), 1.3) * _step(v - shoulder_v, 2.0)
    blade = 0.05 * _step(a.half_width + 3.0 - x, 0.5) * _step(x - a.half_width + 2.4 - 0.22 * (v + 5), 0.6)
    return ribs + clavicles + spine + np.maximum(head, shaft) + blade * _step(6 - np.abs(v + 4), 1.5)


def _body(a: Anatomy, u: Array, v: Array) -> tuple[Array, Array]:
    """Trunk, shoulders and neck: distance inwards from the skin, and attenuation without lungs and bones."""
    trunk = a.half_width + a.fat - 0.06 * np.maximum(-v, 0) + 9 * _step(-5.5 - v, 5.0) - np.abs(u)
    neck = 5.2 + 0.12 * a.fat - np.abs(u)
    shoulders = v - a.apex + 1.8 - 0.022 * np.maximum(np.abs(u) - 4, 0) ** 2
    depth = _softmin(trunk, -_softmin(-shoulders, -neck, 5.0), 2.0)
    thickness = np.sqrt(np.clip(depth / 6, 0.12, 1)) * (0.93 + 0.02 * a.fat)
    if a.breast > 0:
        fold = 6.2 - np.hypot(np.abs(u) - 0.56 * a.half_width, (v - a.breast_drop + 2) * 0.9)
        thickness += a.breast * _step(fold, 1.2) * (0.6 + 0.4 * np.clip((v - a.breast_drop + 4) / 8, 0, 1))
    return depth, thickness - 0.14 * _bump(u, 1.1) * _step(-3.5 - v, 1.5)  # trachea


def _vessels(a: Anatomy, u: Array, v: Array, rng: np.random.Generator) -> Array:
    """Hila, and vessels that run out from them and thin towards the pleura."""
    size = len(u)
    from_hilum = np.hypot(np.abs(u) - 3.6, (v + 0.5) * 0.8)
    bearing = np.arctan2(v + 0.5, np.abs(u) - 3.0) + 0.7 * (u > 0) + 0.2 * _cloud(rng, 12, size)
    streaks = sum(np.cos(lines * bearing + phase + twist * from_hilum) for lines, phase, twist in a.vessels)
    branches = 0.032 * np.maximum(streaks, 0) * np.exp(-from_hilum / 4.5)
    return branches + 0.16 * np.exp(-((from_hilum / 2.1) ** 2)) + 0.015 * _cloud(rng, 40, size)


def _infiltrate(s: Study, u: Array, v: Array, rng: np.random.Generator) -> Array:
    """Share of the air that patchy, ill-defined opacities take away."""
    texture = np.clip(0.9 + 0.35 * _cloud(rng, 22, len(u)), 0.2, 1.4)
    patches = [
        density * np.exp(-(((u - pu) / ru) ** 2) - ((v - pv) / rv) ** 2) for pu, pv, ru, rv, density in s.infiltrates
    ]
    return texture * np.max(patches, axis=0) if patches else np.zeros_like(u)


def _film(s: Study, attenuation: Array, x: Array, y: Array, rng: np.random.Generator) -> Array:
    """Grey values of a sum of attenuations: exposure, unevenness, noise, side marker and shutters."""
    size, contrast, level = len(x), *s.exposure
    film = 1 / (1 + np.exp(-contrast * (attenuation + s.haze * _cloud(rng, 3, size) - level)))
    film += s.noise * (0.5 + film) * rng.standard_normal((size, size), dtype=np.float32)  # few rays, more noise
    mx, my = x - s.marker[0], y - s.marker[1]
    upright = np.minimum(0.25 - np.abs(mx + 0.5), 1.05 - np.abs(my))
    foot = np.minimum(0.75 - np.abs(mx), 0.25 - np.abs(my - 0.8))
    soft = max(0.25, 1.5 * FIELD_CM / size)
    film = np.maximum(film, 0.97 * _step(np.maximum(upright, foot), soft))
    left, right, top, bottom = (FIELD_CM / 2 - shutter for shutter in s.shutters)
    return film * _step(np.minimum(np.minimum(x + left, right - x), np.minimum(y + top, bottom - y)), 2 * soft)


def draw_chest(anatomy: Anatomy, study: Study, size: int) -> Drawing:
    """Draw one radiograph.

    Args:
        anatomy: the patient.
        study: the image's findings, positioning and exposure.
        size: rows and columns in pixels; the field is always ``FIELD_CM`` wide.

    Returns:
        the image as float32 in 0..1 (air dark, bone bright), the masks of what was drawn, and the labels.
    """
    a, s, rng = anatomy, study, np.random.default_rng(study.seed)
    pixel = FIELD_CM / size
    soft = max(0.25, 1.5 * pixel)  # an outline is never sharper than the pixels can show
    axis = ((np.arange(size) + 0.5) * pixel - FIELD_CM / 2).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    cos, sin = math.cos(s.turn) / s.scale, math.sin(s.turn) / s.scale
    u = (x - s.shift[0]) * cos + (y - s.shift[1]) * sin
    v = (y - s.shift[1]) * cos - (x - s.shift[0]) * sin
    left = (u > 0).astype(np.intp)  # picks the left value of a (right, left) pair

    skin, body = _body(a, u, v)
    wall, depth = a.wall_depth(u, v), a.lung_depth(u, v, s.breath)
    heart_depth = a.heart_depth(u - s.oblique, v, s.breath)
    aorta = 1.9 - np.hypot(u - s.oblique - 2.4, v + 5.0)
    heart = np.maximum(_step(heart_depth, 1.5 * soft), 0.8 * _step(aorta, 0.8))
    abdomen = _step(v - a.dome(u, s.breath), 1.0) * _step(wall + 0.5, 3.0)

    # Fluid stands in the costophrenic angle with a meniscus that climbs the chest wall.
    height = np.array(s.effusion, np.float32)[left]
    angle = a.dome(np.where(left, a.half_width, -a.half_width), s.breath)
    fluid = (height > 0) * _step(v - angle + height * (0.5 + 0.5 * np.clip(np.abs(u) / a.half_width, 0, 1) ** 4), 0.8)
    # Free air lies under the chest wall, widest at the apex; the pleura is a fine line along the collapsed lung.
    width = np.array(s.pneumothorax, np.float32)[left] * _step(a.diaphragm - 3 - v, 12.0)
    rim = (width > 0.3) * _step(width - wall, soft)
    pleura = (width > 0.3) * _bump(width - wall, 0.35 + pixel / 2)
    infiltrate = _infiltrate(s, u, v, rng) * (1 - rim)
    mass = np.zeros_like(u)
    if a.mass is not None:
        mass_u, mass_v, radius, density = a.mass
        mass = density * np.sqrt(np.clip(1 - (np.hypot(u - mass_u, v - mass_v) / radius) ** 2, 0, 1))  # a ball

    lung = _step(depth, soft) * (1 - 0.75 * np.exp(-np.maximum(depth, 0) / 1.6))  # thin at its edges
    air = a.lung_air * lung * (0.8 + 0.32 * rim) * (1 - 0.97 * fluid) * (1 - infiltrate) * (1 - 0.92 * heart)
    vessels = _vessels(a, u, v, rng) * (1 - rim) * (1 - fluid) * (1 - 0.8 * heart)
    total = body * _step(skin, 2 * soft) - air + lung * (vessels + mass + 0.09 * pleura)
    total += 0.05 * heart * (1 - abdomen) + 0.10 * abdomen
    total += _bones(a, u, v, s.oblique + a.spine_bend * np.sin(v / 7)) * _step(skin, soft)
    if s.gas > 0:
        stomach = 1 - np.hypot((u - 0.42 * a.half_width) / s.gas, (v - a.diaphragm - s.breath - 2.2) / (0.6 * s.gas))
        total -= 0.18 * _step(stomach * s.gas, 0.8)

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
    image = np.clip(_film(s, total, x, y, rng), 0, 1).astype(np.float32)
    return Drawing(image, masks, tuple(map(int, present)))
