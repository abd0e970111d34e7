"""``python -m data_prep inhouse``: a hospital's export and a labels table as a dataset folder without identities."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.candidates import UNREADABLE, Candidate, Exclusions, Found, Outcome, Refused, Written
from data_prep.console import print_left_out, print_next, print_table
from data_prep.inhouse.copies import leave_out_copies
from data_prep.inhouse.drafts import hidden_again
from data_prep.inhouse.finding import find_images
from data_prep.inhouse.matched_table import MatchedTable
from data_prep.inhouse.part import Part, part_record
from data_prep.inhouse.picture_file import SMALL, TEXT_LIKE, count_in_colour, manifest_of_images, write_picture
from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.inhouse.private_place import check_key, check_place
from data_prep.inhouse.private_settings import make_splitter, settings_of
from data_prep.inhouse.sentences import say
from data_prep.inhouse.source_options import NAMES_OF_COLUMNS, InhouseOptions
from data_prep.inhouse.table_file import LabelFile
from data_prep.picture import names_with
from data_prep.record import Note, begun_options
from data_prep.splitter import Splitter
from monai_mocoi.files.home_folder import expand_home
from monai_mocoi.own_command import command


@dataclass(kw_only=True)
class Inhouse(InhouseOptions):
    """Images of your own, as an archive or a hospital hands them over: DICOM, PNG, JPEG and TIFF, at any depth.

    No name, id, date, UID or path gets into the dataset folder: images and patients have keyed hashes for names. The
    key, and who is who, stay in the folder --private.
    """

    def __post_init__(self) -> None:
        self._folder: PrivateFolder | None = None
        self._table: MatchedTable | None = None
        self._candidates: dict[str, Candidate] = {}
        self._places: dict[str, int] = {}  # in the order of the paths
        self._decisions: list[str] = []
        self._meant: Callable[[str], str] = str

    def check(self) -> None:
        """Refuse what cannot be used, before hours are spent on the headers of all files."""
        super().check()
        check_place(self.private, [*self.images, self.out])
        if known := begun_options(expand_home(self.out)).get("key_fingerprint"):
            check_key(self.private, str(known))  # before who is who is written into a folder of another data set
        if self.labels is not None:
            table = LabelFile(self.labels)
            for option in (*NAMES_OF_COLUMNS, "key_column"):
                names = getattr(self, option) or []
                table.find("--" + option.replace("_", "-"), [names] if isinstance(names, str) else names)

    def splitter(self) -> Splitter:
        """The given split, or an own draw."""
        return make_splitter(self, self._private())

    def settings(self) -> dict[str, Any]:
        """All that decides which images are written and how; of a private setting, a keyed hash."""
        return settings_of(self, self._table, self._private())

    def secret(self) -> bytes:
        """The private key: a path names patients."""
        return self._private().pseudonyms.secret("record")

    def find(self) -> Found:
        """Look at every file, match them with the table and find out whose they are; no pixel is read."""
        private = self._private()
        with private.logged_errors():
            found, self._table, self._places, self._meant = find_images(self, private)
        self._candidates = found.candidates
        found.decisions = self._decisions = list(found.decisions)  # more come when the pictures are read
        return found

    def listed(self, line: str) -> str:
        """Return the pseudonym of the image or patient that a line of --split-csv means."""
        return self._meant(line)

    def write(self, candidate: Candidate, target: Path) -> Written:
        """Read one picture, look for text in it, and write it without metadata, or refer to its file."""
        try:
            with self._private().logged_errors():
                return write_picture(candidate, target, self)
        except Refused as reason:
            self._private().exclude(candidate.source, str(reason), candidate.name)
            raise

    def leave_out(self, notes: Mapping[str, Note]) -> Exclusions:
        """Copies of a picture, and one that is there under two patients."""
        candidates = self._candidates

        def rank(name: str) -> tuple[bool, bool, int]:
            own = candidates[name]  # a labelled one stays, then one with a header, then the first by path
            return own.label is None, not own.vendor, self._places[name]

        return leave_out_copies(Path(self.out), candidates, notes, self.workers, rank)

    def lines(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """How many pictures are small, and in colour."""
        if small := len(names_with(SMALL, notes)):
            yield f"{small} images are smaller than {self.size} px and keep their size (nothing is enlarged)"
        colour = count_in_colour(notes.values())
        if 0 < colour < len(notes):
            yield f"{colour} of {len(notes)} images are in colour"
            self._decisions += say("in_colour", colour, len(notes))

    def check_left_out(self, exclusions: Mapping[str, Sequence[str]], total: int) -> None:
        """Count what cannot be read; what a rule leaves out is meant to be left out."""
        faults = {reason: names for reason, names in exclusions.items() if reason.startswith(UNREADABLE)}
        super().check_left_out(faults, total)

    def coarsen(self, candidates: dict[str, Candidate], used: Sequence[str]) -> None:
        """Put values together that have become rare, because other images of them were left out."""
        if self.part is None:  # a part does not know the others' images
            candidates |= hidden_again([candidates[name] for name in used], self.rare)

    def extra_files(self, outcome: Outcome) -> None:
        """Write down in the private folder what was left out since the files were looked at."""
        private = self._private()
        for reason, names in outcome.exclusions.items():
            for name in names:
                if (candidate := outcome.found.candidates.get(name)) is not None:
                    private.exclude(candidate.source, reason, name)
        private.forget_other_exclusions()
        if texts := len(outcome.exclusions.get(TEXT_LIKE, ())):
            self._decisions += say("text_like", texts)
        if self.keep_burned_in:
            self._decisions += say("text_taken")

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """What the next steps must know of the images."""
        kind = self._table.labels.kind if self._table is not None else "none"
        own = manifest_of_images(outcome, self.size, kind, self.in_place)
        return own if self.part is None else {**own, **part_record(outcome, Part.parse(self.part))}

    def print_end(self, outcome: Outcome) -> None:
        """Print how many images there are of what, what to look at, and what comes next."""
        print_table(outcome.images_with(), outcome.splits)
        print_left_out(outcome.exclusions, "")
        print(
            "In --private, excluded.csv names the files that were left out, and mapping.csv says who is who. "
            "report.html in the dataset folder accounts for every file: read it before anything is trained."
        )
        if self.in_place:  # mocoi adapt makes no bundle of an identified data set
            print_next(self.bundle, self.out)
            print(*say("identifies"))
            return
        print(f"The dataset folder is ready: {self.out}")
        print("Next, a bundle of your own for it (begin with bch_mse for tissue, dr_mse for fundus photographs):")
        print(f"  {command('adapt', self.bundle, '--dataset', self.out, '--name', 'my_study')}")

    def _private(self) -> PrivateFolder:
        if self._folder is None:
            self._folder = PrivateFolder(self.private, [*self.images, self.out], dataset=os.path.abspath(self.out))
        return self._folder
