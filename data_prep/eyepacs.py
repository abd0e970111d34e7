"""``python -m data_prep eyepacs``: the fundus photographs of EyePACS."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from data_prep.candidates import MISSING, Candidate, Found, Outcome, Written
from data_prep.console import print_left_out, print_next, print_table
from data_prep.eyepacs_labels import GRADES, TARGETS, read_labels
from data_prep.eyepacs_photographs import CUT_AGAIN, MOVED, REJECTED, SHEET_NAME, SMALL, cut_out, write_sheet
from data_prep.image_finder import find_images
from data_prep.options import Images, check_range, option
from data_prep.picture import names_with, save_png
from data_prep.record import Note
from data_prep.source import Source, check_left_out
from data_prep.tables import file_sha256
from monai_mocoi.errors import DatasetError
from monai_mocoi.transforms.fundus_disc import MIN_SIDE

NAME = "EyePACS"
SUFFIXES = (".jpeg", ".jpg", ".png")


@dataclass(kw_only=True)
class Eyepacs(Source):
    """EyePACS fundus photographs: <id>_left.jpeg, <id>_right.jpeg and trainLabels.csv.

    The lit disc is cut out. By default the split is drawn by patient, with all five levels balanced.
    """

    key = "eyepacs"
    bundle = "dr_mse"
    written_in_8_bits = True

    images: Images
    labels: Annotated[list[str], option("trainLabels.csv (image, level), or several such", "CSV ...")]
    target: Annotated[
        Literal["referable", "any", "grade"],
        option("referable: level 2 or more; any: 1 or more; grade: the five levels"),
    ] = "referable"
    size: Annotated[int, option("rows and columns of the cropped fundus", "PX")] = 299
    mirror_left: Annotated[bool, option("mirror left eyes, so that all look like right ones")] = False
    keep_badly_exposed: Annotated[bool, option("keep what is too dark, too bright or without structure")] = False
    sheet: Annotated[int, option(f"pictures in {SHEET_NAME}, 0 = none", "N")] = 50
    max_rejected: Annotated[
        float, option("share of the images that may have no usable disc or be badly exposed", "F")
    ] = 0.1

    def check(self) -> None:
        """Refuse options that are out of range."""
        check_range("--size", self.size, MIN_SIDE)
        check_range("--sheet", self.sheet, 0)
        super().check()
        check_range("--max-rejected", self.max_rejected, 0, 1)

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
        candidates = {
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
        }
        faults = dict.fromkeys(eyes.keys() - paths.keys(), MISSING)
        return Found(NAME, names, candidates, faults, columns=("side",), lines=lines, others=others)

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
        """Write the square around the disc, as the bundles would cut it out."""
        fundus, note = cut_out(candidate.source, self.size, check_exposure=not self.keep_badly_exposed)
        if self.mirror_left and candidate.columns["side"] == "left":
            fundus = fundus[:, ::-1]
        return Written(note, save_png(fundus, target))

    def check_left_out(self, exclusions: Mapping[str, Sequence[str]], total: int) -> None:
        """Rejected photographs have a limit of their own."""
        rejected = {reason: names for reason, names in exclusions.items() if reason.startswith(REJECTED)}
        super().check_left_out({reason: n for reason, n in exclusions.items() if reason not in rejected}, total)
        advice = (
            "Look at these photographs: if they are what is to be learnt from, allow a larger share with "
            "--max-rejected (1 = any), or keep dark and bright ones with --keep-badly-exposed."
        )
        check_left_out(rejected, total, self.max_rejected, advice)

    def lines(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """Discs that were enlarged, and crops that are cut once more."""
        if small := len(names_with(SMALL, notes)):
            yield f"{small} fundus discs are smaller than {self.size} px across and were enlarged"
        if cut_again := len(names_with(CUT_AGAIN, notes)):
            yield (
                f"{cut_again} cropped pictures show too little of a round edge to be known as cropped: the bundles "
                f"cut them once more, moved by over {MOVED:.0%} of the radius (listed in manifest.json)"
            )

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """The same by name, and the levels."""
        return {
            "images_of_level": outcome.count(GRADES, lambda candidate: candidate.balance),
            "smaller_than_size": len(names_with(SMALL, outcome.notes)),
            "cut_again_by_the_bundles": names_with(CUT_AGAIN, outcome.notes),
        }

    def extra_files(self, outcome: Outcome) -> None:
        """Write the contact sheet."""
        if self.sheet:
            write_sheet(outcome, self.sheet, self.seed)

    def print_end(self, outcome: Outcome) -> None:
        """Print tables by level and class, where the sheet is, and the next command."""
        if self.target != "grade":
            print_table(outcome.count(GRADES, lambda candidate: candidate.balance), outcome.splits)
        print_table(outcome.images_with(), outcome.splits)
        print_left_out(outcome.exclusions)
        if self.sheet:
            print(f"Before and after, to look over: {os.path.join(self.out, SHEET_NAME)}")
        print_next(self.bundle, self.out, "--resize_mode fundus_any" if self.keep_badly_exposed else "")
        if self.keep_badly_exposed:
            print(
                "Give --resize_mode fundus_any to finetune.json and analyze.json too: their default refuses badly "
                "exposed photographs."
            )
