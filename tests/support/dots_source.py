"""A source for the tests of the pipeline: each file holds a number, of which a picture is drawn."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from data_prep.candidates import (
    MISSING,
    Candidate,
    Found,
    Refused,
    Written,
    refused_if_unreadable,
)
from data_prep.picture import write_png
from data_prep.source import Source
from tests.data.dataset_folders import picture


@dataclass(kw_only=True)
class Dots(Source):
    """Files with a number each; a patient has two."""

    key, bundle = "dots", "nih_mse"

    images: list[str]
    labels: dict[str, Any] = field(default_factory=dict)
    found: dict[str, Any] = field(default_factory=dict)
    written: list[str] = field(default_factory=list)
    without_file: str = ""
    seen: list[dict[str, Any]] = field(default_factory=list)

    def find(self) -> Found:
        files = sorted(path for folder in self.images for path in Path(folder).iterdir())
        candidates = {}
        for number, path in enumerate(files):
            name = f"i{number:02d}"
            label = self.labels.get(name, [number % 2, int(number % 3 == 0)])
            vendor = ("A", "B", "")[number // 2 % 3]
            candidates[name] = Candidate(
                name,
                str(path),
                f"images/{name}.png",
                f"p{number // 2}",
                label,
                {"sex": "FM"[number % 2]},
                vendor=vendor,
            )
        if self.without_file:
            candidates[self.without_file] = replace(candidates[self.without_file], source="")
            self.found = {"faults": {self.without_file: MISSING}, **self.found}
        return Found("Dots", ["odd", "third"], candidates, columns=("sex",), **self.found)

    def write(self, candidate: Candidate, target: Path) -> Written:
        with refused_if_unreadable():
            text = Path(candidate.source).read_text()
            number = int(text)
        if number < 0:
            raise Refused("a number below 0")
        self.written.append(candidate.name)
        values = np.full((1, 24, 24), 0.5, np.float32) if number == 0 else picture(number)[None] / np.float32(255)
        return Written({"levels": 100 * number, "number": number}, write_png(values, target, 20))

    def leave_out(self, notes):
        self.seen.append(dict(notes))
        return {"number 7": [name for name, note in notes.items() if note["number"] == 7]}


def dots(root: Path, out: Path, number: int = 20, **options: Any) -> Dots:
    """The source, with its files in ``root``: 1, 2, 3, ...; their folder has a name that must not be told."""
    folder = root / "Qvistgaard"
    if not folder.exists():
        folder.mkdir(parents=True)
        for place in range(number):
            (folder / f"Oyelaran_{place:02d}").write_text(str(place + 1))
    return Dots(images=[str(folder)], out=str(out), workers=1, **options)
