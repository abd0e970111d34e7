"""``python -m data_prep inhouse``: a hospital's export and a labels table as a dataset folder without identities."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from data_prep.inhouse.burned_in import TEXT_LIKE, has_text_like_border
from data_prep.inhouse.finding import find_images
from data_prep.inhouse.image_facts import count_in_colour, count_small, image_note, manifest_of_images
from data_prep.inhouse.matched_table import MatchedTable
from data_prep.inhouse.part import Part, part_record
from data_prep.inhouse.picture_file import read_picture, refer_to, write_picture
from data_prep.inhouse.private_errors import told_privately
from data_prep.inhouse.private_folder import PrivateFolder, check_key, check_place
from data_prep.inhouse.same_pictures import same_pictures
from data_prep.inhouse.sentences import IDENTIFIES, TEXT_TAKEN, in_colour, text_like
from data_prep.inhouse.site_codes import SiteCodes
from data_prep.inhouse.source_options import MIN_SIZE, InhouseOptions
from data_prep.inhouse.table_file import LabelFile
from data_prep.last_steps import print_next
from data_prep.picture_notes import FLATTENED, picture_note
from data_prep.record import Note, begun_options, file_sha256
from data_prep.source import UNREADABLE, Candidate, Exclusions, Found, Outcome, Refused, Written
from data_prep.splitter import Splitter
from data_prep.summary import print_table
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.errors import DatasetError, RefusedError
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
            for option in ("label_columns", "patient_column", "site_column", "date_column", "covariates", "key_column"):
                names = getattr(self, option) or []
                table.find("--" + option.replace("_", "-"), [names] if isinstance(names, str) else names)

    def splitter(self) -> Splitter:
        """The given split, or an own draw; what a given table says is repeated nowhere but in the private log."""
        try:
            nothing_to_test = self.labels is None and self.test_fraction is None and self.split_csv is None
            options = dataclasses.replace(self, test_fraction=0.0) if nothing_to_test else self
            own = Splitter(options, without="without --split-csv")
        except RefusedError:
            raise
        except DatasetError as error:
            self._private().log(f"--split-csv: {error}")
            raise DatasetError("--split-csv cannot be used; private.log in --private says why.") from None
        if self.split_csv is not None:
            own.description = "given with --split-csv"
            # Without a key, whoever has such a table could show that it is this one, or try what may stand in it.
            own.options["csv_hash"] = self._private().pseudonyms.setting(own.options.pop("csv_sha256"))
        elif self.part is not None:
            own.description = "drawn by join, over all parts; until then all is training"
        return own

    def settings(self) -> dict[str, Any]:
        """All that decides which images are written and how; of a private setting, a keyed hash."""
        names = (
            "label_columns", "patient_column", "site_column", "date_column", "covariates", "patient_folder", "name",
            "size", "bits", "channels", "frames", "in_place", "modality", "body_part", "view", "keep_derived",
            "keep_secondary", "keep_burned_in", "rare", "part",
        )  # fmt: skip
        own = {name: getattr(self, name) for name in names}
        pseudonyms = self._private().pseudonyms
        if self._table is not None and self.labels is not None:
            own |= {"key_column": self._table.match.column, "key_is": self._table.match.key}
            try:
                own["labels_hash"] = pseudonyms.setting(file_sha256(expand_home(self.labels)))
            except DatasetError:  # names the file
                raise DatasetError("--labels was read, but cannot be read again.") from None
        own["test_site"] = [SiteCodes(self._private())(site) for site in self.test_site]
        own["test_from"] = None if self.test_from is None else pseudonyms.setting(self.test_from)
        return {**own, "key_fingerprint": pseudonyms.key_fingerprint}

    def find(self) -> Found:
        """Look at every file, match them with the table and tell whose they are; no pixel is read."""
        private = self._private()
        with told_privately(private):
            finding = find_images(self, private)
        self._table, self._places, self._meant = finding.table, finding.places, finding.meant
        self._candidates, self._decisions = finding.found.candidates, list(finding.found.decisions)
        finding.found.decisions = self._decisions  # more come when the pictures are read
        return finding.found

    def write(self, candidate: Candidate, target: Path) -> Written:
        """Read one picture, look for text in it, and write it without metadata, or refer to its file."""
        try:
            with told_privately(self._private()):
                return self._written(candidate, target)
        except Refused as reason:
            self._private().exclude(candidate.source, str(reason), candidate.name)
            raise

    def _written(self, candidate: Candidate, target: Path) -> Written:
        passed_over: set[str] = set()
        as_stored, picture = read_picture(candidate.source, candidate.extra, self.channels, passed_over)
        if min(picture.shape[1:]) < MIN_SIZE:
            raise Refused(f"a side is shorter than {MIN_SIZE} pixels")
        if not self.keep_burned_in and has_text_like_border(picture):
            raise Refused(TEXT_LIKE)
        bits = picture_note(picture, passed_over)
        deep = len(picture) == 1 and (self.bits == "16" or (self.bits == "auto" and bool(bits & FLATTENED)))
        note = image_note(picture, bits, self.size, 16 if deep else 8)
        if self.in_place:
            refer_to(candidate.source, target)
            return Written(note, as_stored)
        return Written(note, write_picture(picture, target, self.size, 16 if deep else 8))

    def secret(self) -> bytes:
        """The private key: a path names patients."""
        return self._private().pseudonyms.secret("record")

    def leave_out(self, notes: Mapping[str, Note]) -> Exclusions:
        """Copies of a picture, and one that is there under two patients."""
        out, names = Path(self.out).expanduser().resolve(), sorted(notes)
        if not names:
            return {}
        candidates = self._candidates
        prints = dataset_fingerprints(out, [str(out / candidates[name].target) for name in names], names, self.workers)

        def rank(name: str) -> tuple[bool, bool, int]:
            own = candidates[name]  # a labelled one stays, then one with a header, then the first by path
            return own.label is None, not own.vendor, self._places[name]

        return same_pictures(names, {name: candidates[name].patient for name in names}, prints, rank)

    def lines(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """How many pictures are small, and in colour."""
        if small := count_small(notes.values()):
            yield f"{small} images are smaller than {self.size} px and keep their size (nothing is enlarged)"
        colour = count_in_colour(notes.values())
        if 0 < colour < len(notes):
            yield f"{colour} of {len(notes)} images are in colour"
            self._decisions.append(in_colour(colour, len(notes)))

    def check_left_out(self, exclusions: Mapping[str, Sequence[str]], total: int) -> None:
        """Count what cannot be read; what a rule leaves out is meant to be left out."""
        faults = {reason: names for reason, names in exclusions.items() if reason.startswith(UNREADABLE)}
        super().check_left_out(faults, total)

    def extra_files(self, outcome: Outcome) -> None:
        """Tell the private folder what was left out since the files were looked at."""
        private = self._private()
        for reason, names in outcome.exclusions.items():
            for name in names:
                if (candidate := outcome.found.candidates.get(name)) is not None:
                    private.exclude(candidate.source, reason, name)
        private.forget_other_exclusions()
        texts = len(outcome.exclusions.get(TEXT_LIKE, ()))
        if texts:
            self._decisions.append(text_like(texts))
        if self.keep_burned_in:
            self._decisions.append(TEXT_TAKEN)

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """What the next steps must know of the images."""
        kind = self._table.labels.kind if self._table is not None else "none"
        told = manifest_of_images(outcome, self.size, kind, self.in_place)
        return told if self.part is None else {**told, **part_record(outcome, Part.parse(self.part))}

    def print_end(self, outcome: Outcome) -> None:
        """Say how many images there are of what, what to look at, and what comes next."""
        print_table(outcome.images_with(), outcome.splits)
        for reason, names in outcome.exclusions.items():
            print(f"left out, {reason}: {len(names)}")
        print(
            "Which files were left out stands in excluded.csv of --private, who is who in its mapping.csv. report.html "
            "in the dataset folder accounts for every file: read it before anything is trained."
        )
        if self.in_place:  # mocoi adapt makes no bundle of an identified data set
            print_next(self.bundle, self.out)
            print(IDENTIFIES)
            return
        print(f"The dataset folder is ready: {self.out}")
        print("Next, a bundle of your own for it (begin with bch_mse for tissue, dr_mse for fundus photographs):")
        print(f"  {command('adapt', self.bundle, '--dataset', self.out, '--name', 'my_study')}")

    def listed(self, line: str) -> str:
        """Return the pseudonym of the image or patient that a line of --split-csv means."""
        return self._meant(line)

    def _private(self) -> PrivateFolder:
        if self._folder is None:
            self._folder = PrivateFolder(self.private, [*self.images, self.out], dataset=os.path.abspath(self.out))
        return self._folder
