"""Tissue of a drawn histology patch while it is filled: cells, ducts and fat, none on another."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

FIELD_UM = 75.0
"""Side of the square patch in micrometres."""

Disc = tuple[float, float, float]  # x, y, radius


@dataclass(frozen=True)
class Slide:
    """What all patches of a patient share."""

    haematoxylin: tuple[float, ...]  # optical density of a unit in red, green and blue
    eosin: tuple[float, ...]
    lamp: tuple[float, ...]  # light in red, green and blue where there is no tissue, of 1
    burden: float  # share of patches with tumour
    benign_radius: float  # mean of a duct's nuclei
    tumour_radius: float  # mean
    collagen: float  # amount of eosin in stroma
    cellularity: float  # factor of the number of cells
    softness: float  # width of an outline


@dataclass(frozen=True)
class Nucleus:
    """A dented ellipse with a rim, and nucleoli or none."""

    x: float
    y: float
    radius: float  # geometric mean of the half axes
    tumour: bool
    stretch: float = 1.0  # longer half axis over ``radius``
    turn: float = 0.0  # radians, of the longer half axis
    dents: tuple[float, float] = (0.0, 0.0)  # depth, of the radius, and phase
    chromatin: float = 1.0  # amount of haematoxylin
    nucleoli: int = 0


class Tissue:
    """A patch while it is filled: no nucleus lies on another one, in a lumen or in fat."""

    def __init__(self, rng: np.random.Generator, slide: Slide) -> None:
        self.rng, self.slide = rng, slide
        self.direction = rng.uniform(0, math.pi)
        self.nuclei: list[Nucleus] = []
        self.lumens: list[Disc] = []
        self.cytoplasm: list[Disc] = []
        self.fat: list[Disc] = []

    def put(self, x: float, y: float, radius: float, tumour: bool = False, **form: Any) -> bool:
        """Put down a nucleus where there is room for it."""
        x, y, radius = float(x), float(y), float(radius)  # NumPy's scalars are slow in what follows
        closed = any(math.hypot(x - a, y - b) < r + 0.8 * radius for a, b, r in self.lumens + self.fat)
        taken = any(math.hypot(x - n.x, y - n.y) < 0.9 * (radius + n.radius) for n in self.nuclei)
        if closed or taken:
            return False
        self.nuclei.append(Nucleus(x, y, radius, tumour, **form))
        return True

    def scatter(
        self, count: float, kind: Callable[[float, float], bool], about: tuple[float, float, float] | None = None
    ) -> None:
        """Put down a random number of nuclei, ``count`` on the average, all over or about (x, y, spread)."""
        for _ in range(self.rng.poisson(count * self.slide.cellularity)):
            for _ in range(10):  # another place if this one is taken
                if about is None:
                    x, y = self.rng.uniform(-3, FIELD_UM + 3, 2)
                else:
                    x, y = self.rng.normal(about[:2], about[2])
                if kind(x, y):
                    break

    def spindle(self, x: float, y: float) -> bool:
        """A fibroblast, along the fibres."""
        radius, stretch = self.rng.uniform(1.9, 2.6), self.rng.uniform(1.4, 1.9)
        turn = self.direction + self.rng.normal(0, 0.2)
        return self.put(x, y, radius, stretch=stretch, turn=turn, chromatin=self.rng.uniform(0.8, 1.2))

    def lymphocyte(self, x: float, y: float) -> bool:
        """Small, round and dark."""
        return self.put(x, y, self.rng.uniform(2.1, 2.7), chromatin=self.rng.uniform(1.1, 1.5))

    def epithelium(self, x: float, y: float) -> bool:
        """A benign cell of a duct: even and oval."""
        radius = self.slide.benign_radius * self.rng.lognormal(0, 0.07)
        return self._oval(x, y, radius, stretch=1.25, dent=0.06, chromatin=(0.65, 1.15), nucleoli=2)

    def plump_cell(self, x: float, y: float) -> bool:
        """A benign cell as large as a tumour's: a macrophage, or a fibroblast that is healing a wound."""
        radius = self.rng.uniform(3.6, 5.0)
        return self._oval(x, y, radius, stretch=1.3, dent=0.1, chromatin=(0.5, 1.0), nucleoli=2)

    def tumour_cell(self, x: float, y: float) -> bool:
        """Large on the average, of any size and shape, pale or dark."""
        radius = np.clip(self.slide.tumour_radius * self.rng.lognormal(0, 0.2), 3.0, 8)
        return self._oval(x, y, radius, stretch=1.3, dent=0.15, chromatin=(0.5, 1.15), nucleoli=3, tumour=True)

    def _oval(
        self,
        x: float,
        y: float,
        radius: float,
        stretch: float,
        dent: float,
        chromatin: tuple[float, float],
        nucleoli: int,
        tumour: bool = False,
    ) -> bool:
        """A dented oval in any direction; ``stretch``, ``dent`` and ``nucleoli`` are bounds of what is drawn."""
        rng = self.rng
        return self.put(
            x,
            y,
            radius,
            tumour,
            stretch=rng.uniform(1.0, stretch),
            turn=rng.uniform(0, math.pi),
            dents=(rng.uniform(0, dent), rng.uniform(0, 6.28)),
            chromatin=rng.uniform(*chromatin),
            nucleoli=int(rng.integers(0, nucleoli)),
        )

    def duct(self) -> None:
        """A lumen, and two rows of even nuclei round it."""
        rng = self.rng
        x, y = rng.uniform(5, FIELD_UM - 5, 2).tolist()
        lumen, radius = rng.uniform(3, 13), self.slide.benign_radius
        self.lumens.append((x, y, lumen))
        self.cytoplasm.append((x, y, lumen + 5.2 * radius))
        for row in (1.6, 3.9):
            ring = lumen + row * radius
            count = int(2 * math.pi * ring / (2.3 * radius))
            for i in range(count):
                angle = 2 * math.pi * (i + rng.uniform(-0.15, 0.15)) / count
                self.epithelium(x + ring * math.cos(angle), y + ring * math.sin(angle))

    def fat_cells(self, count: int) -> None:
        """Empty cells side by side, about a corner or an edge."""
        x, y = self.rng.choice([0.0, FIELD_UM / 2, FIELD_UM], 2)
        for _ in range(count):
            a, b, r = *self.rng.normal((x, y), 20), self.rng.uniform(8, 16)
            if all(math.hypot(a - c, b - d) > 0.95 * (r + s) for c, d, s in self.fat):
                self.fat.append((float(a), float(b), float(r)))

    def nest(self, kind: Callable[[float, float], bool], cells: float, spread: float) -> None:
        """Cells about a point, in a sheet of cytoplasm."""
        x, y = self.rng.uniform(0.15 * FIELD_UM, 0.85 * FIELD_UM, 2).tolist()
        self.cytoplasm.append((x, y, 1.6 * spread))
        self.scatter(cells, kind, (x, y, spread))
