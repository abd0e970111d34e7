"""Study of a drawn chest: one image's findings, positioning and exposure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monai_mocoi.demo.phantoms.chest_anatomy import Anatomy, place_in_lung


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
