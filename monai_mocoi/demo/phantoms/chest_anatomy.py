"""Anatomy and study of a drawn chest: what all images of a patient share, and what belongs to one."""

from dataclasses import dataclass, replace

import numpy as np

from monai_mocoi.demo.phantoms.shapes import Array, softmin


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
        return softmin(softmin(self.wall_depth(u, v), medial, 3.0), self.dome(u, breath) - v, 0.6)

    def heart_depth(self, u: Array, v: Array, breath: float) -> Array:
        """Distance inwards from the heart: a tilted ellipse as wide as the cardiothoracic ratio says."""
        width, flat = 2 * self.half_width * self.cardiothoracic_ratio, 0.74
        cos, sin = np.cos(self.heart_tilt), np.sin(self.heart_tilt)
        long = width / 2 / np.hypot(cos, flat * sin)
        x, y = u - self.heart_shift * width, v - (self.diaphragm + breath - 0.62 * long * np.hypot(sin, flat * cos))
        return long * flat * (1 - np.hypot((x * cos + y * sin) / long, (y * cos - x * sin) / (long * flat)))


def place_in_lung(rng: np.random.Generator, anatomy: Anatomy, depth: float) -> tuple[float, float]:
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
    mass = (*place_in_lung(rng, anatomy, radius), radius, rng.uniform(0.40, 0.55))
    return replace(anatomy, mass=mass)


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


def _pair(rng: np.random.Generator, chance: float, low: float, high: float) -> tuple[float, float]:
    """A (right, left) pair that is non-zero with ``chance``: on one side mostly, on both in 15 %."""
    right, left = ((True, False), (False, True), (True, True))[rng.choice(3, p=(0.425, 0.425, 0.15))]
    present, size = rng.random() < chance, rng.uniform(low, high, 2)
    return float(size[0]) * (present and right), float(size[1]) * (present and left)


def sample_study(rng: np.random.Generator, anatomy: Anatomy) -> Study:
    """Draw one image's findings, positioning and exposure; each acute finding in about 3 of 10."""
    patches = int(rng.integers(1, 4)) * (rng.random() < 0.3)
    return Study(
        effusion=_pair(rng, 0.3, 4.0, 8.0),
        pneumothorax=_pair(rng, 0.3, 1.8, 4.2),
        infiltrates=tuple(
            (*place_in_lung(rng, anatomy, 1.5), *rng.uniform(2.0, 4.0, 2), rng.uniform(0.55, 0.85))
            for _ in range(patches)
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
