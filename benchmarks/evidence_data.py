"""Counts of prepared data sets: images, patients and positives of each split, and of the smallest draws of labels.

    python -m benchmarks.evidence_data runs/evidence_data/idc --fractions 1 0.1 0.06 0.01

Numbers only, as Markdown: which findings have enough test images for a number (25 with and 25 without, as in every
evaluation), and which share of the labels still has five positive images in every draw.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.evidence_tables import table
from monai_mocoi.data import Datalist, label_array, label_kind, load_datalist
from monai_mocoi.data.label_fraction import label_subset
from monai_mocoi.data.labels import labelled_part

LEAST_IN_TEST, LEAST_LEARNT = 25, 5
SPLITS = ("training", "validation", "test")


def positives(datalist: Datalist, split: str) -> np.ndarray:
    """Images with each label, ``(labels,)``."""
    items = datalist.splits()[split]
    labels = label_array(items)
    if label_kind(datalist) == "multiclass":
        return np.bincount(labels, minlength=len(datalist.labels))
    return (labels == 1).sum(axis=0)


def splits_table(datalist: Datalist) -> str:
    """A row a split: images, patients, and images with each label."""
    rows = []
    for split in SPLITS:
        items = datalist.splits()[split]
        counts = [len(items), len({item["patient"] for item in items}), *positives(datalist, split)]
        rows.append([split, *(f"{count:,}" for count in counts)])
    return table(["split", "images", "patients", *datalist.labels], rows)


def measured_labels(datalist: Datalist) -> list[str]:
    """The labels with enough test images on both sides."""
    images, counts = len(datalist.test), positives(datalist, "test")
    enough = [min(count, images - count) >= LEAST_IN_TEST for count in counts]
    return [name for name, has in zip(datalist.labels, enough, strict=True) if has]


def fewest(datalist: Datalist, fraction: float, draws: Sequence[int]) -> tuple[int, str]:
    """The fewest training images with a measured label in any draw, and of which label."""
    measured = set(measured_labels(datalist))
    found = []
    for draw in draws[: 1 if fraction == 1 else None]:
        counts = positives(label_subset(datalist, fraction, draw).datalist, "training")
        found += [(int(n), name) for n, name in zip(counts, datalist.labels, strict=True) if name in measured]
    return min(found)


def page(folder: Path, fractions: Sequence[float], draws: Sequence[int]) -> Iterator[str]:
    """The tables of one data set."""
    datalist = labelled_part(load_datalist(folder))
    yield f"### {folder.name}: {datalist.name}\n"
    yield splits_table(datalist)
    measured = measured_labels(datalist)
    yield f"\nMeasured: {', '.join(measured) or 'none'}.\n"
    if not measured:
        return
    rows = []
    for fraction in fractions:
        count, name = fewest(datalist, fraction, draws)
        rows.append([f"{100 * fraction:g} %", f"{count} ({name})", "yes" if count >= LEAST_LEARNT else "**no**"])
    yield table(["labels", f"fewest images with a label in {len(draws)} draws", f"at least {LEAST_LEARNT}"], rows)


def main(words: list[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="dataset folders")
    parser.add_argument("--fractions", nargs="+", type=float, default=[1.0, 0.1, 0.06, 0.01], metavar="F")
    parser.add_argument("--draws", nargs="+", type=int, default=[1, 2, 3, 4, 5], metavar="N", help="label seeds")
    given = parser.parse_args(words)
    for folder in given.folders:
        print("\n".join(page(folder, given.fractions, given.draws)), end="\n\n")


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # of few labels: that is what is counted
    main()
