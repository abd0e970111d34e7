"""What every preparation prints: counts by split and reason, notes on the pictures, and the next command."""

import os
import shlex
from collections.abc import Mapping, Sequence

from data_prep.picture import noted
from data_prep.record import Note
from monai_mocoi.own_command import command
from monai_mocoi.transforms.grey_levels import FEW_LEVELS


def print_table(table: Mapping[str, Mapping[str, int]], splits: Mapping[str, Sequence[str]]) -> None:
    """Print how many images with each label each split has; ``table`` is the number by split and label."""
    labels = list(next(iter(table.values())))
    width = max([20, *(len(label) + 2 for label in labels)])
    rows = [(label, [own[label] for own in table.values()]) for label in labels]
    for row, cells in [("images with", splits), *rows, ("all", map(len, splits.values()))]:
        print(f"{row:<{width}}" + "".join(f"{cell:>12}" for cell in cells))


def print_left_out(exclusions: Mapping[str, Sequence[str]], listed: str = " (listed in manifest.json)") -> None:
    """Print how many images were left out, by reason."""
    for reason, names in exclusions.items():
        print(f"left out, {reason}: {len(names)}{listed}")


def print_noted(notes: Mapping[str, Note], written_in_8_bits: bool = False) -> None:
    """Print how many pictures have few grey levels (lost if written in 8 bits) or an unusable window, with advice."""
    found = noted(notes)
    if few := len(found["few_grey_levels"]):
        print(
            f"{few} of {len(notes)} pictures use a small part of the range that their files declare: 8 bits would "
            f"leave fewer than {FEW_LEVELS} grey levels (listed in manifest.json). "
            + (
                "The pictures written here have 8 bits, so what is lost stays lost: to keep it, stretch the sources to "
                "the range of their format first"
                if written_in_8_bits
                else "cache_bits auto keeps a set in 16 bits if a sample of it shows such pictures; mocoi run ... "
                "--intensity percentiles stretches each picture to its own range"
            )
        )
    if ignored := len(found["window_ignored"]):
        print(f"{ignored} pictures have a window that cannot be used and was ignored (listed in manifest.json)")


def print_next(bundle: str, out: str, options: str = "") -> None:
    """Print that the folder is ready, and which command of a bundle pretrains on it, with further ``options``."""
    run = os.path.join("runs", os.path.basename(os.path.abspath(out)))
    words = ["run", f"{bundle}/train", "--dataset_dir", out, "--output_dir", run, *shlex.split(options)]
    print(f"The dataset folder is ready: {out}\nNext, to pretrain on it:")
    print(f"  {command(*words)}")
