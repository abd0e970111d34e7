"""``python -m data_prep inhouse``: a hospital's export and a labels table as a dataset folder without identities."""

from __future__ import annotations

import hashlib
import os
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import typer
from numpy.typing import NDArray

from data_prep.checks import check_share_option, checked_out
from data_prep.inhouse.bands import OTHER, age_in_years, banded, vendor
from data_prep.inhouse.burned_in import DECLARED, TEXT_LIKE, declared_burned_in, has_text_like_border
from data_prep.inhouse.export_tree import list_tree
from data_prep.inhouse.file_kinds import RASTER_SUFFIXES
from data_prep.inhouse.header_filter import DERIVED, VIEWS, HeaderFilter, known_term
from data_prep.inhouse.instances import repeated_instances
from data_prep.inhouse.label_table import LabelTable, TableOptions, TableRow
from data_prep.inhouse.matching import KEYS, LEAST_MATCHED, FileIndex, check_match, choose_match, summary, unmatched
from data_prep.inhouse.patients import NO_PATIENT, Patients, join_patients
from data_prep.inhouse.people import name_words
from data_prep.inhouse.picture_file import refer_to, write_picture
from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.inhouse.pseudonyms import normalised_patient
from data_prep.inhouse.same_pictures import same_pictures
from data_prep.inhouse.stations import Stations
from data_prep.inhouse.survey import Seen, survey
from data_prep.inhouse.table_file import LabelFile
from data_prep.last_steps import print_next
from data_prep.options import Images, Size
from data_prep.picture_notes import FLATTENED, bits_of, picture_note
from data_prep.record import Note
from data_prep.source import (
    UNREADABLE,
    Candidate,
    Exclusions,
    Found,
    Outcome,
    Refused,
    Source,
    Written,
    refused_if_unreadable,
)
from data_prep.splitter import Splitter
from data_prep.summary import print_table
from monai_mocoi.data.errors import DatasetError, RefusedError
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.transforms.reader import read_image, to_channels

MIN_SIZE = 16
NOT_REFERABLE = "several frames in one file (--in-place refers to files of one picture)"
CHANNELS, BITS, FRAMES = ("auto", "1", "3"), ("auto", "8", "16"), ("first", "middle", "all")

_SMALL = 1  # bit of the note
_PSEUDONYM = re.compile(r"[pi][0-9a-f]{16}")
_COLOUR = 0.5  # of the images: from this share on, the data set is one of colour pictures


@dataclass(frozen=True)
class _Way:
    """How the table was matched: kept for the settings."""

    column: str
    key: str
    sha256: str


@dataclass(kw_only=True)
class Inhouse(Source):
    """Images of your own, as an archive or a hospital hands them over: DICOM, PNG, JPEG and TIFF, at any depth.

    No name, id, date, UID or path gets into the dataset folder: images and patients have keyed hashes for names. The
    key, and who is who, stay in the folder --private.
    """

    key: ClassVar[str] = "inhouse"
    bundle: ClassVar[str] = "nih_mse"
    advice: ClassVar[str] = (
        "Which files they are stands in excluded.csv of --private. Mend them, or allow a larger share with "
        "--max-missing (1 = any)."
    )

    images: Images
    private: Annotated[
        str, typer.Option(metavar="DIR", help="for the key and who is who: outside --images and --out, for your eyes")
    ]
    labels: Annotated[
        str | None, typer.Option(metavar="CSV", help="the labels table; without it, a folder for pretraining alone")
    ] = None
    label_columns: Annotated[
        list[str], typer.Option(metavar="NAME ...", help="columns of findings (yes/no), or one of classes")
    ] = field(default_factory=list)
    key_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="column that tells the image (default: found out)")
    ] = None
    key_is: Annotated[
        str | None, typer.Option(metavar="KIND", help=f"what it holds: {', '.join(KEYS)} (default: found out)")
    ] = None
    patient_column: Annotated[str | None, typer.Option(metavar="NAME", help="column of the patient's id")] = None
    site_column: Annotated[str | None, typer.Option(metavar="NAME", help="column of the hospital or device")] = None
    date_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="column of the date (default: that of the header)")
    ] = None
    covariates: Annotated[
        list[str], typer.Option(metavar="NAME ...", help="columns to hand on, such as sex and age")
    ] = field(default_factory=list)
    patient_folder: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="the patient is the name of the N-th folder below --images; headers are not asked"
        ),
    ] = None
    name: Annotated[str, typer.Option(metavar="TEXT", help="of the data set")] = "In-house images"
    size: Size = 512
    bits: Annotated[
        str, typer.Option(metavar="N", help="of the PNGs: 8, 16, or auto: 16 where 8 would flatten a picture")
    ] = "auto"
    channels: Annotated[
        str, typer.Option(metavar="N", help="1 (grey), 3 (colour), or auto: colour where a picture has colours")
    ] = "auto"
    frames: Annotated[
        str, typer.Option(metavar="WHICH", help="of several frames: first, middle, or all as images of one patient")
    ] = "middle"
    in_place: Annotated[
        bool, typer.Option("--in-place", help="refer to the originals; the folder then identifies patients")
    ] = False
    modality: Annotated[
        list[str], typer.Option(metavar="CS ...", help="DICOM: take these modalities alone, such as CR DX")
    ] = field(default_factory=list)
    body_part: Annotated[
        list[str], typer.Option(metavar="CS ...", help="DICOM: take these body parts alone, such as CHEST")
    ] = field(default_factory=list)
    view: Annotated[
        list[str], typer.Option(metavar="CS ...", help="DICOM: take these view positions alone, such as PA AP")
    ] = field(default_factory=list)
    keep_derived: Annotated[
        bool, typer.Option("--keep-derived", help="DICOM: take pictures whose header calls them derived")
    ] = False
    keep_secondary: Annotated[
        bool, typer.Option("--keep-secondary", help="DICOM: take secondary captures, such as screen shots")
    ] = False
    keep_burned_in: Annotated[
        bool, typer.Option("--keep-burned-in", help="take pictures that may show text: look at each of them first")
    ] = False
    rare: Annotated[
        int, typer.Option(metavar="N", help='values of fewer patients become "other" in all columns handed on')
    ] = 5
    min_match: Annotated[
        float, typer.Option(metavar="F", help="share of the rows, or of the images, that must match")
    ] = LEAST_MATCHED
    max_missing: Annotated[
        float, typer.Option(metavar="F", help="share of the images that may turn out to be unreadable")
    ] = 0.1
    report: bool = field(default=True, init=False)

    def __post_init__(self) -> None:
        self._way: _Way | None = None
        self._decisions: list[str] = []
        self._named: dict[str, Candidate] = {}
        self._label_kind = "none"
        self._sites: dict[str, str] = {}
        self._folder: PrivateFolder | None = None
        self._where: Callable[[str], str] = str

    def check(self) -> None:
        """Refuse options that are out of range or do not go together. No path is repeated."""
        super().check()
        if self.size < MIN_SIZE:
            raise RefusedError(f"--size is {self.size}; the shorter side must have at least {MIN_SIZE} pixels.")
        for option, value, choices in (
            ("--bits", self.bits, BITS),
            ("--channels", self.channels, CHANNELS),
            ("--frames", self.frames, FRAMES),
            ("--key-is", self.key_is or "file", tuple(KEYS)),
        ):
            if value not in choices:
                raise RefusedError(f"{option} is {value!r}; choose {', '.join(choices[:-1])} or {choices[-1]}.")
        check_share_option("--min-match", self.min_match)
        if self.rare < 0:
            raise RefusedError(f"--rare is {self.rare}; it is a number of patients, 0 to keep all values.")
        if self.patient_folder is not None and self.patient_folder < 1:
            raise RefusedError(f"--patient-folder is {self.patient_folder}; 1 is the first folder below --images.")
        needs = {
            "--label-columns": self.label_columns,
            "--key-column": self.key_column,
            "--key-is": self.key_is,
            "--patient-column": self.patient_column,
            "--site-column": self.site_column,
            "--date-column": self.date_column,
            "--covariates": self.covariates,
        }
        if self.labels is None and (given := [option for option, value in needs.items() if value]):
            raise RefusedError(f"{' and '.join(given)} need --labels, the table with these columns.")
        if self.labels is None and self.test_fraction is None and self.split_csv is None:
            self.test_fraction = 0.0  # there is nothing to test
        try:
            checked_out(self.out, self.images)
        except RefusedError:
            raise RefusedError("--out and --images lie inside one another; name another folder as --out.") from None

    def splitter(self) -> Splitter:
        """The given split, or an own draw; what a given table says is repeated nowhere but in the private log."""
        try:
            own = super().splitter()
        except RefusedError:
            raise
        except DatasetError as error:
            self._private().log(f"--split-csv: {error}")
            raise DatasetError("--split-csv cannot be used; private.log in --private says why.") from None
        if self.split_csv is not None:
            own.description = "given with --split-csv"
        return own

    def settings(self) -> dict[str, Any]:
        """All that decides which images are written and how."""
        names = (
            "label_columns", "patient_column", "site_column", "date_column", "covariates", "patient_folder", "name",
            "size", "bits", "channels", "frames", "in_place", "modality", "body_part", "view", "keep_derived",
            "keep_secondary", "keep_burned_in", "rare",
        )  # fmt: skip
        own = {name: getattr(self, name) for name in names}
        if self._way is not None:
            own |= {"key_column": self._way.column, "key_is": self._way.key, "labels_sha256": self._way.sha256}
        return {**own, "key_fingerprint": self._private().pseudonyms.key_fingerprint}

    def find(self) -> Found:
        """Look at every file, match them with the table and tell whose they are; no pixel is read."""
        with self._told_privately():
            return self._found()

    def _found(self) -> Found:
        private = self._private()
        tree = list_tree(self.images)
        seen = survey(tree.files, self.workers)
        stations = Stations(len(seen), {reason: len(files) for reason, files in tree.left_out.items()})
        stations.leave("Looked at by content", {p: own.fault for p, own in enumerate(seen) if own.fault is not None})
        stations.leave("Chosen by header", {p: why for p in stations.left if (why := self._unwanted(seen[p]))})
        several = repeated_instances([seen[p] for p in stations.left])
        copies: dict[str, list[str]] = {}
        for copy, stays in several.kept.items():
            copies.setdefault(seen[stations.left[stays]].file.key, []).append(seen[stations.left[copy]].file.key)
        stations.leave("Each instance once", {stations.left[place]: why for place, why in several.left_out.items()})
        if not stations.left:
            raise DatasetError(f"none of {len(seen)} files is an image that is wanted: {_counts(stations)}.")
        lines = [_counted(seen, tree.left_out)]

        table, rows = self._matched([seen[p] for p in stations.left], copies, lines)
        row_of = dict(zip(stations.left, rows, strict=True))
        patients = join_patients(
            [self._header_patient(seen[p]) for p in stations.left],
            [(row.patient or "") if row is not None else "" for row in rows],
        )
        patient_of = dict(zip(stations.left, patients.ids, strict=True))
        stations.leave(
            "Whose image it is", {p: why for p in stations.left if (why := _unclear(row_of[p], patient_of[p]))}
        )
        if not stations.left:
            raise DatasetError(
                f"of none of the images the patient is known: {_counts(stations)}. Give --patient-column, or "
                "--patient-folder where each patient has a folder."
            )
        _tell_patients(patients, lines)
        self._where = self._places(stations, seen, patients)

        candidates = self._named = self._candidates(stations, seen, row_of, patient_of)
        for reason, files in tree.left_out.items():
            for file in files:
                private.exclude(file.path, reason, private.pseudonyms.image(file.key))
        left_out: Exclusions = {
            reason: [private.pseudonyms.image(file.key) for file in files] for reason, files in tree.left_out.items()
        }
        for reason, places in stations.left_out.items():
            for place in places:
                private.exclude(seen[place].file.path, reason, private.pseudonyms.image(seen[place].file.key))
            left_out.setdefault(reason, []).extend(private.pseudonyms.image(seen[p].file.key) for p in places)
        labelled = {own.patient for own in candidates.values() if own.label is not None}
        for_pretraining = {
            name: "pretraining" for name, own in candidates.items() if table is not None and own.patient not in labelled
        }
        if table is not None and not labelled:
            raise DatasetError("no image has a label: every row that matches leaves it open.")
        if for_pretraining:
            lines.append(f"{len(for_pretraining)} images of patients without any label are for pretraining alone")
        if derived := len(stations.left_out.get(DERIVED, ())):
            self._decisions.append(
                f"{derived} pictures were left out because their header calls them derived. Many X-ray machines say so "
                "of the very picture that is read: look at some of them, and give --keep-derived if they are."
            )
        return Found(
            title=self.name,
            labels=table.labels.names if table is not None else (),
            candidates=candidates,
            left_out=left_out,
            columns=list(dict.fromkeys(column for own in candidates.values() for column in own.columns)),
            lines=lines,
            flow=stations.steps,
            splits=for_pretraining,
            decisions=self._decisions,
            identity=self._identity(),
            identified=self.in_place,
        )

    def _unwanted(self, own: Seen) -> str | None:
        header = own.header
        if header is None:
            return None
        wanted = HeaderFilter(self.modality, self.body_part, self.view, self.keep_derived, self.keep_secondary)
        if reason := wanted.reason(header):
            return reason
        told = declared_burned_in({"BurnedInAnnotation": header.burned_in, "SOPClassUID": header.sop_class})
        if told == DECLARED and not self.keep_burned_in:
            return DECLARED
        return NOT_REFERABLE if self.in_place and header.frames > 1 else None

    def _matched(
        self, files: Sequence[Seen], copies: Mapping[str, Sequence[str]], lines: list[str]
    ) -> tuple[LabelTable | None, list[TableRow | None]]:
        """Read the table and return the row of each file; says on the console how they fit."""
        if self.labels is None:
            return None, [None] * len(files)
        file = LabelFile(self.labels)
        table = LabelTable(
            file,
            TableOptions(self.label_columns, self.patient_column, self.site_column, self.date_column, self.covariates),
        )
        table.check_names(name_words(own.header.names for own in files if own.header is not None))
        index = FileIndex(
            [own.file.key for own in files],
            [own.header for own in files],
            [self._header_patient(own) for own in files],
            {place: copies[own.file.key] for place, own in enumerate(files) if own.file.key in copies},
        )
        named = file.find("--key-column", [self.key_column]) if self.key_column else None
        match, best = choose_match(file, index, named or [c for c in file.header if c not in table.used], self.key_is)
        check_match(file, index, match, best, self.min_match)
        groups: dict[tuple[int, ...], list[int]] = {}
        for place, own in enumerate(match.files):
            if own:
                groups.setdefault(own, []).append(place)
        rows: list[TableRow | None] = [None] * len(files)
        for own, places in groups.items():
            row = table.joined(places)
            for place in own:
                rows[place] = row
        content = hashlib.sha256(Path(self.labels).expanduser().read_bytes()).hexdigest()
        self._label_kind = table.labels.kind
        self._way = _Way(match.column, match.key, content)
        found_out = "" if self.key_column and self.key_is else " (found out)"
        lines += [f"labels table: {summary(match, index)}{found_out}", *unmatched(file, index, match)]
        if file.torn:
            lines.append(f"{_rows(file.torn)} have more cells than the header and were left out")
        if table.repeated:
            lines.append(f"{table.repeated} row(s) repeat another one")
        for what, numbers in table.contradictions.items():
            fate = "its images were left out" if what == "patient" else "it counts as not known"
            lines.append(f"{_rows(numbers)} contradict one another ({what}): {fate}")
        return table, rows

    def _header_patient(self, own: Seen) -> str:
        if self.patient_folder is None:
            return own.header.patient if own.header is not None else ""
        # Of several --images, the number of the folder comes before its path.
        folders = own.file.key.split("/")[:-1][len(self.images) > 1 :]
        return folders[self.patient_folder - 1] if len(folders) >= self.patient_folder else ""

    def _candidates(
        self,
        stations: Stations,
        seen: Sequence[Seen],
        row_of: Mapping[int, TableRow | None],
        patient_of: Mapping[int, str],
    ) -> dict[str, Candidate]:
        """Name the images, tell the private folder who is who, and make what is handed on coarse enough."""
        private = self._private()
        drafts: list[tuple[str, int, int | None]] = []
        for place in stations.left:
            own = seen[place]
            for frame in _frames(own, self.frames):
                text = own.file.key if self.frames != "all" or frame is None else f"{own.file.key}#{frame}"
                drafts.append((private.pseudonyms.image(text), place, frame))
        stations.add("Frames as images", len(drafts) - len(stations.left))
        pseudonym_of = {person: private.pseudonyms.patient(person) for person in {patient_of[p] for p in stations.left}}
        columns: dict[str, dict[str, Any]] = {}
        for name, place, _ in drafts:
            for column, value in self._columns(seen[place], row_of[place]).items():
                columns.setdefault(column, {})[name] = value
        columns, merged = banded(columns, {name: pseudonym_of[patient_of[p]] for name, p, _ in drafts}, self.rare)
        for column, count in sorted(merged.items()):
            self._decisions.append(
                f"{count} values of the column {column} with fewer than {self.rare} patients were put together as "
                f'"{OTHER}".'
            )
        private.add(
            [_mapping(name, seen[p], frame, row_of[p], pseudonym_of[patient_of[p]]) for name, p, frame in drafts]
        )
        candidates = {}
        for name, place, frame in drafts:
            own, row = seen[place], row_of[place]
            told = {column: values[name] for column, values in columns.items() if values.get(name) is not None}
            suffix = _suffix(own.kind) if self.in_place else ".png"
            candidates[name] = Candidate(
                name=name,
                source=own.file.path,
                target=f"images/{name}{suffix}",
                patient=pseudonym_of[patient_of[place]],
                label=row.label if row is not None else None,
                columns=told,
                vendor=str(told.get("vendor", "")),
                extra=frame,
            )
        return candidates

    def _columns(self, own: Seen, row: TableRow | None) -> dict[str, Any]:
        """What is handed on of a file, before rare values are put together; the table comes before the header."""
        told: dict[str, Any] = {}
        if own.header is not None:
            told["sex"] = own.header.sex if own.header.sex in ("F", "M", "O") else None
            told["age"] = age_in_years(own.header.age)
            told["view"] = known_term(own.header.view, VIEWS) or None
            told["vendor"] = vendor(own.header.manufacturer)
        if row is not None and row.site is not None:
            told["site"] = self._site(row.site)
        for name in self.covariates:
            told.pop(name.lower(), None)
        if row is not None:
            told |= row.covariates
        return {name: value for name, value in told.items() if value is not None}

    def write(self, candidate: Candidate, target: Path) -> Written:
        """Read one picture, look for text in it, and write it without metadata, or refer to its file."""
        try:
            with self._told_privately():
                return self._written(candidate, target)
        except Refused as reason:
            self._private().exclude(candidate.source, str(reason), candidate.name)
            raise

    def _written(self, candidate: Candidate, target: Path) -> Written:
        passed_over: set[str] = set()
        with refused_if_unreadable():
            picture = read_image(candidate.source, frame=candidate.extra, notes=passed_over)
        as_stored = picture
        if len(picture) == 3 and self.channels != "3" and (self.channels == "1" or _is_grey(picture)):
            picture = to_channels(picture, 1)
        elif self.channels == "3":
            picture = to_channels(picture, 3)
        if min(picture.shape[1:]) < MIN_SIZE:
            raise Refused(f"a side is shorter than {MIN_SIZE} pixels")
        if not self.keep_burned_in and has_text_like_border(picture):
            raise Refused(TEXT_LIKE)
        bits = picture_note(picture, passed_over)
        deep = len(picture) == 1 and (self.bits == "16" or (self.bits == "auto" and bool(bits & FLATTENED)))
        note = {
            "bits": bits + _SMALL * (min(picture.shape[1:]) < self.size),
            "levels": _levels(picture),
            "channels": len(picture),
            "written": 16 if deep else 8,
        }
        if self.in_place:
            refer_to(candidate.source, target)
            return Written(note, as_stored)
        return Written(note, write_picture(picture, target, self.size, 16 if deep else 8))

    def leave_out(self, notes: Mapping[str, Note]) -> Exclusions:
        """Copies of a picture, and one that is there under two patients."""
        out, names = Path(self.out).expanduser().resolve(), sorted(notes)
        if not names:
            return {}
        candidates = self._named
        prints = dataset_fingerprints(out, [str(out / candidates[name].target) for name in names], names, self.workers)

        order = {name: place for place, name in enumerate(candidates)}

        def rank(name: str) -> tuple[bool, bool, int]:
            own = candidates[name]  # a labelled one stays, then one with a header, then the first by path
            return own.label is None, not own.vendor, order[name]

        return same_pictures(names, {name: candidates[name].patient for name in names}, prints, rank)

    def lines(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """How many pictures are small, and in colour."""
        if small := sum(bool(bits_of(note) & _SMALL) for note in notes.values()):
            yield f"{small} images are smaller than {self.size} px and keep their size (nothing is enlarged)"
        colour = sum(_of(note, "channels") == 3 for note in notes.values())
        if 0 < colour < len(notes):
            yield f"{colour} of {len(notes)} images are in colour"
            self._decisions.append(
                f"{colour} of {len(notes)} images are in colour. Look at them: a coloured mark on a grey picture tells "
                "what a network should not learn. --channels 1 makes all of them grey."
            )

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
            self._decisions.append(
                f"{texts} pictures were left out because something near their border looks like text. Look at them "
                "(excluded.csv in the private folder); --keep-burned-in takes them all, names in the pixels too."
            )
        if self.keep_burned_in:
            self._decisions.append("Pictures that may show text were taken (--keep-burned-in): was each looked at?")

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """What the next steps must know of the images."""
        notes = [outcome.notes[name] for names in outcome.splits.values() for name in names]
        colour = sum(_of(note, "channels") == 3 for note in notes)
        return {
            "bits": max((_of(note, "written") for note in notes), default=8),
            "channels": 3 if colour >= _COLOUR * len(notes) else 1,
            "in_colour": colour,
            "size": self.size,
            "label_kind": self._label_kind,
            "identified": self.in_place,
            "smaller_than_size": sum(bool(bits_of(note) & _SMALL) for note in notes),
        }

    def print_end(self, outcome: Outcome) -> None:
        """Say how many images there are of what, what to look at, and what comes next."""
        print_table(outcome.images_with(), outcome.splits)
        for reason, names in outcome.exclusions.items():
            print(f"left out, {reason}: {len(names)}")
        print(
            "Which files were left out stands in excluded.csv of --private, who is who in its mapping.csv. report.html "
            "in the dataset folder accounts for every file: read it before anything is trained."
        )
        print_next(self.bundle, self.out)

    def listed(self, line: str) -> str:
        """Return the pseudonym of the image or patient that a line of --split-csv means."""
        if _PSEUDONYM.fullmatch(line.strip()):
            return line.strip()
        return self._where(line)

    def _places(self, stations: Stations, seen: Sequence[Seen], patients: Patients) -> Callable[[str], str]:
        """Make what tells the image or patient that a text means: a path, a file's name, a UID or an id."""
        private, files = self._private(), [seen[place] for place in stations.left]
        index = FileIndex([own.file.key for own in files], [own.header for own in files])

        def where(text: str) -> str:
            for key in ("sop", "file"):
                found = index.match("", [text], key).files[0]
                if len(found) == 1:
                    return private.pseudonyms.image(files[found[0]].file.key)
            person = normalised_patient(text)
            return private.pseudonyms.patient(patients.meant.get(person, person)) if person else ""

        return where

    def _site(self, name: str) -> str:
        if name not in self._sites:  # the private folder is asked once a name, not once an image
            self._sites[name] = self._private().site(name)
        return self._sites[name]

    def _identity(self) -> list[str]:
        """What was done so that no patient can be told, for the report."""
        if self.in_place:
            return ["The images are references to the originals: this folder identifies patients and is not handed on."]
        return [
            "Patients and images have keyed hashes for names; the key and who is who are in the private folder alone.",
            "The images were written anew from their pixels: no header, file name, UID, date or free text is left.",
            f'Ages of 90 and more are 90; values of fewer than {self.rare} patients in a column are "{OTHER}".',
            "Pictures whose header tells of burned-in text, screen captures, and pictures with something like text "
            "near their border were left out"
            + (", but that was switched off in part." if self.keep_burned_in or self.keep_secondary else "."),
        ]

    def _private(self) -> PrivateFolder:
        if self._folder is None:
            self._folder = PrivateFolder(self.private, [*self.images, self.out], dataset=os.path.abspath(self.out))
        return self._folder

    @contextmanager
    def _told_privately(self) -> Iterator[None]:
        """Keep the text of an unexpected error, which could hold a path or an id, from the console."""
        try:
            yield
        except (DatasetError, Refused, MemoryError, OSError):
            raise
        except Exception as error:
            self._private().log(traceback.format_exc())
            raise DatasetError(
                f"an unexpected error ({type(error).__name__}); its text is in private.log in --private. Please report "
                "it without names."
            ) from None


def _is_grey(picture: NDArray[np.float32]) -> bool:
    return bool((picture[0] == picture[1]).all() and (picture[1] == picture[2]).all())


def _levels(picture: NDArray[np.float32]) -> int:
    """Number of distinct values, of all channels together, told apart in steps of 1 / 65,535."""
    steps = np.rint(picture.ravel() * np.float32(65535)).astype(np.intp)
    return int(np.count_nonzero(np.bincount(steps)))


def _of(note: Note, key: str) -> int:
    return int(note[key]) if isinstance(note, dict) else 0


def _frames(own: Seen, which: str) -> list[int | None]:
    """The frames of a file that become images; None of one picture."""
    number = own.header.frames if own.header is not None else 1
    if number <= 1:
        return [None]
    return {"first": [0], "middle": [(number - 1) // 2], "all": list(range(number))}[which]  # type: ignore[return-value]


def _unclear(row: TableRow | None, patient: str) -> str | None:
    """Why it is not known whose image it is; None: it is."""
    if row is not None and row.fault is not None:
        return row.fault
    return None if patient else NO_PATIENT


def _mapping(name: str, own: Seen, frame: int | None, row: TableRow | None, patient: str) -> dict[str, str]:
    """A row of mapping.csv."""
    told = {"image": name, "patient": patient, "path": own.file.path, "frame": "" if frame is None else str(frame)}
    if (header := own.header) is not None:
        told |= {
            "patient_id": header.patient,
            "accession_number": header.accession,
            "study_instance_uid": header.study,
            "sop_instance_uid": header.sop,
            "date": "" if header.date is None else header.date.isoformat(),
        }
    if row is not None:
        told["patient_id"] = told.get("patient_id") or row.patient or ""
        told["date"] = told.get("date") or ("" if row.date is None else row.date.isoformat())
        told["site"] = row.site or ""
    return told


def _suffix(kind: str) -> str:
    return RASTER_SUFFIXES.get(kind, ".dcm")


def _counted(seen: Sequence[Seen], no_files: Mapping[str, Sequence[Any]]) -> str:
    kinds = Counter(own.kind.upper() if own.kind == "dicom" else own.kind for own in seen)
    links = sum(map(len, no_files.values()))
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"{len(seen)} files: {told}" + (f"; and {links} links, pipes or closed folders" if links else "")


def _counts(stations: Stations) -> str:
    return "; ".join(f"{reason}: {len(places)}" for reason, places in stations.left_out.items())


def _rows(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:6]))
    return f"row{'s' if len(numbers) > 1 else ''} {shown}" + (", ..." if len(numbers) > 6 else "")


def _tell_patients(patients: Patients, lines: list[str]) -> None:
    lines.append(f"{len(set(patients.ids) - {''})} patients")
    if patients.spellings:
        lines.append(f"{patients.spellings} patients are written in more than one way and were taken for one each")
    if patients.nobodies:
        lines.append(f"{patients.nobodies} ids of headers stand for many patients of the table and were passed over")
