"""``python -m data_prep inhouse``: a hospital's export and a labels table as a dataset folder without identities."""

from __future__ import annotations

import dataclasses
import os
import re
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_prep.account import Step
from data_prep.checks import check_left_out
from data_prep.holdout import hold_out_latest, hold_out_sites, latest_share, parse_test_from
from data_prep.inhouse.bands import OTHER, banded
from data_prep.inhouse.burned_in import TEXT_LIKE, has_text_like_border
from data_prep.inhouse.covariates import DIGITS
from data_prep.inhouse.drafts import Draft, frames_of
from data_prep.inhouse.export_tree import ExportFile, list_tree
from data_prep.inhouse.header_filter import DERIVED, HeaderFilter
from data_prep.inhouse.instances import repeated_instances
from data_prep.inhouse.label_table import TableOptions, TableRow
from data_prep.inhouse.matched_table import MatchedTable, match_table
from data_prep.inhouse.matching import FileIndex
from data_prep.inhouse.part import OTHER_PART, Part, part_record
from data_prep.inhouse.patients import NO_PATIENT, Patients, join_patients
from data_prep.inhouse.picture_file import refer_to, write_picture
from data_prep.inhouse.private_folder import PrivateFolder, check_place
from data_prep.inhouse.pseudonyms import plain_id
from data_prep.inhouse.same_pictures import same_pictures
from data_prep.inhouse.source_options import MIN_SIZE, InhouseOptions
from data_prep.inhouse.stations import Stations
from data_prep.inhouse.survey import CLOSED, Seen, survey
from data_prep.inhouse.table_file import LabelFile
from data_prep.last_steps import print_next
from data_prep.picture_notes import FLATTENED, bits_of, picture_note
from data_prep.record import Note, file_sha256
from data_prep.source import (
    UNREADABLE,
    Candidate,
    Exclusions,
    Found,
    Outcome,
    Refused,
    Written,
    refused_if_unreadable,
)
from data_prep.splitter import Splitter
from data_prep.summary import print_table
from monai_mocoi.data.columns import is_age
from monai_mocoi.data.errors import DatasetError, RefusedError
from monai_mocoi.data.expand_home import expand_home
from monai_mocoi.data.fingerprints import dataset_fingerprints
from monai_mocoi.own_command import command
from monai_mocoi.transforms.reader import read_image, to_channels

NOT_REFERABLE = "several frames in one file (--in-place refers to files of one picture)"

_SMALL = 1  # bit of the note
_PSEUDONYM = re.compile(r"[pi][0-9a-f]{16}")
_SITE_CODE = re.compile(r"site-[0-9a-f]{6}")
_AT_ONCE = 1000  # rows of mapping.csv
_COLOUR = 0.5  # of the images: from this share on, the data set is one of colour pictures


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
        self._place: dict[str, int] = {}  # in the order of the paths
        self._decisions: list[str] = []
        self._sites: dict[str, str] = {}
        self._kinds: dict[str, list[str]] = {}
        self._meant: Callable[[str], str] = str

    def check(self) -> None:
        """Refuse what cannot be used, before hours are spent on the headers of all files."""
        super().check()
        check_place(self.private, [*self.images, self.out])
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
            own["labels_hash"] = pseudonyms.setting(file_sha256(expand_home(self.labels)))
        own["test_site"] = [self._site(site) for site in self.test_site]
        own["test_from"] = None if self.test_from is None else pseudonyms.setting(self.test_from)
        return {**own, "key_fingerprint": pseudonyms.key_fingerprint}

    def find(self) -> Found:
        """Look at every file, match them with the table and tell whose they are; no pixel is read."""
        with self._told_privately():
            return self._found()

    def _found(self) -> Found:
        tree = list_tree(self.images)
        seen = survey(tree.files, self.workers)
        stations = Stations(len(seen), {reason: len(files) for reason, files in tree.left_out.items()})
        stations.leave("Looked at by content", {p: own.fault for p, own in enumerate(seen) if own.fault is not None})
        self._check_damaged(stations, seen)
        stations.leave("Chosen by header", {p: why for p in stations.left if (why := self._unwanted(seen[p]))})
        several = repeated_instances([seen[p] for p in stations.left])
        copies: dict[str, list[str]] = {}
        for copy, stays in several.kept.items():
            copies.setdefault(seen[stations.left[stays]].file.key, []).append(seen[stations.left[copy]].file.key)
        stations.leave("Each instance once", {stations.left[place]: why for place, why in several.left_out.items()})
        if not stations.left:
            raise DatasetError(f"none of {len(seen)} files is an image that is wanted: {_counts(stations)}.")

        files = [seen[p] for p in stations.left]
        told = [self._told_patient(own) for own in files]
        rows: list[TableRow | None] = [None] * len(files)
        lines = [_counted(seen, tree.left_out)]
        if self.labels is not None:
            columns = (self.label_columns, self.patient_column, self.site_column, self.date_column, self.covariates)
            self._table = match_table(
                self.labels, TableOptions(*columns), files, told, copies, self.key_column, self.key_is, self.min_match
            )
            rows = self._table.rows
            lines += self._table.lines
        patients = join_patients(told, [(row.patient or "") if row is not None else "" for row in rows])
        row_of, id_of = dict(zip(stations.left, rows, strict=True)), dict(zip(stations.left, patients.ids, strict=True))
        stations.leave("Whose image it is", {p: why for p in stations.left if (why := _unclear(row_of[p], id_of[p]))})
        if not stations.left:
            raise DatasetError(
                f"of none of the images the patient is known: {_counts(stations)}. Give --patient-column, or "
                "--patient-folder where each patient has a folder."
            )
        lines += _patient_lines(patients)
        if self.split_csv is not None:
            self._meant = self._finder([seen[p] for p in stations.left], patients)

        drafts = [draft for p in stations.left for draft in self._drafts(seen[p], row_of[p], id_of[p])]
        stations.add("Frames as images", len(drafts) - len(stations.left))
        left_out = self._tell_left_out(
            tree.left_out, {w: [seen[p].file for p in o] for w, o in stations.left_out.items()}
        )
        steps = stations.steps
        columns_of = self._columns(drafts)
        splits, drafts = self._held_out(drafts, left_out, lines, steps)
        splits = {**self._for_pretraining(drafts, lines), **splits}
        drafts = self._own_part(drafts, left_out, lines, steps)
        if self.part is not None and self.split_csv is None:
            splits = {**{draft.name: "training" for draft in drafts}, **splits}
        for first in range(0, len(drafts), _AT_ONCE):
            self._private().add([draft.mapping() for draft in drafts[first : first + _AT_ONCE]])
        self._place = {draft.name: place for place, draft in enumerate(drafts)}
        # By pseudonym: written in the order of their paths, the lines of the record and the times of the files would be
        # in the order of an alphabetical list of patients.
        drafts.sort(key=lambda draft: draft.name)
        self._candidates = {draft.name: self._candidate(draft, columns_of[draft.name]) for draft in drafts}
        self._decide(stations)
        return Found(
            title=self.name,
            labels=self._table.labels.names if self._table is not None else (),
            candidates=self._candidates,
            left_out=left_out,
            # Of all images, not of this part's alone: all parts have the same columns in the same order.
            columns=list(dict.fromkeys(column for own in columns_of.values() for column in own)),
            lines=lines,
            flow=steps,
            splits={name: split for name, split in splits.items() if name in self._candidates},
            decisions=self._decisions,
            identity=self._identity(),
            identified=self.in_place,
        )

    def _check_damaged(self, stations: Stations, seen: Sequence[Seen]) -> None:
        """Stop where too many pictures cannot be read by their headers already; the same limit as for pixels."""
        damaged = {why: own for why, own in stations.left_out.items() if why == CLOSED or why.startswith(UNREADABLE)}
        total = len(stations.left) + sum(map(len, damaged.values()))
        if sum(map(len, damaged.values())) > self.max_missing * total:
            names = self._tell_left_out({}, {why: [seen[p].file for p in own] for why, own in damaged.items()})
            check_left_out(names, total, self.max_missing, self.advice)

    def _unwanted(self, own: Seen) -> str | None:
        if (header := own.header) is None:
            return None
        wanted = HeaderFilter(
            self.modality, self.body_part, self.view, self.keep_derived, self.keep_secondary, self.keep_burned_in
        )
        if reason := wanted.reason(header):
            return reason
        return NOT_REFERABLE if self.in_place and header.frames > 1 else None

    def _told_patient(self, own: Seen) -> str:
        """The patient's id by the header, or by the folder where that is asked for."""
        if self.patient_folder is None:
            return own.header.patient if own.header is not None else ""
        # Of several --images, the number of the folder comes before its path.
        folders = own.file.key.split("/")[:-1][len(self.images) > 1 :]
        return folders[self.patient_folder - 1] if len(folders) >= self.patient_folder else ""

    def _drafts(self, own: Seen, row: TableRow | None, patient: str) -> Iterator[Draft]:
        pseudonyms = self._private().pseudonyms
        for frame in frames_of(own, self.frames):
            text = own.file.key if self.frames != "all" or frame is None else f"{own.file.key}#{frame}"
            yield Draft(pseudonyms.image(text), pseudonyms.patient(patient), own, row, frame)

    def _columns(self, drafts: Sequence[Draft]) -> dict[str, dict[str, Any]]:
        """What is handed on of each image, rare values put together."""
        columns: dict[str, dict[str, Any]] = {}
        for draft in drafts:
            for column, value in draft.columns(self.covariates, self._site).items():
                columns.setdefault(column, {})[draft.name] = value
        self._kinds = kinds_of(columns)
        columns, merged = banded(columns, {draft.name: draft.patient for draft in drafts}, self.rare)
        if numbers := self._kinds["numbers"]:
            self._decisions.append(
                f"The columns {', '.join(numbers)} hold numbers that are handed on. Does none of them tell who it is, "
                "and is none an age? (Ages above 89 become 90 where the name of the column says age, Alter, edad ...)"
            )
        for column, count in sorted(merged.items()):
            fate = (
                f'are together "{OTHER}"'
                if OTHER in columns[column].values()
                else f"were taken out, and count as not known: together too, they have fewer than {self.rare}"
            )
            self._decisions.append(
                f"{count} values of the column {column} with fewer than {self.rare} patients {fate}."
            )
        told: dict[str, dict[str, Any]] = {draft.name: {} for draft in drafts}
        for column, values in columns.items():
            for name, value in values.items():
                if value is not None:
                    told[name][column] = value
        return told

    def _held_out(
        self, drafts: list[Draft], left_out: Exclusions, lines: list[str], steps: list[Step]
    ) -> tuple[dict[str, str], list[Draft]]:
        """The images that a site or a date puts into the test split, and the drafts that stay."""
        patient_of = {draft.name: draft.patient for draft in drafts}
        if self.test_site:
            sites = {d.name: None if d.row is None or d.row.site is None else self._site(d.row.site) for d in drafts}
            held = hold_out_sites(sites, patient_of, [self._site(site) for site in self.test_site])
        elif self.test_from is not None:
            dates = {draft.name: draft.date for draft in drafts}
            first = parse_test_from(self.test_from)
            held = hold_out_latest(dates, patient_of, latest_share(dates, first) if isinstance(first, float) else first)
        else:
            return {}, drafts
        lines += held.lines
        self._leave("Held out for the test", held.left_out, drafts, left_out, steps)
        gone = {name for names in held.left_out.values() for name in names}
        for draft in drafts:
            if draft.name in gone:
                self._private().exclude(draft.seen.file.path, next(iter(held.left_out)), draft.name)
        return dict.fromkeys(held.test, "test"), [draft for draft in drafts if draft.name not in gone]

    def _own_part(self, drafts: list[Draft], left_out: Exclusions, lines: list[str], steps: list[Step]) -> list[Draft]:
        if self.part is None:
            return drafts
        part = Part.parse(self.part)
        others = [draft.name for draft in drafts if not part.holds(draft.patient)]
        self._leave(part.station, {OTHER_PART: others} if others else {}, drafts, left_out, steps)
        lines.append(f"part {part}: {len(drafts) - len(others)} of {len(drafts)} images")
        return [draft for draft in drafts if part.holds(draft.patient)]

    @staticmethod
    def _leave(
        step: str, gone: Mapping[str, list[str]], drafts: Sequence[Draft], left_out: Exclusions, steps: list[Step]
    ) -> None:
        steps.append(Step(step, len(drafts), {reason: len(names) for reason, names in gone.items()}))
        for reason, names in gone.items():
            left_out.setdefault(reason, []).extend(names)

    def _candidate(self, draft: Draft, columns: Mapping[str, Any]) -> Candidate:
        return Candidate(
            name=draft.name,
            source=draft.seen.file.path,
            target=f"images/{draft.name}{draft.suffix if self.in_place else '.png'}",
            patient=draft.patient,
            label=draft.row.label if draft.row is not None else None,
            columns=columns,
            vendor=str(columns.get("vendor", "")),
            extra=draft.frame,
        )

    def _for_pretraining(self, drafts: Sequence[Draft], lines: list[str]) -> dict[str, str]:
        """The images of patients of whom no image has a label."""
        if self._table is None:
            return {}
        labelled = {own.patient for own in drafts if own.row is not None and own.row.label is not None}
        if not labelled:
            raise DatasetError("no image has a label: every row that matches leaves it open.")
        others = [own.name for own in drafts if own.patient not in labelled]
        if others:
            lines.append(f"{len(others)} images of patients without any label are for pretraining alone")
        return dict.fromkeys(others, "pretraining")

    def _tell_left_out(
        self, no_files: Mapping[str, Sequence[ExportFile]], files: Mapping[str, Sequence[ExportFile]]
    ) -> Exclusions:
        """Tell the private folder what goes no further; returns the same by pseudonyms."""
        private = self._private()
        left_out: Exclusions = {}
        for reason, own in (*no_files.items(), *files.items()):
            for file in own:
                name = private.pseudonyms.image(file.key)
                private.exclude(file.path, reason, name)
                left_out.setdefault(reason, []).append(name)
        return left_out

    def _decide(self, stations: Stations) -> None:
        if derived := len(stations.left_out.get(DERIVED, ())):
            self._decisions.append(
                f"{derived} pictures were left out because their header calls them derived. Many X-ray machines say so "
                "of the very picture that is read: look at some of them, and give --keep-derived if they are."
            )
        if self._table is not None:
            labels = self._table.labels
            patients: dict[Any, set[str]] = {}
            for own in self._candidates.values():
                found = (
                    [n for n, value in enumerate(own.label) if value] if isinstance(own.label, list) else [own.label]
                )
                for label in found:
                    patients.setdefault(label, set()).add(own.patient)
            classes = {f"{name}: {word}" for name, words in labels.words.items() for word in words}
            few = [
                name
                for n, name in enumerate(labels.names)
                if 0 < len(patients.get(n, ())) < self.rare and (labels.kind == "single" or name in classes)
            ]
            if few:
                self._decisions.append(
                    f"{len(few)} classes have fewer than {self.rare} patients ({', '.join(few)}): they teach little, "
                    "and may tell who it is. Should they be joined with others, or left empty, in the table?"
                )
        if self._table is not None and self._table.match.key == "patient":
            self._decisions.append(
                "The table tells patients, so all images of a patient have the same label: is it so?"
            )

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
            return own.label is None, not own.vendor, self._place[name]

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
            return
        print(f"The dataset folder is ready: {self.out}")
        print("Next, a bundle of your own for it (begin with bch_mse for tissue, dr_mse for fundus photographs):")
        print(f"  {command('adapt', self.bundle, '--dataset', self.out, '--name', 'my_study')}")

    def listed(self, line: str) -> str:
        """Return the pseudonym of the image or patient that a line of --split-csv means."""
        if _PSEUDONYM.fullmatch(line.strip()):
            return line.strip()
        return self._meant(line)

    def _finder(self, files: Sequence[Seen], patients: Patients) -> Callable[[str], str]:
        """Make what tells the image or patient that a text means: a path, a file's name, a UID or an id."""
        pseudonyms = self._private().pseudonyms
        index = FileIndex([own.file.key for own in files], [own.header for own in files])

        def meant(text: str) -> str:
            for key in ("sop", "file"):
                found = index.match("", [text], key).files[0]
                if len(found) == 1:
                    return pseudonyms.image(files[found[0]].file.key)
            person = plain_id(text)
            return pseudonyms.patient(patients.meant.get(person, text)) if person else ""

        return meant

    def _site(self, name: str) -> str:
        """The code of a site, by its name or the code itself."""
        if _SITE_CODE.fullmatch(name.strip()):
            return name.strip()
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
            *self._coarser(),
            "Pictures whose header tells of burned-in text, screen captures, and pictures with something like text "
            "near their border were left out"
            + (", but that was switched off in part." if self.keep_burned_in or self.keep_secondary else "."),
        ]

    def _coarser(self) -> Iterator[str]:
        """What was done to the columns that are handed on."""
        ages, numbers, words = (", ".join(self._kinds[kind]) for kind in ("ages", "numbers", "words"))
        if ages:
            yield f"Ages of 90 and more are 90 (columns: {ages})."
        if numbers:
            yield f"Numbers were rounded to {DIGITS} significant digits, and nothing else (columns: {numbers})."
        if words and self.rare > 1:
            yield f'Words of fewer than {self.rare} patients in a column are "{OTHER}" or left out (columns: {words}).'

    def _private(self) -> PrivateFolder:
        if self._folder is None:
            self._folder = PrivateFolder(self.private, [*self.images, self.out], dataset=os.path.abspath(self.out))
        return self._folder

    @contextmanager
    def _told_privately(self) -> Iterator[None]:
        """Keep the text of an unexpected error, which could hold a path or an id, from the console."""
        try:
            yield
        except (DatasetError, Refused, MemoryError):
            raise
        except OSError as error:  # its text names the file; the number tells a full disk
            with suppress(OSError):
                self._private().log(traceback.format_exc())
            raise OSError(error.errno, f"{error.strerror}; private.log in --private says where") from None
        except Exception as error:
            self._private().log(traceback.format_exc())
            raise DatasetError(
                f"an unexpected error ({type(error).__name__}); its text is in private.log in --private. Please report "
                "it without names."
            ) from None


def kinds_of(columns: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the columns of "ages", of other "numbers", and of "words"; each sorted."""
    kinds: dict[str, list[str]] = {"ages": [], "numbers": [], "words": []}
    for name, values in sorted(columns.items()):
        numbers = all(isinstance(value, int | float) for value in values.values() if value is not None)
        kinds["ages" if is_age(name) else "numbers" if numbers else "words"].append(name)
    return kinds


def manifest_of_images(outcome: Outcome, size: int, label_kind: str, identified: bool) -> dict[str, Any]:
    """Return what the next steps must know of the images, for the manifest.

    Args:
        outcome: of the preparation.
        size: of the pictures, in pixels.
        label_kind: "single", "multi" or "none".
        identified: the images are references to the originals.
    """
    notes = [outcome.notes[name] for names in outcome.splits.values() for name in names]
    colour = sum(_of(note, "channels") == 3 for note in notes)
    return {
        "bits": max((_of(note, "written") for note in notes), default=8),
        "channels": 3 if colour >= _COLOUR * len(notes) else 1,
        "in_colour": colour,
        "size": size,
        "label_kind": label_kind,
        "identified": identified,
        "smaller_than_size": sum(bool(bits_of(note) & _SMALL) for note in notes),
    }


def _is_grey(picture: NDArray[np.float32]) -> bool:
    return bool((picture[0] == picture[1]).all() and (picture[1] == picture[2]).all())


def _levels(picture: NDArray[np.float32]) -> int:
    """Number of distinct values in every second row and column, told apart in steps of 1 / 65,535: for the report."""
    steps = (picture[:, ::2, ::2].ravel() * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    there = np.zeros(65536, dtype=bool)
    there[steps] = True
    return int(np.count_nonzero(there))


def _of(note: Note, key: str) -> int:
    return int(note[key]) if isinstance(note, dict) else 0


def _unclear(row: TableRow | None, patient: str) -> str | None:
    """Why it is not known whose image it is; None: it is."""
    if row is not None and row.fault is not None:
        return row.fault
    return None if patient else NO_PATIENT


def _counted(seen: Sequence[Seen], no_files: Mapping[str, Sequence[Any]]) -> str:
    kinds = Counter(own.kind.upper() if own.kind == "dicom" else own.kind for own in seen)
    links = sum(map(len, no_files.values()))
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    return f"{len(seen)} files: {told}" + (f"; and {links} links, pipes or closed folders" if links else "")


def _counts(stations: Stations) -> str:
    return "; ".join(f"{reason}: {len(places)}" for reason, places in stations.left_out.items())


def _patient_lines(patients: Patients) -> list[str]:
    lines = [f"{len(set(patients.ids) - {''})} patients"]
    if patients.spellings:
        lines.append(f"{patients.spellings} patients are written in more than one way and were taken for one each")
    if patients.nobodies:
        lines.append(f"{patients.nobodies} ids of headers stand for many patients of the table and were passed over")
    return lines
