"""``python -m data_prep eyepacs``: the fundus photographs of EyePACS."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import typer
from numpy.typing import NDArray
from PIL import Image

from data_prep.checks import check_left_out, check_share_option
from data_prep.contact_sheet import Pair, write_contact_sheet
from data_prep.eyepacs_labels import GRADES, TARGETS, read_labels
from data_prep.image_finder import find_images
from data_prep.last_steps import print_next
from data_prep.options import Images
from data_prep.picture_notes import bits_of, picture_note
from data_prep.record import Note, file_sha256
from data_prep.source import MISSING, Candidate, Found, Outcome, Refused, Source, Written, refused_if_unreadable
from data_prep.summary import print_left_out, print_table
from monai_mocoi.data.seeding import derive_seed
from monai_mocoi.errors import DatasetError, FundusError, RefusedError
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.fundus_disc import MIN_SIDE, crop_to_disc, find_disc
from monai_mocoi.transforms.reader import read_image

NAME = "EyePACS"
SHEET_NAME = "contact_sheet.png"
MOVED = 0.03
"""Share of the radius by which the disc of a cropped picture may be found elsewhere before it is reported."""
SUFFIXES = (".jpeg", ".jpg", ".png")

_REJECTED = "photograph rejected: "
_SMALL, _CUT_AGAIN = 1, 2  # bits of the note


@dataclass(kw_only=True)
class Eyepacs(Source):
    """EyePACS fundus photographs: <id>_left.jpeg, <id>_right.jpeg and trainLabels.csv.

    The lit disc is cut out. By default the split is drawn by patient, with all five levels balanced.
    """

    key = "eyepacs"
    bundle = "dr_mse"
    written_in_8_bits = True

    images: Images
    labels: Annotated[
        list[str], typer.Option(metavar="CSV ...", help="trainLabels.csv (image, level), or several such")
    ]
    target: Annotated[
        Literal["referable", "any", "grade"],
        typer.Option(help="referable: level 2 or more; any: 1 or more; grade: the five levels"),
    ] = "referable"
    size: Annotated[int, typer.Option(metavar="PX", help="rows and columns of the cropped fundus")] = 299
    mirror_left: Annotated[
        bool, typer.Option("--mirror-left", help="mirror left eyes, so that all look like right ones")
    ] = False
    keep_badly_exposed: Annotated[
        bool, typer.Option("--keep-badly-exposed", help="keep what is too dark, too bright or without structure")
    ] = False
    sheet: Annotated[int, typer.Option(metavar="N", help=f"pictures in {SHEET_NAME}, 0 = none")] = 50
    max_rejected: Annotated[
        float,
        typer.Option(metavar="F", help="share of the images that may have no usable disc or be badly exposed"),
    ] = 0.1

    def check(self) -> None:
        """Refuse options that are out of range."""
        if self.size < MIN_SIDE:
            raise RefusedError(
                f"--size is {self.size}; the cropped fundus must have at least {MIN_SIDE} pixels a side."
            )
        if self.sheet < 0:
            raise RefusedError(f"--sheet is {self.sheet}; it is a number of pictures, 0 for no sheet.")
        super().check()
        check_share_option("--max-rejected", self.max_rejected)

    def settings(self) -> dict[str, Any]:
        """All that decides what is written, and the tables by their content."""
        own = {key: getattr(self, key) for key in ("target", "size", "mirror_left", "keep_badly_exposed")}
        return {**own, "labels_sha256": [file_sha256(path) for path in self.labels]}

    def find(self) -> Found:
        """Each row of the labels is a candidate; its file is found by name, with any of the suffixes."""
        eyes = read_labels(self.labels)
        paths, others = self._files(eyes)
        names, class_of = TARGETS[self.target]
        lines = [f"{len(eyes)} images of {len({eye.patient for eye in eyes.values()})} patients in the labels"]
        if others:
            lines.append(f"{others} other files in --images have no label and are left alone")
        return Found(
            title=NAME,
            labels=names,
            candidates={
                name: Candidate(
                    name,
                    paths.get(name, ""),
                    f"images/{name}.png",
                    eye.patient,
                    class_of[eye.level],
                    {"side": eye.side},
                    balance=eye.level,  # whatever the target, so that all targets have the same split
                )
                for name, eye in eyes.items()
            },
            faults=dict.fromkeys(eyes.keys() - paths.keys(), MISSING),
            columns=("side",),
            lines=lines,
            others=others,
        )

    def _files(self, names: Iterable[str]) -> tuple[dict[str, str], int]:
        suffixes = (*SUFFIXES, *map(str.upper, SUFFIXES))
        found, others = find_images(self.images, {name + suffix for name in names for suffix in suffixes})
        paths: dict[str, str] = {}
        for file, path in found.items():
            if (name := os.path.splitext(file)[0]) in paths:
                raise DatasetError(
                    f"{name} is there as '{os.path.basename(paths[name])}' and as '{file}'. Give only folders with one "
                    "version of the images as --images."
                )
            paths[name] = path
        return paths, others

    def write(self, candidate: Candidate, target: Path) -> Written:
        """The square around the disc, as the bundles would cut it out."""
        passed_over: set[str] = set()
        with refused_if_unreadable():
            try:
                picture = read_image(candidate.source, channels=3, notes=passed_over)
                disc = find_disc(picture, check_exposure=not self.keep_badly_exposed)
                fundus = _levels(crop_to_disc(picture, disc, self.size))
                # The bundles judge what is written now: what they would refuse is left out here.
                again = find_disc(_picture(fundus), check_exposure=not self.keep_badly_exposed)
            except FundusError as error:
                raise Refused(_REJECTED + str(error)) from None
        if self.mirror_left and candidate.columns["side"] == "left":
            fundus = fundus[:, ::-1]
        _write_png(fundus, target)
        radius = self.size / 2
        moved = max(math.hypot(again.row - radius, again.column - radius), abs(again.radius - radius))
        note = picture_note(picture, passed_over)
        note += _SMALL * (2 * disc.radius < self.size) + _CUT_AGAIN * (moved > MOVED * radius)
        return Written(note, _picture(fundus))

    def check_left_out(self, exclusions: Mapping[str, Sequence[str]], total: int) -> None:
        """Rejected photographs have a limit of their own."""
        rejected = {reason: names for reason, names in exclusions.items() if reason.startswith(_REJECTED)}
        super().check_left_out({reason: n for reason, n in exclusions.items() if reason not in rejected}, total)
        check_left_out(
            rejected,
            total,
            self.max_rejected,
            "Look at these photographs: if they are what is to be learnt from, allow a larger share with "
            "--max-rejected (1 = any), or keep dark and bright ones with --keep-badly-exposed.",
        )

    def lines(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """Discs that were enlarged, and crops that are cut once more."""
        if small := len(_with(_SMALL, notes)):
            yield f"{small} fundus discs are smaller than {self.size} px across and were enlarged"
        if cut_again := len(_with(_CUT_AGAIN, notes)):
            yield (
                f"{cut_again} cropped pictures show too little of a round edge to be known as cropped: the bundles "
                f"cut them once more, moved by over {MOVED:.0%} of the radius (listed in manifest.json)"
            )

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """The same by name, and the levels."""
        return {
            "images_of_level": outcome.count(GRADES, lambda candidate: candidate.balance),
            "smaller_than_size": len(_with(_SMALL, outcome.notes)),
            "cut_again_by_the_bundles": _with(_CUT_AGAIN, outcome.notes),
        }

    def extra_files(self, outcome: Outcome) -> None:
        """Write what was rejected, at most half of the sheet, and a random choice of what was kept."""
        if not self.sheet:
            return
        random = np.random.RandomState(derive_seed(self.seed))

        def some(names: Iterable[str], number: int) -> list[str]:
            names = sorted(names)
            return sorted(names[i] for i in random.permutation(len(names))[:number])

        reasons = {name: reason for reason, names in outcome.exclusions.items() for name in names}
        reason_of = {n: r.removeprefix(_REJECTED) for n, r in reasons.items() if r.startswith(_REJECTED)}
        rejected = some(reason_of, self.sheet // 2)
        shown = rejected + some((n for own in outcome.splits.values() for n in own), self.sheet - len(rejected))

        def pair(name: str) -> Pair:
            candidate = outcome.found.candidates[name]
            before = read_image(candidate.source, channels=3)
            if name in reason_of:
                return Pair(f"{name}: {reason_of[name]}", before)
            after = read_image(outcome.folder / candidate.target, channels=3)
            return Pair(name, before, after, find_disc(before, check_exposure=False))

        write_contact_sheet(map(pair, shown), len(shown), outcome.folder / SHEET_NAME)

    def print_end(self, outcome: Outcome) -> None:
        """Tables by level and class, the sheet, and the next command."""
        if self.target != "grade":
            print_table(outcome.count(GRADES, lambda candidate: candidate.balance), outcome.splits)
        print_table(outcome.images_with(), outcome.splits)
        print_left_out(outcome.exclusions)
        if self.sheet:
            print(f"Before and after, to look over: {os.path.join(self.out, SHEET_NAME)}")
        print_next(self.bundle, self.out, "--resize_mode fundus_any" if self.keep_badly_exposed else "")
        if self.keep_badly_exposed:
            print("Give --resize_mode fundus_any to finetune.json too: its default refuses badly exposed photographs.")


def _with(bit: int, notes: Mapping[str, Note]) -> list[str]:
    return sorted(name for name, note in notes.items() if bits_of(note) & bit)


def _write_png(levels: NDArray[np.uint8], target: Path) -> None:
    with atomic_path(target) as temporary:
        Image.fromarray(levels).save(temporary, compress_level=4)


def _levels(picture: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(3, rows, columns) in 0..1 as the (rows, columns, 3) of an 8-bit PNG."""
    return np.rint(picture.transpose(1, 2, 0) * np.float32(255)).astype(np.uint8)


def _picture(levels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """What the reader makes of such a PNG."""
    return np.ascontiguousarray(levels.transpose(2, 0, 1), np.float32) / np.float32(255)
