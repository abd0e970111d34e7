"""Slides and patches of drawn histology: what a patient's patches share, and one patch's tissue."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from monai_mocoi.demo.phantoms.histology_tissue import FIELD_UM, Disc, Nucleus, Slide, Tissue

# Optical density of a unit of each stain in red, green and blue.
_HAEMATOXYLIN, _EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.09, 0.95, 0.22])
_FEWEST_TUMOUR_CELLS = 3  # in a patch with tumour


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


def _tumour_cells(nuclei: Iterable[Nucleus]) -> int:
    """Number of those whose middle is in the field."""
    return sum(n.tumour and 0 < n.x < FIELD_UM and 0 < n.y < FIELD_UM for n in nuclei)


def _sample_tissue(rng: np.random.Generator, slide: Slide, tumour: bool) -> Tissue:
    tissue = Tissue(rng, slide)
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
