"""Vessels of a drawn retina: courses that wind, widths that taper, and the tree that they make."""

import math
from dataclasses import dataclass

import numpy as np

from monai_mocoi.demo.phantoms.shapes import Array

Point = tuple[float, float]

_STEP = 0.5  # between the points of a vessel
_AVASCULAR = 2.5  # no vessel comes nearer to the fovea


@dataclass(frozen=True)
class Outline:
    """A filled outline: (n, 2) points, of a kind of ``LESIONS``, or artery, vein, drusen, pigment, naevus, sheen."""

    kind: str
    points: Array
    strength: float = 1.0


@dataclass(frozen=True)
class Course:
    """The middle line of a vessel: (n, 2) points, (n,) headings in radians, widths at both ends."""

    points: Array
    headings: Array
    widths: tuple[float, float]

    def outline(self, kind: str, strength: float = 1.0) -> Outline:
        """The vessel's outline."""
        across = np.stack([-np.sin(self.headings), np.cos(self.headings)], 1)
        across *= np.linspace(*self.widths, len(across))[:, None] / 2
        return Outline(kind, np.concatenate([self.points + across, (self.points - across)[::-1]]), strength)


def draw_course(
    rng: np.random.Generator,
    start: Point,
    headings: tuple[float, float],
    bend: float,
    length: float,
    widths: tuple[float, float],
    tortuosity: float,
) -> Course:
    """A vessel that starts in one heading and turns to another over about ``bend``, winding by ``tortuosity``."""
    along = np.arange(0, max(length, 3 * _STEP), _STEP)
    first, last = headings
    phases, waves = rng.uniform(0, 2 * math.pi, 2), rng.uniform((2.5, 6.0), (5.0, 12.0))
    winding = sum(np.sin(2 * math.pi * along / wave + phase) for wave, phase in zip(waves, phases, strict=True))
    heading = last + (first - last) * np.exp(-along / bend) + tortuosity * winding
    points = np.array(start) + _STEP * np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0)
    near = np.flatnonzero(np.hypot(*points.T) < _AVASCULAR)
    end = max(int(near[0]), 3) if len(near) else len(points)
    return Course(points[:end], heading[:end], widths)


def sample_vessels(rng: np.random.Generator, disc: Point, calibre: float, tortuosity: float) -> list[Outline]:
    """Draw arteries and veins from the optic disc: arcades round the macula, nasal vessels, and their branches.

    ``calibre`` is the width of a vein at the disc (``disc``: its middle), of which arteries have 0.7; ``tortuosity`` is
    in radians, 0 for straight ones.
    """
    outlines = []

    def grow(course: Course, kind: str, generations: int) -> None:
        outlines.append(course.outline(kind))
        if not generations:
            return
        side, at = rng.choice((-1, 1)), int(rng.uniform(4, 8) / _STEP)
        while at < len(course.points) - 4:
            width = np.interp(at, (0, len(course.points)), course.widths)
            heading = course.headings[at]
            left = (len(course.points) - at) * _STEP
            child = draw_course(
                rng,
                tuple(course.points[at]),
                (heading + side * rng.uniform(0.5, 1.0), heading + side * rng.uniform(0.5, 1.3)),
                rng.uniform(3, 8),
                min(rng.uniform(0.4, 0.8) * left, 14.0),
                (0.65 * width, 0.25 * width),
                1.3 * tortuosity,
            )
            grow(child, kind, generations - 1)
            side, at = -side, at + int(rng.uniform(4, 9) / _STEP)

    for up in (-1, 1):
        for kind, width in (("vein", calibre), ("artery", 0.7 * calibre)):
            start = (disc[0] + rng.uniform(-0.5, 0.5), disc[1] + rng.uniform(-0.5, 0.5))
            turns = (up * math.radians(rng.uniform(75, 110)), up * math.radians(rng.uniform(168, 188)))
            arcade = draw_course(rng, start, turns, rng.uniform(7.5, 10.5), 38, (width, 0.35 * width), tortuosity)
            grow(arcade, kind, 2)
            turns = (up * math.radians(rng.uniform(60, 110)), up * math.radians(rng.uniform(5, 50)))
            width *= 0.8
            nasal = draw_course(rng, start, turns, rng.uniform(2.5, 5), 18, (width, 0.4 * width), tortuosity)
            grow(nasal, kind, 1)
    return outlines
