"""How far the disc that is found in fundus photographs moves when they are changed in a known way.

Usage: ``python -m benchmarks.fundus_disc FOLDER [--photographs N] [--changed N] [--seed S]``

1. How many photographs are rejected and why, taken whole, or known as cut out before; how far the circle that such a
   picture is given lies from the one that its edge would give.
2. Each change: the largest of row, column and radius that moved, as a share of the radius, against the photograph
   unchanged; and how many are taken whole then, for no edge of theirs is seen any more. "A square about the disc" is a
   raw photograph that happens to fit nearly: 0 to 3 % wider or narrower than the disc, and off the middle by up to 3 %.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from monai_mocoi.errors import FundusError
from monai_mocoi.transforms import Disc, crop_to_disc, find_disc, read_image

Changed = tuple[np.ndarray, Callable[[Disc], Disc]]  # a picture, and where a disc of the unchanged one lies in it


def measured_at_the_edge(picture: np.ndarray) -> Disc:
    """The disc as it would be without knowing what was cut out before."""
    with mock.patch("monai_mocoi.transforms.fundus_disc._is_cut_out", return_value=False):
        return find_disc(picture)


def moved(disc: Disc, right: Disc) -> float:
    apart = disc.row - right.row, disc.column - right.column, disc.radius - right.radius
    return max(map(abs, apart)) / right.radius


def bars(picture: np.ndarray, random: np.random.Generator) -> Changed:
    above, below, left, right = random.integers(10, 80, 4).tolist()
    padded = np.pad(picture, ((0, 0), (above, below), (left, right)))
    return padded, lambda d: Disc(d.row + above, d.column + left, d.radius)


def half_light(picture: np.ndarray, random: np.random.Generator) -> Changed:
    return picture * np.float32(0.5), lambda d: d


def small(picture: np.ndarray, random: np.random.Generator) -> Changed:
    share = 100 / max(picture.shape[1:])
    size = round(picture.shape[2] * share), round(picture.shape[1] * share)
    channels = [np.asarray(Image.fromarray(c).resize(size, Image.Resampling.BILINEAR)) for c in picture]
    return np.stack(channels), lambda d: Disc(d.row * share, d.column * share, d.radius * share)


def cut(picture: np.ndarray, random: np.random.Generator) -> Changed:
    gone = round(0.15 * picture.shape[2])
    return np.ascontiguousarray(picture[:, :, gone:]), lambda d: Disc(d.row, d.column - gone, d.radius)


def fitting_square(picture: np.ndarray, random: np.random.Generator) -> Changed:
    disc = measured_at_the_edge(picture)
    side = round(2 * disc.radius * random.uniform(0.97, 1.03))
    top, left = (round(m - side / 2 + disc.radius * random.uniform(-0.03, 0.03)) for m in (disc.row, disc.column))
    square = np.zeros((len(picture), side, side), np.float32)
    rows, columns = np.arange(top, top + side), np.arange(left, left + side)
    here = (rows >= 0) & (rows < picture.shape[1]), (columns >= 0) & (columns < picture.shape[2])
    square[:, here[0][:, None] & here[1]] = picture[:, rows[here[0]]][:, :, columns[here[1]]].reshape(len(picture), -1)
    return square, lambda d: Disc(d.row - top, d.column - left, d.radius)


def twice(picture: np.ndarray, random: np.random.Generator) -> Changed:
    return crop_to_disc(picture, find_disc(picture), 299), lambda d: Disc(149.5, 149.5, 149.5)


CHANGES = {
    "black bars on all sides": bars,
    "half the light": half_light,
    "reduced to 100 px": small,
    "15 % cut off at the left": cut,
    "a square about the disc": fitting_square,
    "cut out twice": twice,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photographs", type=int, default=None, help="a random choice (default: all)")
    parser.add_argument("--changed", type=int, default=40, help="photographs for each change (default 40)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    files = sorted(path for path in args.folder.iterdir() if path.suffix.lower() in (".jpeg", ".jpg", ".png"))
    files = [files[i] for i in random.permutation(len(files))[: args.photographs]]

    outcome: Counter[str] = Counter()
    apart = []
    usable = []
    for file in files:
        picture = read_image(file, channels=3)
        try:
            disc = find_disc(picture)
        except FundusError as error:
            outcome[str(error)] += 1
            continue
        usable.append(file)
        outcome["taken whole"] += not disc.edge_seen
        edge = measured_at_the_edge(picture)
        if disc != edge:
            outcome["known as cut out before"] += 1
            if edge.edge_seen:
                apart.append(moved(disc, edge))
    print(f"{len(files)} photographs: " + "; ".join(f"{n} {what}" for what, n in outcome.items() if n))
    report("known ones from their edge", apart)
    for name, change in CHANGES.items():
        errors, whole = [], 0
        for file in usable[: args.changed]:
            picture = read_image(file, channels=3)
            # What a square is cut about is the edge; else the photograph's own disc.
            before = measured_at_the_edge(picture) if change is fitting_square else find_disc(picture)
            changed, place = change(picture, random)
            disc = find_disc(changed)
            if not before.edge_seen:
                continue
            if disc.edge_seen:
                errors.append(moved(disc, place(before)))
            else:
                whole += 1
        report(name, errors, whole)


def report(name: str, errors: list[float], whole: int = 0) -> None:
    if errors:
        median, most = np.median(errors), np.max(errors)
        over = np.mean(np.array(errors) > 0.02)
        print(f"{name:<28}{len(errors):>5}: median {median:.2%}, worst {most:.1%}, over 2 %: {over:.1%}", end="")
        print(f"; {whole} more taken whole" if whole else "", flush=True)


if __name__ == "__main__":
    main()
