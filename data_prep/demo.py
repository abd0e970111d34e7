"""``python -m data_prep demo`` and ``demo-export``: phantoms as a dataset folder, or as a hospital's export."""

import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from data_prep.options import Out, Seed, Workers, option
from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.data.datalist_form import MANIFEST_NAME
from monai_mocoi.demo.demo_sets import DEMO_SETS
from monai_mocoi.demo.generate import generate_demo
from monai_mocoi.errors import RefusedError
from monai_mocoi.exit_codes import FINISHED
from monai_mocoi.files.folder_swap import replaced
from monai_mocoi.files.home_folder import expand_home

_PATIENTS = "; ".join(f"{kind}: {demo.patients}, {demo.images_each} images each" for kind, demo in DEMO_SETS.items())
_SIZES = ", ".join(f"{demo.size} for {kind}" for kind, demo in DEMO_SETS.items())


@dataclass(kw_only=True)
class Demo:
    """Generated phantoms: no medical data, to try everything.

    They are drawn by the same code as for a bundle without a dataset folder.
    """

    modality: Annotated[Literal["chest", "histology", "fundus"], option("what to draw")]
    out: Out
    patients: Annotated[int | None, option(f"default: {_PATIENTS}", "N")] = None
    size: Annotated[
        int | None, option(f"rows of an image, and columns except for fundus (default: {_SIZES})", "PX")
    ] = None
    seed: Seed = 0
    workers: Workers = None

    def run(self) -> int:
        """Generate the folder, print what is in it, and return 0."""
        started = time.monotonic()
        folder = generate_demo(self.out, self.modality, self.patients, self.size, self.seed, self.workers)
        manifest = json.loads((Path(folder) / MANIFEST_NAME).read_text(encoding="utf-8"))
        images = sum(split["images"] for split in manifest["counts"].values())
        patients = manifest["options"]["patients"]
        print(f"Generated phantoms, no medical data: {images} images of {patients} patients in {self.out}")
        print("  " + ", ".join(f"{split} {n['images']}" for split, n in manifest["counts"].items()))
        print("  images with " + ", ".join(f"{finding} {n}" for finding, n in manifest["images_with"].items()))
        print(f"  {time.monotonic() - started:.1f} s")
        return FINISHED


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
        from data_prep.invented_export import ROWS

        counts = write_demo_export(self.out, self.patients, self.size, self.seed)
        print(f"An invented export, no medical data and no real people, in {self.out}")
        print("  images/: " + ", ".join(f"{kind} {number}" for kind, number in counts.items() if kind != ROWS))
        print(f"  labels.csv: {counts[ROWS]} rows")
        return FINISHED


def write_demo_export(out: str | Path, patients: int = PATIENTS, size: int = SIZE, seed: int = 0) -> dict[str, int]:
    """Write ``images/``, as a picture archive hands files over, and ``labels.csv`` beside it; return the counts.

    The pictures are phantoms, the people are not real. The same seed gives the same files. A folder that is not empty,
    fewer than 10 patients, or images below 32 rows are a RefusedError.
    """
    from data_prep.invented_export import InventedExport  # pydicom

    target = Path(expand_home(out)).absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RefusedError(f"the folder '{target.name}' exists and is not empty; name a new one.")
    with tempfile.TemporaryDirectory() as scratch, replaced(target) as folder:
        drawn = load_datalist(generate_demo(Path(scratch) / "drawn", "chest", patients, size, seed))
        return InventedExport(folder, seed).write(drawn)
