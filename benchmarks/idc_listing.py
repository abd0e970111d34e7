"""How long it takes to list and split as many patches as the IDC set has, from their names alone.

    python -m benchmarks.idc_listing

Makes 277,524 empty files of 279 patients in a temporary folder, in the layout ``<patient>/<class>/``, and takes the
time of what ``data_prep bch`` does before it opens the first one.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from data_prep.bch import Bch
from data_prep.image_finder import find_patches

PATCHES, PATIENTS, POSITIVE = 277_524, 279, 0.284


def main() -> None:
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        for number in range(PATCHES):
            patient, place = 8000 + number % PATIENTS, number // PATIENTS
            label = int(place % 1000 < 1000 * POSITIVE)
            folder = root / f"{patient}/{label}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{patient}_idx5_x{1 + 50 * (place % 60)}_y{1 + 50 * (place // 60)}_class{label}.png").touch()
        start = time.perf_counter()
        patches = find_patches([root], 2).by_name
        listed = time.perf_counter() - start
        splitter = Bch(images=[temporary], out="unused").splitter()
        patient_of = {name: patch.patient for name, patch in patches.items()}
        given, _ = splitter.given(patient_of)
        splitter.draw(given, patient_of, {name: patch.label for name, patch in patches.items()})
        print(f"{len(patches)} patches: listed in {listed:.1f} s, split after {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
