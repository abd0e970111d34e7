"""A small imitation of the IDC histopathology patches."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.data.dataset_folders import picture, save


def patch_name(patient: int, number: int, label: int) -> str:
    return f"{patient}_idx5_x{50 * number + 1}_y{1251}_class{label}.png"


def stained(number: int, size: int = 20) -> np.ndarray:
    """A colour patch that no other number gives; uint8 (size, size, 3)."""
    return np.dstack([picture(3 * number + channel, size) for channel in range(3)])


def white(size: int = 20, level: int = 240) -> np.ndarray:
    """A patch without tissue; with a pixel of a scanner's noise, for a constant picture is a bad image."""
    image = np.full((size, size, 3), level, np.uint8)
    image[0, 0] -= 1
    return image


def patches(patients: int = 12) -> list[tuple[int, int, int]]:
    """(patient, number, label): three patches of each odd patient, two of each even one, both labels."""
    return [
        (8863 + patient, number, int((patient + number) % 3 == 0))
        for patient in range(patients)
        for number in range(2 + patient % 2)
    ]


def idc_folder(root: Path, patients: int = 12, nested: bool = True) -> Path:
    """The patches under <patient>/<class>/, or all in one folder."""
    for index, (patient, number, label) in enumerate(patches(patients)):
        name = patch_name(patient, number, label)
        save(root / str(patient) / str(label) / name if nested else root / name, stained(index))
    return root


def idc_names(patients: int = 12) -> list[str]:
    return sorted(patch_name(*patch) for patch in patches(patients))
