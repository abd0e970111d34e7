"""The drawings bit for bit: another order of a draw or of a sum shows here. A change that is meant raises a version."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from monai_mocoi.demo.phantoms import (
    draw_chest,
    draw_patch,
    draw_photograph,
    sample_anatomy,
    sample_patch,
    sample_person,
    sample_photograph,
    sample_slide,
    sample_storage,
    sample_study,
)

pytestmark = pytest.mark.numeric


def digest(image: np.ndarray, masks: dict[str, np.ndarray], *drawn: Any) -> str:
    parts = [image.tobytes(), *(name.encode() + mask.tobytes() for name, mask in sorted(masks.items()))]
    return hashlib.sha256(b"".join([*parts, *(repr(part).encode() for part in drawn)])).hexdigest()[:16]


def chest(rng: np.random.Generator, size: int) -> str:
    anatomy = sample_anatomy(rng)
    study = sample_study(rng, anatomy)
    drawing = draw_chest(anatomy, study, size)
    return digest(drawing.image, drawing.masks, anatomy, study, drawing.labels, sample_storage(rng))


def histology(rng: np.random.Generator, size: int) -> str:
    slide = sample_slide(rng)
    patch = sample_patch(rng, slide)
    return digest(*draw_patch(slide, patch, size), slide, patch, patch.label)


def fundus(rng: np.random.Generator, size: int) -> str:
    person = sample_person(rng)
    photograph = sample_photograph(rng, person, "left")
    drawing = draw_photograph(person, photograph, size)
    outlines = [(o.kind, o.points.tobytes(), o.strength) for o in photograph.outlines]
    return digest(
        drawing.image,
        drawing.masks,
        person,
        photograph.light,
        photograph.flare,
        outlines,
        photograph.label,
        drawing.row,
    )


@pytest.mark.parametrize(
    ("draw", "size", "digests"),
    [
        (
            chest,
            96,
            [
                "c68ff3bf763e6b5a",
                "f972c335720cb823",
                "e8686d703a0333d0",
                "189370f3fe3e8437",
                "9da75d2f3f783d35",
                "650687e159b17304",
            ],
        ),
        (
            histology,
            50,
            [
                "7a9238d633221c5b",
                "81b5e12b0962c16a",
                "451c1ee3e3dd46c3",
                "dd759e3fe9324b55",
                "955bf3ba88ebc3be",
                "e0c7b92239265a0d",
            ],
        ),
        (
            fundus,
            80,
            [
                "d2dcba80f4f16094",
                "b552b3e5b3750a56",
                "207c2b61854e1020",
                "8b05873ec23e2496",
                "23de15e2bef5c28a",
                "29875b96cd8589a2",
            ],
        ),
    ],
)
def test_drawings_are_bit_for_bit_what_they_were(draw, size, digests):
    assert [draw(np.random.default_rng([7, number]), size) for number in range(len(digests))] == digests
