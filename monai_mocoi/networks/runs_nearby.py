"""Products of other runs, for who named one that is not there. Without torch."""

from __future__ import annotations

import os
from pathlib import Path

_MOST = 8


def runs_nearby(place: Path, product: str) -> list[str]:
    """Find the products of runs where those of a user mostly lie: in ``runs/``, or in what ``place`` lies below.

    Args:
        place: where one was looked for: a folder within an ``output_dir``.
        product: of a run, below its ``output_dir``: "pretrain/encoder.pt", "finetune-*/classifier.pt".

    Returns:
        paths, sorted, at most eight; relative ones from the current folder, unless ``place`` is absolute.
    """
    above = [folder for folder in place.parents if folder.name == "runs"][:1]
    roots = [place.parent, *above, Path("runs")]
    found = {
        os.path.realpath(path): path for root in roots for path in (*root.glob(product), *root.glob(f"*/{product}"))
    }
    return sorted(map(str, found.values()))[:_MOST]
