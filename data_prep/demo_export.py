"""``python -m data_prep demo-export``: phantoms as a hospital's export, to try ``inhouse`` on."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from data_prep.invented_export import ROWS, InventedExport
from data_prep.options import Seed, option
from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.demo.generate import generate_demo
from monai_mocoi.errors import RefusedError
from monai_mocoi.exit_codes import FINISHED
from monai_mocoi.files.expand_home import expand_home

PATIENTS, SIZE = 400, 128


@dataclass(kw_only=True)
class DemoExport:
    """Phantoms as a picture archive hands files over, with a table of labels: no medical data, to try inhouse."""

    out: Annotated[str, option("the folder to make", "DIR")]
    patients: Annotated[int, option("1 to 4 studies each", "N")] = PATIENTS
    size: Annotated[int, option("rows and columns of an image", "PX")] = SIZE
    seed: Seed = 0

    def run(self) -> int:
        """Write the export, print what is in it, and return 0."""
        counts = write_demo_export(self.out, self.patients, self.size, self.seed)
        print(f"An invented export, no medical data and no real people, in {self.out}")
        print("  images/: " + ", ".join(f"{kind} {number}" for kind, number in counts.items() if kind != ROWS))
        print(f"  labels.csv: {counts[ROWS]} rows")
        return FINISHED


def write_demo_export(out: str | Path, patients: int = PATIENTS, size: int = SIZE, seed: int = 0) -> dict[str, int]:
    """Write ``images/``, as a picture archive hands files over, and ``labels.csv`` beside it; return the counts.

    The pictures are phantoms, the people are not real. It has what exports have: files with and without a suffix,
    lateral views, a screenshot with a name burned in, the same file twice, files cut off, a text file, studies without
    a row of the table, rows without a study, and empty cells. The folder may exist if it is empty, there are 10
    patients or more, images have 32 rows or more; the same seed gives the same files. Anything else is a RefusedError.
    """
    target = Path(expand_home(out)).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RefusedError(f"the folder '{target.name}' exists and is not empty; name a new one.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as scratch:
        drawn = load_datalist(generate_demo(Path(scratch) / "drawn", "chest", patients, size, seed))
        partial = Path(scratch) / "export"
        counts = InventedExport(partial, seed).write(drawn)
        if target.exists():
            target.rmdir()
        shutil.move(partial, target)
    return counts
