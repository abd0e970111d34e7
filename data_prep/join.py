"""``python -m data_prep join``: the parts of an export, prepared side by side, as one dataset folder."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from data_prep.account import Step
from data_prep.inhouse.image_facts import manifest_of_images
from data_prep.inhouse.part import OTHER_PART, Part
from data_prep.inhouse.picture_file import refer_to
from data_prep.inhouse.same_pictures import COPIES, same_pictures
from data_prep.record import RECORD_NAME, Note
from data_prep.source import Candidate, Exclusions, Found, Outcome, Source, Written, refused_if_unreadable
from data_prep.splitter import Splitter
from monai_mocoi.data.datalist_form import DATALIST_NAME, MANIFEST_NAME
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.errors import DatasetError, RefusedError
from monai_mocoi.files.atomic_write import atomic_path
from monai_mocoi.transforms.reader import read_image

_OF_THE_SPLIT = ("split", "csv_hash", "val_fraction", "test_fraction")


@dataclass(frozen=True)
class _PartFolder:
    """A dataset folder that ``inhouse --part`` made, as far as the join needs it."""

    path: Path
    part: Part
    manifest: dict[str, Any]
    datalist: dict[str, Any]
    notes: dict[str, Note]

    @property
    def options(self) -> dict[str, Any]:
        """Those of the preparation, but for which part it is."""
        return {**self.manifest["options"], "part": None}

    @property
    def flow(self) -> list[Step]:
        return [Step(name, entered, left_out, more) for name, entered, left_out, more in self.manifest["part"]["flow"]]

    def items(self) -> dict[str, tuple[str, dict[str, Any]]]:
        """The split and the item of each image, by name."""
        splits = {split: own for split, own in self.datalist.items() if isinstance(own, list)}
        return {Path(item["image"]).stem: (split, item) for split, own in splits.items() for item in own}


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
    split_csv: str | None = field(default=None, init=False)
    val_fraction: float | None = field(default=None, init=False)
    test_fraction: float | None = field(default=None, init=False)
    seed: int = field(default=0, init=False)
    max_missing: float = field(default=0.0, init=False)
    report: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._parts: list[_PartFolder] = []
        self._candidates: dict[str, Candidate] = {}
        self._notes: dict[str, Note] = {}

    def check(self) -> None:
        """Read what the parts say of themselves; they must be all parts of one preparation."""
        super().check()
        parts = [_read(folder, f"part folder {place}") for place, folder in enumerate(self.parts, 1)]
        self._parts = sorted(parts, key=lambda own: own.part.number)
        first = self._parts[0]
        numbers = [own.part.number for own in self._parts]
        if {own.part.of for own in self._parts} != {first.part.of} or numbers != list(range(1, first.part.of + 1)):
            raise RefusedError(
                f"these are the parts {', '.join(str(own.part) for own in self._parts)}; give each part of one "
                "preparation once."
            )
        for own in self._parts[1:]:
            keys = dict.fromkeys((*first.options, *own.options))
            if differing := [key for key in keys if first.options.get(key) != own.options.get(key)]:
                if "key_fingerprint" in differing:  # and with it every keyed hash
                    differing = ["key_fingerprint"]
                raise RefusedError(
                    f"part {own.part} was made with other options than part {first.part} ({', '.join(differing)}): "
                    + ("with another key, a patient has another name. " if "key_fingerprint" in differing else "")
                    + "Prepare it again with the same."
                )
            if own.flow != first.flow:
                raise RefusedError(
                    f"part {own.part} found other files than part {first.part}: the export has changed in between, or "
                    "its folders are not the same. Prepare the parts again."
                )
        options = first.options
        self.seed, self.val_fraction = options["seed"], options.get("val_fraction")
        # Of a given split, only the validation may have been drawn; what else there is stands in "decided".
        self.test_fraction = options.get("test_fraction", 0.0)

    def folders(self) -> Sequence[str]:
        """The parts: --out may not lie in one of them."""
        return self.parts

    def splitter(self) -> Splitter:
        """The draw as the parts were told to make it."""
        splitter = Splitter(self, without="")
        options = self._parts[0].options
        splitter.options = {name: options[name] for name in _OF_THE_SPLIT if name in options}
        if options["split"] != "own":
            splitter.description = "as it was given for the parts"
        return splitter

    def settings(self) -> dict[str, Any]:
        """The parts' own: an interrupted join goes on only with the same."""
        return {
            name: value
            for name, value in self._parts[0].options.items()
            if name not in (*_OF_THE_SPLIT, "source", "seed")
        }

    def find(self) -> Found:
        """List the images of all parts."""
        first = self._parts[0]
        splits: dict[str, str] = {}
        for own in self._parts:
            for name, (split, item) in own.items().items():
                if not own.part.holds(item["patient"]) or name in self._candidates:
                    raise DatasetError(
                        f"part {own.part} has the image {name} of a patient of another part: it was changed. Prepare "
                        "it again."
                    )
                self._candidates[name] = _candidate(own.path, name, item)
                self._notes[name] = own.notes.get(name, {})
                if _was_given(own.options, split):
                    splits[name] = split
            splits |= own.manifest["part"]["decided"]
        left_out = _left_out(self._parts)
        flow = first.flow
        before = sum((Counter(dict(step.left_out)) for step in flow), Counter[str]())
        later = Counter({reason: len(names) for reason, names in left_out.items()}) - before
        flow.append(Step("Read, checked and written in parts", flow[-1].passed, dict(sorted(later.items()))))
        if flow[-1].passed != len(self._candidates):
            raise DatasetError(
                f"the parts hold {len(self._candidates)} images, but by their manifests it would be {flow[-1].passed}: "
                "a part was changed. Prepare it again."
            )
        return Found(
            title=first.datalist["name"],
            labels=list(first.datalist["labels"].values()),
            candidates=self._candidates,
            left_out=left_out,
            columns=first.manifest["part"]["columns"],
            lines=[f"{len(self._candidates)} images in {len(self._parts)} parts"],
            flow=flow,
            splits=splits,
            decisions=list(dict.fromkeys(text for own in self._parts for text in own.manifest["part"]["decisions"])),
            identity=first.manifest["part"]["identity"],
            identified=first.manifest["identified"],
        )

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
        out, names = Path(self.out).expanduser().resolve(), sorted(notes)
        files = [str(out / self._candidates[name].target) for name in names]
        prints = dataset_fingerprints(out, files, names, self.workers)
        return same_pictures(names, {name: self._candidates[name].patient for name in names}, prints)

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """What the next steps must know of the images, as of a preparation in one go."""
        own = self._parts[0].manifest
        return manifest_of_images(outcome, own["size"], own["label_kind"], own["identified"])


def _read(folder: str, called: str) -> _PartFolder:
    """Read what a part says of itself; errors call it by its place among the arguments, for a path may name people."""
    path = Path(folder).expanduser().resolve()
    missing = [name for name in (MANIFEST_NAME, DATALIST_NAME, RECORD_NAME) if not (path / name).is_file()]
    if missing:
        raise RefusedError(
            f"{called} has no {missing[0]}, so it is no finished part; run the same command that began it again."
        )
    try:
        manifest = json.loads((path / MANIFEST_NAME).read_text(encoding="utf-8"))
        datalist = json.loads((path / DATALIST_NAME).read_text(encoding="utf-8"))
        if "part" not in manifest:
            raise RefusedError(f"{called} is no part: it was made without --part.")
        part = Part(manifest["part"]["number"], manifest["part"]["of"])
        return _PartFolder(path, part, manifest, datalist, _notes(path / RECORD_NAME))
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, DatasetError):
            raise
        raise DatasetError(f"{called} is damaged ({type(error).__name__}); prepare the part again.") from None


def _notes(record: Path) -> dict[str, Note]:
    """The note of each image; the last line of an image counts."""
    lines = [json.loads(line) for line in record.read_bytes().split(b"\n")[1:] if line.endswith(b"]")]
    return {name: note for name, *_, note in lines}


def _candidate(folder: Path, name: str, item: Mapping[str, Any]) -> Candidate:
    columns = {key: value for key, value in item.items() if key not in ("image", "label", "patient")}
    return Candidate(
        name=name,
        source=str(folder / item["image"]),
        target=item["image"],
        patient=item["patient"],
        label=item.get("label"),
        columns=columns,
        vendor=str(columns.get("vendor", "")),
    )


def _was_given(options: Mapping[str, Any], split: str) -> bool:
    """Whether a split of a part is that of the user's own table; then only the validation may have been drawn."""
    if options["split"] == "own":
        return False
    return "val_fraction" not in options or split not in ("training", "validation")


def _left_out(parts: Sequence[_PartFolder]) -> Exclusions:
    """What the parts left out, each image once: all of them look at all files."""
    names: dict[str, set[str]] = {}
    for own in parts:
        for reason, left_out in own.manifest["exclusions"].items():
            if reason != OTHER_PART:
                names.setdefault(reason, set()).update(left_out)
    return {reason: sorted(left_out) for reason, left_out in names.items()}
