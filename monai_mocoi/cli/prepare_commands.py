"""Commands that make a dataset folder: what to type next where there is none."""

import os
import shlex
from pathlib import Path

from monai_mocoi.errors import NoDatasetError

_OWN = "inhouse --images IMAGES --private PRIVATE"
_PUBLIC = {
    "chest": "nih --images IMAGES --metadata Data_Entry_2017_v2020.csv",
    "histology": "bch --images IMAGES",
    "fundus": "eyepacs --images IMAGES --labels trainLabels.csv",
}
_BEGUN = "preparation.jsonl"  # what an interrupted preparation leaves


def prepare_commands(error: NoDatasetError) -> str:
    """The lines to put below the error's text: first one's own images, then public data of the bundle's modality."""
    kinds = [_PUBLIC[error.modality]] if error.modality in _PUBLIC else list(_PUBLIC.values())
    public = "".join(f"  mocoi prepare {_options(kind, error.dataset_dir)}\n" for kind in kinds)
    return (
        f"\nOf images of your own (docs/inhouse.md) with\n  mocoi prepare {_options(_OWN, error.dataset_dir)}\n"
        f"or of public data with\n{public}"
        "One made by hand (docs/data.md shows it whole) is checked by\n  mocoi prepare audit FOLDER"
    )


def _options(prepare: str, dataset_dir: str) -> str:
    """The options: a folder that holds something else is taken for the raw images, not for the target."""
    given = shlex.quote(dataset_dir) if dataset_dir else "FOLDER"
    folder = Path(os.path.expanduser(dataset_dir))
    names = {path.name for path in folder.iterdir()} if dataset_dir and folder.is_dir() else set()
    if names - {".lock"} and _BEGUN not in names:
        return f"{prepare.replace('IMAGES', given)} --out NEW_FOLDER"
    return f"{prepare} --out {given}"
