"""``python -m data_prep join``: the parts of an export, prepared side by side, as one dataset folder."""

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from data_prep.account import Step
from data_prep.candidates import Candidate, Exclusions, Found, Outcome, Written, refused_if_unreadable
from data_prep.inhouse.copies import COPIES, leave_out_copies
from data_prep.inhouse.picture_file import manifest_of_images
from data_prep.picture import refer_to
from data_prep.prepared_part import PreparedPart, all_left_out, check_parts, read_part
from data_prep.record import Note
from data_prep.source import Source
from data_prep.splitter import Splitter
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.reader import read_image

_OF_THE_SPLIT = ("split", "csv_hash", "val_fraction", "test_fraction")


@dataclass(kw_only=True)
class Join(Source):
    """Put the parts of an export together that inhouse --part 1/3, 2/3 and 3/3 made.

    The split is drawn over all of them, so that the folder is the one that inhouse makes in one go; it has the
    same datalist.json. A site or dates held out, and patients for pretraining alone, stay where they are. The images
    are copied.
    """

    key: ClassVar[str] = "inhouse"
    bundle: ClassVar[str] = "nih_mse"
    public: ClassVar[bool] = False
    copies: ClassVar[Sequence[str]] = COPIES

    parts: Annotated[list[str], typer.Argument(metavar="PART ...", help="the dataset folders of all parts")]
    hidden: ClassVar[Sequence[str]] = ("split_csv", "val_fraction", "test_fraction", "seed", "max_missing", "report")

    def __post_init__(self) -> None:
        self.max_missing, self.report = 0.0, True
        self._parts: list[PreparedPart] = []
        self._candidates: dict[str, Candidate] = {}
        self._notes: dict[str, Note] = {}

    def check(self) -> None:
        """Read the manifests of the parts; they must be all parts of one preparation."""
        super().check()
        parts = [read_part(folder, f"part folder {place}") for place, folder in enumerate(self.parts, 1)]
        self._parts = sorted(parts, key=lambda own: own.part.number)
        check_parts(self._parts)
        options = self._parts[0].options
        self.seed, self.val_fraction = options["seed"], options.get("val_fraction")
        # Of a given split, only the validation may have been drawn; the rest is in "decided".
        self.test_fraction = options.get("test_fraction", 0.0)

    def folders(self) -> Sequence[str]:
        """The parts: the dataset folder may not lie in one of them."""
        return self.parts

    def splitter(self) -> Splitter:
        """The draw with the options of the parts."""
        splitter = Splitter(self, without="")
        options = self._parts[0].options
        splitter.options = {name: options[name] for name in _OF_THE_SPLIT if name in options}
        if options["split"] != "own":
            splitter.description = "as it was given for the parts"
        return splitter

    def settings(self) -> dict[str, Any]:
        """Those of the parts: an interrupted join goes on only with the same."""
        others = (*_OF_THE_SPLIT, "source", "seed")
        return {name: value for name, value in self._parts[0].options.items() if name not in others}

    def find(self) -> Found:
        """List the images of all parts."""
        first = self._parts[0]
        splits: dict[str, str] = {}
        for own in self._parts:
            for split, candidate in own.candidates():
                name = candidate.name
                if not own.part.holds(candidate.patient) or name in self._candidates:
                    raise DatasetError(
                        f"part {own.part} has the image {name} of a patient of another part: it was changed. Prepare "
                        "it again."
                    )
                self._candidates[name] = candidate
                self._notes[name] = own.notes.get(name, {})
                if own.was_given(split):
                    splits[name] = split
            splits |= own.manifest["part"]["decided"]
        left_out = all_left_out(self._parts)
        return Found(
            title=first.datalist["name"],
            labels=list(first.datalist["labels"].values()),
            candidates=self._candidates,
            left_out=left_out,
            columns=first.manifest["part"]["columns"],
            lines=[f"{len(self._candidates)} images in {len(self._parts)} parts"],
            flow=self._flow(left_out),
            splits=splits,
            decisions=list(dict.fromkeys(text for own in self._parts for text in own.manifest["part"]["decisions"])),
            identity=first.manifest["part"]["identity"],
            identified=first.manifest["identified"],
        )

    def _flow(self, left_out: Exclusions) -> list[Step]:
        """The stations of the parts, and one for what they left out later; it must account for all images."""
        flow = self._parts[0].flow
        before = sum((Counter(dict(step.left_out)) for step in flow), Counter[str]())
        later = Counter({reason: len(names) for reason, names in left_out.items()}) - before
        flow.append(Step("Read, checked and written in parts", flow[-1].passed, dict(sorted(later.items()))))
        if flow[-1].passed != len(self._candidates):
            raise DatasetError(
                f"the parts hold {len(self._candidates)} images, but their manifests account for {flow[-1].passed}: a "
                "part was changed. Prepare it again."
            )
        return flow

    def write(self, candidate: Candidate, target: Path) -> Written:
        """Copy one image, byte for byte; a link to an original becomes such a link."""
        if os.path.islink(candidate.source):
            refer_to(os.path.realpath(candidate.source), target)
        else:
            with atomic_path(target) as temporary:
                shutil.copyfile(candidate.source, temporary)
        with refused_if_unreadable():
            picture = read_image(target)
        return Written(self._notes[candidate.name], picture)

    def leave_out(self, notes: Mapping[str, Note]) -> Exclusions:
        """One picture under two patients of different parts."""
        return leave_out_copies(Path(self.out), self._candidates, notes, self.workers)

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """What the next steps must know of the images, as of a preparation in one go."""
        own = self._parts[0].manifest
        return manifest_of_images(outcome, own["size"], own["label_kind"], own["identified"])
