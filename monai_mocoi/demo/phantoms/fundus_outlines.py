"""Lesions of each grade of a drawn retina, and harmless look-alikes, as outlines.

Every length is in degrees of the visual field (1 degree is 0.29 mm of retina), as seen in a right eye: ``x`` towards
the nose, ``y`` downwards, with the origin in the fovea. Small lesions are drawn larger than life, to be seen at 64
pixels a side.
"""

import math
from collections.abc import Callable

import numpy as np

from monai_mocoi.demo.phantoms.fundus_vessels import Outline, Point, draw_course
from monai_mocoi.demo.phantoms.shapes import Array

LESIONS = ("microaneurysm", "haemorrhage", "exudate", "cotton wool", "new vessel")
"""The kinds of outline that only diabetic retinopathy has."""
Inside = Callable[[float, float, float], bool]
"""Whether all within a distance (third value) of a point x, y is in the photograph and off the optic disc."""
_CIRCLE = np.linspace(0, 2 * math.pi, 16, endpoint=False)

# By grade: fewest and most, both included.
_MICROANEURYSMS = ((0, 0), (2, 6), (3, 9), (6, 14), (6, 14))
_HAEMORRHAGES = ((0, 0), (0, 0), (5, 8), (8, 14), (8, 14))
_EXUDATE_CLUSTERS = ((0, 0), (0, 0), (1, 2), (2, 4), (2, 4))
_COTTON_WOOL = ((0, 0), (0, 0), (0, 1), (0, 3), (0, 3))


def blob(rng: np.random.Generator, middle: Point, radius: float, stretch: float = 1.0, ragged: float = 0.0) -> Array:
    """Return (16, 2) points of an ellipse of ``radius`` (geometric mean), turned at random, with uneven outline."""
    turn, *phases = rng.uniform(0, 2 * math.pi, 4)
    waves = sum(np.cos(n * _CIRCLE + phase) for n, phase in zip((2, 3, 5), phases, strict=True))
    reach = radius * (1 + ragged * waves)
    long, short = reach * stretch * np.cos(_CIRCLE), reach / stretch * np.sin(_CIRCLE)
    x = middle[0] + long * math.cos(turn) - short * math.sin(turn)
    return np.stack([x, middle[1] + long * math.sin(turn) + short * math.cos(turn)], 1)


def sample_lesions(rng: np.random.Generator, grade: int, disc: Point, inside: Inside) -> list[Outline]:
    """Draw the lesions of a grade, 0 to 4, of the international scale: none at 0, only microaneurysms at 1.

    ``disc`` is the middle of the optic disc; every lesion's middle is where ``inside`` says so.
    """

    def count(table: tuple[tuple[int, int], ...]) -> range:
        return range(int(rng.integers(*table[grade], endpoint=True)))

    lesions = []
    for _ in count(_MICROANEURYSMS):
        lesions.append(Outline("microaneurysm", blob(rng, _place(rng, inside, 0.5), rng.uniform(0.3, 0.42)), 0.8))
    for _ in count(_HAEMORRHAGES):
        radius = min(1.1 * rng.lognormal(0, 0.25), 2.2)
        shape = blob(rng, _place(rng, inside, radius), radius, rng.uniform(1, 1.35), 0.1)
        lesions.append(Outline("haemorrhage", shape, rng.uniform(0.6, 1.0)))
    for _ in count(_EXUDATE_CLUSTERS):
        x, y = _place(rng, inside, 1.5, near=(3.0, 9.0))
        for _ in range(int(rng.integers(5, 11))):
            a, b = rng.normal((x, y), 1.2)
            if inside(a, b, 0.3):
                shape = blob(rng, (a, b), rng.uniform(0.25, 0.5), rng.uniform(1, 1.3), 0.1)
                lesions.append(Outline("exudate", shape, rng.uniform(0.5, 0.9)))
    for _ in count(_COTTON_WOOL):
        radius = rng.uniform(0.8, 1.4)
        shape = blob(rng, _place(rng, inside, radius, near=(6.0, 30.0)), radius, rng.uniform(1, 1.3), 0.08)
        lesions.append(Outline("cotton wool", shape, rng.uniform(0.4, 0.7)))
    if grade == 4:
        lesions += _proliferation(rng, disc, inside)
    return lesions


def _proliferation(rng: np.random.Generator, disc: Point, inside: Inside) -> list[Outline]:
    """Fans of fine, winding new vessels on the disc or elsewhere, and in half of the eyes blood before the retina."""
    lesions = []
    places = [disc] if rng.random() < 0.5 else []
    places += [_place(rng, inside, 2.0, near=(6.0, 30.0)) for _ in range(int(rng.integers(1, 3)))]
    for place in places:
        for heading in rng.uniform(0, 2 * math.pi, int(rng.integers(9, 16))):
            turns = (heading, heading + rng.uniform(-1.5, 1.5))
            course = draw_course(rng, place, turns, 2.0, rng.uniform(2.5, 5.0), (0.35, 0.2), 0.6)
            lesions.append(course.outline("new vessel", 0.8))
    if rng.random() < 0.5:
        x, y = _place(rng, inside, 2.0, near=(5.0, 30.0))
        width, depth = rng.uniform(2.0, 4.0), rng.uniform(1.0, 2.0)
        # Like a boat: it sinks to a level.
        boat = np.stack([x + width * np.cos(_CIRCLE), y + depth * np.maximum(np.sin(_CIRCLE), -0.1)], 1)
        lesions.append(Outline("haemorrhage", boat, 1.0))
    return lesions


def sample_distractors(
    rng: np.random.Generator, drusen: int, pigment: int, sheen: float, inside: Inside
) -> list[Outline]:
    """Draw what eyes of any grade have: pale and dark spots, a naevus in one of seven, and a young retina's sheen.

    About ``drusen`` drusen near the fovea, and ``pigment`` clumps, brown where a haemorrhage is red; ``sheen`` is the
    strength of the reflections along the arcades, 0 for none.
    """
    outlines = []
    for _ in range(rng.poisson(drusen)):
        a, b = rng.normal(0, 4.5, 2)
        if inside(a, b, 0.5):
            outlines.append(Outline("drusen", blob(rng, (a, b), rng.uniform(0.25, 0.7)), rng.uniform(0.3, 0.7)))
    for _ in range(rng.poisson(pigment)):
        radius = rng.uniform(0.35, 0.9)
        shape = blob(rng, _place(rng, inside, radius), radius, rng.uniform(1, 1.35), 0.1)
        outlines.append(Outline("pigment", shape, rng.uniform(0.3, 0.8)))
    if rng.random() < 0.15:
        radius = rng.uniform(1.0, 2.5)
        shape = blob(rng, _place(rng, inside, radius), radius, rng.uniform(1, 1.3), 0.05)
        outlines.append(Outline("naevus", shape, rng.uniform(0.4, 0.9)))
    if sheen > 0:
        for _ in range(int(rng.integers(3, 8))):
            start = _place(rng, inside, 1.0, near=(5.0, 14.0))
            heading = math.atan2(start[1], start[0]) + math.pi / 2
            course = draw_course(
                rng, start, (heading, heading + 0.5), 6.0, rng.uniform(2, 7), (rng.uniform(0.3, 0.9), 0.2), 0.1
            )
            outlines.append(course.outline("sheen", sheen * rng.uniform(0.5, 1.0)))
    return outlines


def _place(rng: np.random.Generator, inside: Inside, margin: float, near: tuple[float, float] = (1.0, 30.0)) -> Point:
    """A random point inside, at such a distance from the fovea."""
    while True:
        x, y = rng.uniform(-30, 30, 2)
        if near[0] <= math.hypot(x, y) <= near[1] and inside(x, y, margin):
            return float(x), float(y)
