"""``python -m data_prep bch``: histopathology patches with the names of the IDC data set."""

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from data_prep.account import Step
from data_prep.candidates import Candidate, Exclusions, Found, Outcome, Refused, Written, refused_if_unreadable
from data_prep.image_finder import find_patches, two_files
from data_prep.options import Images, check_alone, option
from data_prep.picture import names_with, picture_note
from data_prep.record import Note
from data_prep.source import ADVICE, Source
from data_prep.splitter import Splitter
from monai_mocoi.errors import RefusedError
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.image_errors import check_not_constant
from monai_mocoi.transforms.raster import read_raster

NAME = "Breast histopathology (IDC)"
CLASSES = ("no IDC", "IDC")
MIN_SIZE = 16

# A patch is blank if this share of its pixels has all channels at this level of 255 or above; see docs/data.md.
WHITE_LEVEL, WHITE_SHARE = 220, 0.9

_IS_BLANK = 1  # bit of the note
_BLANK = "blank (white)"


@dataclass(kw_only=True)
class Bch(Source):
    """Histopathology patches in the naming of the IDC data set: <patient>_idx<N>_x<X>_y<Y>_class<C>.png.

    The patches are copied as they are. By default the split is drawn by patient, the classes balanced.
    """

    key = "bch"
    bundle = "bch_mse"
    advice = ADVICE.format("the lists that belong to them")
    all_lines_needed = True

    images: Images
    classes: Annotated[list[str], option("of class 0, 1, ...", "NAME ...")] = field(
        default_factory=lambda: list(CLASSES)
    )
    name: Annotated[str, option("of the data set", "TEXT")] = NAME
    train_list: Annotated[str | None, option("training: image names or patients, one a line", "TXT")] = None
    val_list: Annotated[
        str | None, option("validation, likewise; without it, it is drawn from the training list", "TXT")
    ] = None
    test_list: Annotated[str | None, option("test, likewise", "TXT")] = None
    drop_blank: Annotated[bool, option("leave blank (white) patches out; by default they are only reported")] = False

    def check(self) -> None:
        """Refuse options that are out of range or exclude one another."""
        super().check()
        if len(self.classes) < 2 or not all(self.classes) or len(set(self.classes)) < len(self.classes):
            raise RefusedError(f"--classes is {', '.join(self.classes)}; give at least 2 names, each once.")
        if not self.name.strip():
            raise RefusedError("--name is empty; give the data set a name.")
        if (self.train_list is None) != (self.test_list is None) or (self.val_list and not self.train_list):
            raise RefusedError("--train-list and --test-list belong together (--val-list may be added); give both.")
        check_alone({"--train-list": self.train_list, "--split-csv": self.split_csv})

    def splitter(self) -> Splitter:
        """The lists, the table, or an own draw."""
        given = {"training": self.train_list, "validation": self.val_list, "test": self.test_list}
        return Splitter(self, lists={split: path for split, path in given.items() if path}, without="without lists")

    def settings(self) -> dict[str, Any]:
        """All that decides what is copied."""
        return {"classes": self.classes, "name": self.name, "drop_blank": self.drop_blank}

    def find(self) -> Found:
        """Read everything from the names; no file is opened."""
        patches = find_patches(self.images, len(self.classes))
        by_name = patches.by_name
        lines = [f"{len(by_name)} patches of {len({patch.patient for patch in by_name.values()})} patients"]
        if again := sum(map(len, patches.again.values())):
            lines.append(f"{again} further files have the name of one of these and must equal it")
        if patches.others:
            lines.append(f"{patches.others} other files in --images are left alone, such as '{patches.other_example}'")
        left_out = {"equal to a file of the same name": again, "not called as a patch": patches.others}
        return Found(
            title=self.name,
            labels=self.classes,
            candidates={
                # One folder a patient: a single one with hundreds of thousands of files is slow on network disks.
                name: Candidate(
                    name, p.path, f"images/{p.patient}/{name}", p.patient, p.label, extra=patches.again.get(name, ())
                )
                for name, p in by_name.items()
            },
            faults={name: patch.folder_fault for name, patch in by_name.items() if patch.folder_fault},
            lines=lines,
            flow=[Step("Files found", len(by_name) + again + patches.others, left_out)],
        )

    def write(self, candidate: Candidate, target: Path) -> Written:
        """Copy the very bytes that were looked at: what is in the folder is what was checked."""
        with refused_if_unreadable():
            content = Path(candidate.source).read_bytes()
            for other in candidate.extra:
                if Path(other).read_bytes() != content:
                    raise two_files(candidate.name, candidate.source, other)
            picture = read_raster(io.BytesIO(content))
            check_not_constant(picture)
        if min(picture.shape[1:]) < MIN_SIZE:
            raise Refused(f"a side is shorter than {MIN_SIZE} pixels")
        with atomic_path(target) as temporary:
            temporary.write_bytes(content)
        return Written(picture_note(picture) + _IS_BLANK * is_blank(picture), picture)

    def leave_out(self, notes: Mapping[str, Note]) -> Exclusions:
        """Blank patches, where they are not wanted."""
        blank = names_with(_IS_BLANK, notes)
        return {_BLANK: blank} if self.drop_blank and blank else {}

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """The blank patches by name."""
        return {"blank": names_with(_IS_BLANK, outcome.notes)}

    def print_end(self, outcome: Outcome) -> None:
        """Warn of a class without patches, and print how many are blank."""
        table = outcome.images_with()
        if empty := [name for name in self.classes if not any(own[name] for own in table.values())]:
            print(
                f"WARNING: there is no patch of {', '.join(empty)}. Are all folders given with --images, and do the "
                "names of --classes fit the numbers behind class in the file names?"
            )
        fate = "left out" if self.drop_blank else "kept; --drop-blank leaves them out"
        blank = len(names_with(_IS_BLANK, outcome.notes))
        print(f"blank (white) patches: {blank} ({fate}; listed in manifest.json)")
        super().print_end(outcome)


def is_blank(image: NDArray[np.float32]) -> bool:
    """Tell whether a patch, (1 or 3, rows, columns) in 0..1, shows the white of the slide instead of tissue."""
    # Half a level lower, so that the level itself counts however its quotient is rounded.
    return bool((image.min(0) >= (WHITE_LEVEL - 0.5) / 255).mean() >= WHITE_SHARE)
