"""``python -m data_prep nih``: the published files of NIH ChestX-ray14."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from data_prep.candidates import MISSING, Candidate, Found, Outcome, Written, refused_if_unreadable
from data_prep.image_finder import find_images
from data_prep.nih_metadata import COLUMNS, FINDINGS, read_metadata
from data_prep.options import Images, Size, check_alone, check_range, option
from data_prep.picture import FLATTENED, names_with, picture_note, write_png
from data_prep.record import Note
from data_prep.source import ADVICE, Source
from data_prep.splitter import Splitter
from data_prep.tables import file_sha256
from monai_mocoi.errors import RefusedError
from monai_mocoi.transforms.reader import read_image

TRAIN_VAL_LIST, TEST_LIST = "train_val_list.txt", "test_list.txt"
MIN_SIZE = 16
NAME = "NIH ChestX-ray14"

_SMALL = 1  # bit of the note


@dataclass(kw_only=True)
class Nih(Source):
    """NIH ChestX-ray14: the PNGs and Data_Entry_2017.csv or _v2020.csv.

    By default train_val_list.txt and test_list.txt beside the metadata are the split if both are there, else it is
    drawn by patient.
    """

    key = "nih"
    bundle = "nih_mse"
    advice = ADVICE.format("the lists that belong to the metadata")

    images: Images
    metadata: Annotated[str, option("Data_Entry_2017*.csv, or a part of it; or .gz", "CSV")]
    size: Size = 512
    train_val_list: Annotated[
        str | None, option("image names of training and validation (validation is drawn from it)", "TXT")
    ] = None
    test_list: Annotated[str | None, option("image names of the test split", "TXT")] = None
    own_split: Annotated[bool, option("draw the split here, even if lists lie beside the metadata")] = False

    def check(self) -> None:
        """Refuse options that are out of range or exclude one another."""
        check_range("--size", self.size, MIN_SIZE)
        super().check()
        if (self.train_val_list is None) != (self.test_list is None):
            raise RefusedError("--train-val-list and --test-list belong together; give both.")
        check_alone(
            {"--train-val-list": self.train_val_list, "--split-csv": self.split_csv, "--own-split": self.own_split}
        )

    def splitter(self) -> Splitter:
        """The lists that are named, those that lie beside the metadata, the table, or an own draw."""
        lists, how = None, "given"
        beside = [Path(self.metadata).parent / name for name in (TRAIN_VAL_LIST, TEST_LIST)]
        if self.train_val_list and self.test_list:
            lists = {"training": Path(self.train_val_list), "test": Path(self.test_list)}
        elif self.split_csv is None and not self.own_split and all(path.is_file() for path in beside):
            lists = dict(zip(("training", "test"), beside, strict=True))
            how = "found beside the metadata; --own-split would leave them aside"
        return Splitter(self, lists=lists, how=how, without="with --own-split")

    def settings(self) -> dict[str, Any]:
        """The size, and the table by its content."""
        return {"size": self.size, "metadata_sha256": file_sha256(self.metadata)}

    def find(self) -> Found:
        """Each row of the metadata is a candidate; its file is found by name."""
        studies = read_metadata(self.metadata)
        paths, others = find_images(self.images, studies)
        patients, table = len({study.patient for study in studies.values()}), Path(self.metadata).name
        lines = [f"{len(studies)} images of {patients} patients in {table}"]
        if others:
            lines.append(f"{others} other files in --images are not in the metadata and are left alone")
        return Found(
            title=NAME,
            labels=FINDINGS,
            candidates={
                name: Candidate(name, paths.get(name, ""), f"images/{name}", s.patient, s.label, s.columns)
                for name, s in studies.items()
            },
            faults=dict.fromkeys(studies.keys() - paths.keys(), MISSING),
            columns=tuple(COLUMNS),
            lines=lines,
            others=others,
        )

    def write(self, candidate: Candidate, target: Path) -> Written:
        """A grey PNG: 8 bits, but 16 for a picture that 8 would flatten."""
        passed_over: set[str] = set()
        with refused_if_unreadable():
            picture = read_image(candidate.source, channels=1, notes=passed_over)
        note = picture_note(picture, passed_over)
        written = write_png(picture, target, self.size, bits=16 if note & FLATTENED else 8)
        return Written(note + _SMALL * (min(picture.shape[1:]) < self.size), written)

    def lines(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """How many images are smaller than asked for."""
        if small := len(names_with(_SMALL, notes)):
            yield f"{small} images are smaller than {self.size} px and keep their size (nothing is enlarged)"

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """The same number."""
        return {"smaller_than_size": len(names_with(_SMALL, outcome.notes))}
