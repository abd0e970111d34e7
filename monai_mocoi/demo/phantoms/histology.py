"""Drawn patches of breast tissue, stained with haematoxylin and eosin (H&E): no IDC, or IDC.

IDC is invasive ductal carcinoma. Every length is in micrometres, from the patch's upper left corner. Nuclei, cytoplasm,
collagen and fat are drawn as amounts of the two stains; the stains' optical densities, which differ from patient to
patient, turn the amounts into light by Beer's law. The label says whether tumour cells were drawn: large nuclei of
varying size and shape, in disorder. Benign tissue has ducts, lymphocytes, stroma and fat; tumours lie among the same,
and either has few cells or many, pale ones or dark ones, so that neither colour nor the number of nuclei says which it
is. Nothing is taken from a real image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = [
    "FIELD_UM",
    "HISTOLOGY_CLASSES",
    "HISTOLOGY_VERSION",
    "Nucleus",
    "Patch",
    "Slide",
    "draw_patch",
    "sample_patch",
    "sample_slide",
]

HISTOLOGY_VERSION = 1
"""Raised whenever the drawing changes, so that a cached demo of an older drawing is not taken for the present one."""

HISTOLOGY_CLASSES = ("no IDC", "IDC")
"""The classes, in the order of the label values."""

FIELD_UM = 75.0
"""Side of the square patch in micrometres."""

Array = NDArray[np.floating[Any]]
Disc = tuple[float, float, float]  # x, y, radius

# Optical density of a unit of each stain in red, green and blue.
_HAEMATOXYLIN, _EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.09, 0.95, 0.22])
_FEWEST_TUMOUR_CELLS = 3  # in a patch with tumour
_REACH = 1.2  # a dented nucleus reaches no farther than this times its longer half axis


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


@dataclass(frozen=True)
class Patch:
    """What belongs to one patch: its tissue, and how it was cut, stained and scanned."""

    nuclei: tuple[Nucleus, ...]
    lumens: tuple[Disc, ...]  # of ducts, empty
    cytoplasm: tuple[Disc, ...]  # sheets of it
    fat: tuple[Disc, ...]  # cells, empty
    fibres: tuple[float, float]  # direction of the stroma in radians, spacing
    amounts: tuple[float, float]  # factors of haematoxylin and eosin
    noise: float  # standard deviation, of 1
    seed: int

    @property
    def label(self) -> int:
        """Position in ``HISTOLOGY_CLASSES``."""
        return int(_tumour_cells(self.nuclei) > 0)


def sample_slide(rng: np.random.Generator) -> Slide:
    """Draw a patient: stains, tissue, and how much of it is tumour."""
    return Slide(
        haematoxylin=tuple(_HAEMATOXYLIN * rng.uniform(0.75, 1.2) * rng.uniform(0.88, 1.12, 3)),
        eosin=tuple(_EOSIN * rng.uniform(0.7, 1.2) * rng.uniform(0.85, 1.15, 3)),
        lamp=tuple(rng.uniform(0.93, 0.98) + rng.uniform(-0.02, 0.02, 3)),
        burden=rng.uniform(0.15, 0.65),
        benign_radius=rng.uniform(2.8, 3.5),
        tumour_radius=rng.uniform(4.0, 5.0),
        collagen=rng.uniform(0.35, 0.65),
        cellularity=rng.uniform(0.75, 1.25),
        softness=rng.uniform(1.5, 3.0),
    )


class _Tissue:
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
        rng = self.rng
        return self.put(
            x,
            y,
            rng.uniform(1.9, 2.6),
            stretch=rng.uniform(1.4, 1.9),
            turn=self.direction + rng.normal(0, 0.2),
            chromatin=rng.uniform(0.8, 1.2),
        )

    def lymphocyte(self, x: float, y: float) -> bool:
        """Small, round and dark."""
        return self.put(x, y, self.rng.uniform(2.1, 2.7), chromatin=self.rng.uniform(1.1, 1.5))

    def epithelium(self, x: float, y: float) -> bool:
        """A benign cell of a duct: even and oval."""
        rng = self.rng
        return self.put(
            x,
            y,
            self.slide.benign_radius * rng.lognormal(0, 0.07),
            stretch=rng.uniform(1.0, 1.25),
            turn=rng.uniform(0, math.pi),
            dents=(rng.uniform(0, 0.06), rng.uniform(0, 6.28)),
            chromatin=rng.uniform(0.65, 1.15),
            nucleoli=int(rng.integers(0, 2)),
        )

    def plump_cell(self, x: float, y: float) -> bool:
        """A benign cell as large as a tumour's: a macrophage, or a fibroblast that is healing a wound."""
        rng = self.rng
        return self.put(
            x,
            y,
            rng.uniform(3.6, 5.0),
            stretch=rng.uniform(1.0, 1.3),
            turn=rng.uniform(0, math.pi),
            dents=(rng.uniform(0, 0.1), rng.uniform(0, 6.28)),
            chromatin=rng.uniform(0.5, 1.0),
            nucleoli=int(rng.integers(0, 2)),
        )

    def tumour_cell(self, x: float, y: float) -> bool:
        """Large on the average, of any size and shape, pale or dark."""
        rng = self.rng
        return self.put(
            x,
            y,
            np.clip(self.slide.tumour_radius * rng.lognormal(0, 0.2), 3.0, 8),
            tumour=True,
            stretch=rng.uniform(1.0, 1.3),
            turn=rng.uniform(0, math.pi),
            dents=(rng.uniform(0, 0.15), rng.uniform(0, 6.28)),
            chromatin=rng.uniform(0.5, 1.15),
            nucleoli=int(rng.integers(0, 3)),
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


def _tumour_cells(nuclei: Iterable[Nucleus]) -> int:
    """Number of those whose middle is in the field."""
    return sum(n.tumour and 0 < n.x < FIELD_UM and 0 < n.y < FIELD_UM for n in nuclei)


def _sample_tissue(rng: np.random.Generator, slide: Slide, tumour: bool) -> _Tissue:
    tissue = _Tissue(rng, slide)
    if rng.random() < 0.3:
        tissue.fat_cells(int(rng.integers(2, 12)))
    for _ in range(int(rng.choice(3, p=(0.8, 0.2, 0) if tumour else (0.5, 0.35, 0.15)))):
        tissue.duct()
    # Benign epithelium fills ducts and grows in sheets too; then only size and shape of its nuclei tell it.
    kind, packing = (tissue.tumour_cell, 1.0) if tumour else (tissue.epithelium, 1.5)
    pattern = rng.random() if tumour or rng.random() < 0.45 else 1.0
    if pattern < 0.3:  # one solid nest
        tissue.nest(kind, 22 * packing, 22)
    elif pattern < 0.65:  # small ones
        for _ in range(int(rng.integers(2, 4))):
            tissue.nest(kind, 6 * packing, 8)
    elif tumour:  # single cells
        tissue.scatter(7, kind)
    if rng.random() < 0.4:
        tissue.scatter(1.5, tissue.plump_cell)
    if rng.random() < 0.4:
        tissue.scatter(rng.uniform(6, 40), tissue.lymphocyte, (*rng.uniform(0, FIELD_UM, 2), rng.uniform(8, 25)))
    tissue.scatter(rng.uniform(3, 22), tissue.spindle)
    return tissue


def sample_patch(rng: np.random.Generator, slide: Slide) -> Patch:
    """Draw one patch's tissue, with tumour by the patient's ``burden``, and its cutting, staining and scanning."""
    tumour = rng.random() < slide.burden
    tissue = _sample_tissue(rng, slide, tumour)
    while tumour and _tumour_cells(tissue.nuclei) < _FEWEST_TUMOUR_CELLS:
        tissue = _sample_tissue(rng, slide, tumour)
    balance = rng.normal(0, 0.08)
    return Patch(
        nuclei=tuple(tissue.nuclei),
        lumens=tuple(tissue.lumens),
        cytoplasm=tuple(tissue.cytoplasm),
        fat=tuple(tissue.fat),
        fibres=(tissue.direction, rng.uniform(4, 9)),
        amounts=tuple(rng.uniform(0.85, 1.15) * np.exp([balance, -balance])),
        noise=rng.uniform(0.008, 0.025),
        seed=int(rng.integers(2**31)),
    )


def _cloud(rng: np.random.Generator, cells: int, size: int) -> Array:
    """Smooth noise (size, size), about standard normal, with ``cells`` random values across."""
    grid = rng.standard_normal((cells, cells), dtype=np.float32)
    return np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC))


def _step(depth: Array, width: float) -> Array:
    """0 outside, 1 inside, smooth over ``width`` about the outline."""
    t = np.clip(depth / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _cover(discs: tuple[Disc, ...], x: Array, y: Array, width: float) -> Array:
    """1 inside any of the discs, 0 outside all."""
    depths = [radius - np.hypot(x - a, y - b) for a, b, radius in discs]
    return _step(np.max(depths, axis=0), width) if depths else np.zeros_like(x)


def _stain_nucleus(
    nucleus: Nucleus,
    x: Array,
    y: Array,
    amount: Array,
    inside: NDArray[np.bool_],
    width: float,
    rng: np.random.Generator,
) -> None:
    """Lay one nucleus's chromatin over ``amount``, and mark it in ``inside``; both change in place."""
    n, size = nucleus, len(x)
    pixel, reach = FIELD_UM / size, _REACH * n.radius * n.stretch + width
    rows, columns = (
        slice(max(int((middle - reach) / pixel), 0), max(math.ceil((middle + reach) / pixel), 0))
        for middle in (n.y, n.x)
    )
    dx, dy = x[rows, columns] - n.x, y[rows, columns] - n.y
    speckle = rng.standard_normal(dx.shape, dtype=np.float32)
    spots = rng.uniform(-0.45, 0.45, (n.nucleoli, 2)) * n.radius
    if not dx.size:
        return
    long = (dx * math.cos(n.turn) + dy * math.sin(n.turn)) / n.stretch
    short = (dy * math.cos(n.turn) - dx * math.sin(n.turn)) * n.stretch
    depth, phase = n.dents
    outline = n.radius * (1 + depth * np.cos(3 * np.arctan2(short, long) + phase))
    inwards = outline - np.hypot(long, short)
    cover = _step(inwards, width)
    chromatin = n.chromatin * (0.85 + 0.3 * np.exp(-((inwards / 1.0) ** 2)) + 0.08 * speckle)
    for a, b in spots:
        chromatin += 0.5 * _step(1.1 - np.hypot(dx - a, dy - b), width)
    amount[rows, columns] = np.maximum(amount[rows, columns] * (1 - cover), 0) + chromatin * cover
    inside[rows, columns][inwards > 0] = True


def draw_patch(slide: Slide, patch: Patch, size: int) -> tuple[NDArray[np.float32], dict[str, NDArray[np.bool_]]]:
    """Draw one patch.

    Args:
        slide: the patient.
        patch: the patch's tissue, cutting, staining and scanning.
        size: rows and columns in pixels; the field is always ``FIELD_UM`` wide.

    Returns:
        the image as float32 of shape (size, size, 3), red, green and blue in 0..1; and masks of shape (size, size):
        ``tumour`` and ``benign`` nuclei, ``lumen`` and ``fat``.
    """
    rng = np.random.default_rng(patch.seed)
    pixel = FIELD_UM / size
    width = max(slide.softness, 1.5 * pixel)  # an outline is never sharper than the pixels can show
    axis = ((np.arange(size) + 0.5) * pixel).astype(np.float32)
    x, y = np.meshgrid(axis, axis)

    direction, spacing = patch.fibres
    across = y * math.cos(direction) - x * math.sin(direction) + 3 * _cloud(rng, 5, size)
    waves = np.cos(2 * math.pi * across / spacing)
    eosin = slide.collagen * (1 + 0.25 * waves + 0.15 * _cloud(rng, 12, size))
    haematoxylin = 0.06 + 0.02 * _cloud(rng, 12, size)

    sheet = _cover(patch.cytoplasm, x, y, 4.0)
    eosin += sheet * (0.45 + 0.05 * _cloud(rng, 20, size) - eosin)
    haematoxylin += 0.14 * sheet
    lumen, fat = _cover(patch.lumens, x, y, width), _cover(patch.fat, x, y, width)
    empty = np.maximum(lumen, fat)
    eosin, haematoxylin = eosin * (1 - 0.97 * empty), haematoxylin * (1 - empty)

    masks = {name: np.zeros((size, size), bool) for name in ("tumour", "benign")}
    for nucleus in patch.nuclei:
        mask = masks["tumour" if nucleus.tumour else "benign"]
        _stain_nucleus(nucleus, x, y, haematoxylin, mask, width, rng)

    blue, pink = patch.amounts
    density = blue * np.maximum(haematoxylin, 0)[..., None] * np.array(slide.haematoxylin)
    density += pink * np.maximum(eosin, 0)[..., None] * np.array(slide.eosin)
    light = np.array(slide.lamp) * np.exp(-density)
    light += patch.noise * rng.standard_normal((size, size, 3), dtype=np.float32)
    masks.update(lumen=np.greater(lumen, 0.5), fat=np.greater(fat, 0.5))
    return np.clip(light, 0, 1).astype(np.float32), masks
