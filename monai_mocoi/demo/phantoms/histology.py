"""Drawn patches of breast tissue, stained with haematoxylin and eosin (H&E): no IDC, or invasive ductal carcinoma.

Lengths are in micrometres, from the patch's upper left corner. Tissue is drawn as amounts of the two stains, which the
patient's optical densities turn into light by Beer's law. The label says whether tumour cells were drawn: large nuclei
of varying size and shape, in disorder; neither colour nor number tells it. Nothing is taken from a real image.
"""

import math

import numpy as np
from numpy.typing import NDArray

from monai_mocoi.demo.phantoms.histology_patch import Patch
from monai_mocoi.demo.phantoms.histology_tissue import FIELD_UM, Disc, Nucleus, Slide
from monai_mocoi.demo.phantoms.shapes import Array, cloud, step

HISTOLOGY_VERSION = 1

HISTOLOGY_CLASSES = ("no IDC", "IDC")
"""The classes, in the order of the label values."""
_REACH = 1.2  # a dented nucleus reaches no farther than this times its longer half axis


def _cover(discs: tuple[Disc, ...], x: Array, y: Array, width: float) -> Array:
    """1 inside any of the discs, 0 outside all."""
    depths = [radius - np.hypot(x - a, y - b) for a, b, radius in discs]
    return step(np.max(depths, axis=0), width) if depths else np.zeros_like(x)


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
    cover = step(inwards, width)
    chromatin = n.chromatin * (0.85 + 0.3 * np.exp(-((inwards / 1.0) ** 2)) + 0.08 * speckle)
    for a, b in spots:
        chromatin += 0.5 * step(1.1 - np.hypot(dx - a, dy - b), width)
    amount[rows, columns] = np.maximum(amount[rows, columns] * (1 - cover), 0) + chromatin * cover
    inside[rows, columns][inwards > 0] = True


def draw_patch(slide: Slide, patch: Patch, size: int) -> tuple[NDArray[np.float32], dict[str, NDArray[np.bool_]]]:
    """Draw one patch of ``size`` rows and columns; the field is always ``FIELD_UM`` wide.

    Returns the image, float32 (size, size, 3) in 0..1, and masks: ``tumour`` and ``benign`` nuclei, ``lumen``, ``fat``.
    """
    rng = np.random.default_rng(patch.seed)
    pixel = FIELD_UM / size
    width = max(slide.softness, 1.5 * pixel)  # an outline is never sharper than the pixels can show
    axis = ((np.arange(size) + 0.5) * pixel).astype(np.float32)
    x, y = np.meshgrid(axis, axis)

    direction, spacing = patch.fibres
    across = y * math.cos(direction) - x * math.sin(direction) + 3 * cloud(rng, 5, size)
    waves = np.cos(2 * math.pi * across / spacing)
    eosin = slide.collagen * (1 + 0.25 * waves + 0.15 * cloud(rng, 12, size))
    haematoxylin = 0.06 + 0.02 * cloud(rng, 12, size)

    sheet = _cover(patch.cytoplasm, x, y, 4.0)
    eosin += sheet * (0.45 + 0.05 * cloud(rng, 20, size) - eosin)
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
