"""Weights that cannot be used. Without torch: ``mocoi plan`` says the same as the run."""

from __future__ import annotations

import os
from pathlib import Path

from monai_mocoi.errors import WeightsError
from monai_mocoi.networks.runs_nearby import runs_nearby


def check_weights_place(path: str | os.PathLike[str]) -> None:
    """Refuse a path at which there is no file.

    Raises:
        WeightsError: names the file, and its folders only where they were given from here.
    """
    path = Path(path)
    if path.is_dir():
        raise WeightsError(f"{path.name!r} is a folder: name the file in it, such as {path.name}/encoder.pt.")
    if not path.is_file():
        where = path.name if path.is_absolute() else path.as_posix()
        others = [] if path.is_absolute() else runs_nearby(path.parent, "pretrain/encoder.pt")
        make = "make an encoder.pt by train.json with the same --output_dir"
        if others:
            make = f"name one by --pretrained FILE ({', '.join(map(repr, others))}), {make}"
        else:
            make += ", name a file by --pretrained FILE"
        raise WeightsError(
            f"there is no weights file {where!r}: {make}, or start from random weights by --pretrained none."
        )
