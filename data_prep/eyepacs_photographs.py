"""Fundus photographs: the crop of the lit disc, and a contact sheet of before and after, to look a preparation over."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from data_prep.candidates import Outcome, Refused, refused_if_unreadable
from data_prep.picture import as_read, picture_note
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.errors import FundusError
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.disc_fit import Disc
from monai_mocoi.transforms.fundus_disc import crop_to_disc, find_disc
from monai_mocoi.transforms.reader import read_image

SHEET_NAME = "contact_sheet.png"
REJECTED = "photograph rejected: "  # how the reasons of rejected photographs begin

_CELL, _GAP, _TEXT, _PAIRS = 144, 6, 14, 5
_PAPER, _INK, _FOUND, _ASSUMED = (70, 70, 70), (255, 255, 255), (0, 255, 0), (80, 160, 255)


@dataclass(frozen=True)
class Pair:
    """One entry of a sheet; pictures are (3, rows, columns) float, 0..1."""

    caption: str  # written above; cut off where it is longer than the two cells
    before: NDArray[np.float32]
    after: NDArray[np.float32] | None = None  # None: left out
    disc: Disc | None = None  # drawn as a circle into the first picture: green, or blue if no edge was seen


def write_sheet(outcome: Outcome, number: int, seed: int) -> None:
    """Write a sheet of ``number`` photographs drawn at random: at most half of them rejected, the others kept."""
    random = np.random.RandomState(derive_seed(seed))

    def some(names: Iterable[str], number: int) -> list[str]:
        names = sorted(names)
        return sorted(names[i] for i in random.permutation(len(names))[:number])

    reasons = {name: reason for reason, names in outcome.exclusions.items() for name in names}
    reason_of = {n: r.removeprefix(REJECTED) for n, r in reasons.items() if r.startswith(REJECTED)}
    rejected = some(reason_of, number // 2)
    shown = rejected + some((name for _, name, _ in outcome.used), number - len(rejected))

    def pair(name: str) -> Pair:
        candidate = outcome.found.candidates[name]
        before = read_image(candidate.source, channels=3)
        if name in reason_of:
            return Pair(f"{name}: {reason_of[name]}", before)
        after = read_image(outcome.folder / candidate.target, channels=3)
        return Pair(name, before, after, find_disc(before, check_exposure=False))

    write_contact_sheet(map(pair, shown), len(shown), outcome.folder / SHEET_NAME)


def write_contact_sheet(pairs: Iterable[Pair], number: int, target: str | Path) -> None:
    """Write before and after of each pair, five pairs a row, as one PNG; only one pair at a time is in memory."""
    width, height = 2 * _CELL + 3 * _GAP, _CELL + _TEXT + _GAP
    sheet = Image.new("RGB", (_PAIRS * width, -(-number // _PAIRS) * height + _GAP), _PAPER)
    for place, pair in enumerate(pairs):
        left, top = place % _PAIRS * width + _GAP, place // _PAIRS * height + _GAP
        caption = Image.new("RGB", (2 * _CELL + _GAP, _TEXT), _PAPER)
        ImageDraw.Draw(caption).text((0, 0), pair.caption, _INK)
        sheet.paste(caption, (left, top))
        before, scale, across, down = _small(pair.before)
        if pair.disc is not None:
            x, y, radius = across + scale * pair.disc.column, down + scale * pair.disc.row, scale * pair.disc.radius
            colour = _FOUND if pair.disc.edge_seen else _ASSUMED
            ImageDraw.Draw(before).ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour)
        sheet.paste(before, (left, top + _TEXT))
        if pair.after is not None:
            sheet.paste(_small(pair.after)[0], (left + _CELL + _GAP, top + _TEXT))
    with atomic_path(target) as temporary:
        sheet.save(temporary)


def _small(picture: NDArray[np.float32]) -> tuple[Image.Image, float, int, int]:
    """Return the picture in the middle of a cell, its scale, and the columns left of it and rows above it."""
    image = Image.fromarray(np.rint(picture.transpose(1, 2, 0) * 255).astype(np.uint8))
    scale = _CELL / max(image.size)
    width, height = (max(1, round(side * scale)) for side in image.size)
    across, down = (_CELL - width) // 2, (_CELL - height) // 2
    cell = Image.new("RGB", (_CELL, _CELL), _PAPER)
    cell.paste(image.resize((width, height), Image.Resampling.BILINEAR), (across, down))
    return cell, scale, across, down


MOVED = 0.03  # share of the radius by which the disc of a cropped picture may be found elsewhere before it is reported
SMALL, CUT_AGAIN = 1, 2  # bits of the note: the disc was enlarged; the bundles cut the crop once more


def cut_out(path: str, size: int, check_exposure: bool) -> tuple[NDArray[np.uint8], int]:
    """Return the square around a photograph's disc, (size, size, 3), as the bundles would cut it, and its note.

    What has no usable disc, or with ``check_exposure`` is too dark, too bright or without structure, is Refused.
    """
    passed_over: set[str] = set()
    with refused_if_unreadable():
        try:
            photograph = read_image(path, channels=3, notes=passed_over)
            disc = find_disc(photograph, check_exposure=check_exposure)
            crop = crop_to_disc(photograph, disc, size).transpose(1, 2, 0)
            fundus: NDArray[np.uint8] = np.rint(crop * np.float32(255)).astype(np.uint8)
            # The bundles judge what is written now: what they would refuse is left out here.
            again = find_disc(as_read(fundus), check_exposure=check_exposure)
        except FundusError as error:
            raise Refused(REJECTED + str(error)) from None
    radius = size / 2
    moved = max(math.hypot(again.row - radius, again.column - radius), abs(again.radius - radius))
    note = picture_note(photograph, passed_over)
    return fundus, note + SMALL * (2 * disc.radius < size) + CUT_AGAIN * (moved > MOVED * radius)
