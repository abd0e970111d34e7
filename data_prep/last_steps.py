"""What every preparation ends with: the datalist as the audit wants it, and the next command."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai_mocoi.data.datalist import Datalist
from monai_mocoi.own_command import command


def unwritten_datalist(
    out: Path, name: str, labels: Sequence[str], items: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Datalist:
    """Return the datalist that is going to be written, for the audit: the file comes last.

    Args:
        out: the dataset folder.
        name: of the data set.
        labels: names of the classes or findings.
        items: each split's, with paths relative to ``out``.
    """
    resolved: dict[str, Any] = {
        split: [{**item, "image": str(out / item["image"]), "name": item["image"]} for item in own]
        for split, own in items.items()
    }
    return Datalist(name=name, labels=tuple(labels), folder=out, sha256="", **resolved)


def print_next(bundle: str, out: str, options: str = "") -> None:
    """Say that the folder is ready, and which command pretrains on it.

    Args:
        bundle: the bundle's name.
        out: the dataset folder, as the user gave it.
        options: what the command needs beside the folders.
    """
    run = os.path.join("runs", os.path.basename(os.path.abspath(out)))
    words = ["run", f"{bundle}/train", "--dataset_dir", out, "--output_dir", run, *shlex.split(options)]
    print(f"The dataset folder is ready: {out}\nNext, to pretrain on it:")
    print(f"  {command(*words)}")
