"""From an export and its table to the images to be. Every file goes on or is left out for a reason; none is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from data_prep.account import Step
from data_prep.checks import check_left_out
from data_prep.inhouse.decided_splits import Decided, for_pretraining, held_out, own_part
from data_prep.inhouse.drafts import Draft, frames_of
from data_prep.inhouse.export_tree import ExportFile, ExportTree, list_tree
from data_prep.inhouse.handed_on import HandedOn, hand_on
from data_prep.inhouse.header_filter import DERIVED, HeaderFilter
from data_prep.inhouse.instances import repeated_instances
from data_prep.inhouse.label_table import TableOptions, TableRow
from data_prep.inhouse.matched_table import MatchedTable, match_table
from data_prep.inhouse.part import Part
from data_prep.inhouse.patients import NO_PATIENT, join_patients
from data_prep.inhouse.private_folder import PrivateFolder
from data_prep.inhouse.sentences import (
    BY_PATIENT,
    REFERENCES,
    derived,
    few_classes,
    files_found,
    patients_found,
    protection,
    reasons,
    without_patient,
)
from data_prep.inhouse.site_codes import SiteCodes
from data_prep.inhouse.source_options import InhouseOptions
from data_prep.inhouse.split_lines import line_reader
from data_prep.inhouse.stations import Stations
from data_prep.inhouse.survey import CLOSED, Seen, survey
from data_prep.source import UNREADABLE, Candidate, Exclusions, Found
from monai_mocoi.errors import DatasetError

NOT_REFERABLE = "several frames in one file (--in-place refers to files of one picture)"

_AT_ONCE = 1000  # rows of mapping.csv


@dataclass(frozen=True)
class Finding:
    """What was found.

    Attributes:
        found: for the preparation.
        table: that the files were matched with; None: there is none.
        places: of the images in the order of their paths, by name.
        meant: tells the pseudonym that a line of a given split means.
    """

    found: Found
    table: MatchedTable | None
    places: dict[str, int]
    meant: Callable[[str], str]


def find_images(options: InhouseOptions, private: PrivateFolder) -> Finding:
    """Look at every file, match them with the table and tell whose they are.

    Args:
        options: of the command.
        private: gets who is who, and what is left out.

    Raises:
        RefusedError: a folder, column or site is not there.
        DatasetError: the table does not fit, or there is nothing to prepare, or too much is damaged.
    """
    return _Search(options, private).run()


class _Search:
    def __init__(self, options: InhouseOptions, private: PrivateFolder) -> None:
        self._options, self._private = options, private
        self._code = SiteCodes(private)
        self._table: MatchedTable | None = None
        self._meant: Callable[[str], str] = str
        self._lines: list[str] = []

    def run(self) -> Finding:
        options = self._options
        tree = list_tree(options.images)
        seen = survey(tree.files, options.workers)
        self._lines.append(files_found(seen, tree.left_out))
        stations = Stations(len(seen), {reason: len(files) for reason, files in tree.left_out.items()})
        copies = self._wanted(stations, seen)
        drafts = self._whose(stations, seen, copies)
        stations.add("Frames as images", len(drafts) - len(stations.left))
        left_out = self._tell_left_out(tree, stations, seen)
        columns = hand_on(drafts, options.covariates, self._code, options.rare)
        drafts, splits = self._decided(drafts, left_out, stations.steps)
        for first in range(0, len(drafts), _AT_ONCE):
            self._private.add([draft.mapping() for draft in drafts[first : first + _AT_ONCE]])
        places = {draft.name: place for place, draft in enumerate(drafts)}
        # By pseudonym: written in the order of their paths, the lines of the record and the times of the files would be
        # in the order of an alphabetical list of patients.
        drafts.sort(key=lambda draft: draft.name)
        candidates = {draft.name: self._candidate(draft, columns.of_image[draft.name]) for draft in drafts}
        found = Found(
            title=options.name,
            labels=self._table.labels.names if self._table is not None else (),
            candidates=candidates,
            left_out=left_out,
            columns=columns.columns,  # of all images, not of this part's alone: all parts have the same in one order
            lines=self._lines,
            flow=stations.steps,
            splits={name: split for name, split in splits.items() if name in candidates},
            decisions=[*columns.decisions, *self._decisions(stations, candidates)],
            identity=self._identity(columns),
            identified=options.in_place,
        )
        return Finding(found, self._table, places, self._meant)

    def _wanted(self, stations: Stations, seen: Sequence[Seen]) -> dict[str, list[str]]:
        """Leave out what is not wanted; returns the keys of copies by that of the file that stays."""
        stations.leave("Looked at by content", {p: own.fault for p, own in enumerate(seen) if own.fault is not None})
        self._check_damaged(stations, seen)
        self._filter().check(header for p in stations.left if (header := seen[p].header) is not None)
        stations.leave("Chosen by header", {p: why for p in stations.left if (why := self._unwanted(seen[p]))})
        several = repeated_instances([seen[p] for p in stations.left])
        copies: dict[str, list[str]] = {}
        for copy, stays in several.kept.items():
            copies.setdefault(seen[stations.left[stays]].file.key, []).append(seen[stations.left[copy]].file.key)
        stations.leave("Each instance once", {stations.left[place]: why for place, why in several.left_out.items()})
        if not stations.left:
            raise DatasetError(f"none of {len(seen)} files is an image that is wanted: {reasons(stations.left_out)}.")
        return copies

    def _check_damaged(self, stations: Stations, seen: Sequence[Seen]) -> None:
        """Stop where too many pictures cannot be read by their headers already; the same limit as for pixels."""
        damaged = {why: own for why, own in stations.left_out.items() if why == CLOSED or why.startswith(UNREADABLE)}
        total = len(stations.left) + sum(map(len, damaged.values()))
        if sum(map(len, damaged.values())) > self._options.max_missing * total:
            names = {why: [self._tell(seen[p].file, why) for p in own] for why, own in damaged.items()}
            check_left_out(names, total, self._options.max_missing, self._options.advice)

    def _unwanted(self, own: Seen) -> str | None:
        if (header := own.header) is None:
            return None
        if reason := self._filter().reason(header):
            return reason
        return NOT_REFERABLE if self._options.in_place and header.frames > 1 else None

    def _filter(self) -> HeaderFilter:
        options = self._options
        return HeaderFilter(
            options.modality,
            options.body_part,
            options.view,
            options.keep_derived,
            options.keep_secondary,
            options.keep_burned_in,
        )

    def _whose(self, stations: Stations, seen: Sequence[Seen], copies: Mapping[str, Sequence[str]]) -> list[Draft]:
        """Match the files with the table and tell whose they are."""
        options = self._options
        files = [seen[p] for p in stations.left]
        told = [self._told_patient(own) for own in files]
        rows: list[TableRow | None] = [None] * len(files)
        if options.labels is not None:
            names = (
                options.label_columns,
                options.patient_column,
                options.site_column,
                options.date_column,
                options.covariates,
            )
            how = (options.key_column, options.key_is, options.min_match)
            self._table = match_table(options.labels, TableOptions(*names), files, told, copies, *how)
            rows = self._table.rows
            self._lines += self._table.lines
        patients = join_patients(told, [(row.patient or "") if row is not None else "" for row in rows])
        row_of, id_of = dict(zip(stations.left, rows, strict=True)), dict(zip(stations.left, patients.ids, strict=True))
        stations.leave("Whose image it is", {p: why for p in stations.left if (why := _unclear(row_of[p], id_of[p]))})
        if not stations.left:
            raise DatasetError(
                f"of none of the images the patient is known: {reasons(stations.left_out)}. Give --patient-column, or "
                "--patient-folder where each patient has a folder."
            )
        self._lines += patients_found(patients)
        if options.split_csv is not None:
            self._meant = line_reader([seen[p] for p in stations.left], patients, self._private.pseudonyms)
        return [draft for p in stations.left for draft in self._drafts(seen[p], row_of[p], id_of[p])]

    def _told_patient(self, own: Seen) -> str:
        """The patient's id by the header, or by the folder where that is asked for."""
        number = self._options.patient_folder
        if number is None:
            return own.header.patient if own.header is not None else ""
        # Of several --images, the number of the folder comes before its path.
        folders = own.file.key.split("/")[:-1][len(self._options.images) > 1 :]
        return folders[number - 1] if len(folders) >= number else ""

    def _drafts(self, own: Seen, row: TableRow | None, patient: str) -> Iterator[Draft]:
        pseudonyms = self._private.pseudonyms
        for frame in frames_of(own, self._options.frames):
            text = own.file.key if self._options.frames != "all" or frame is None else f"{own.file.key}#{frame}"
            yield Draft(pseudonyms.image(text), pseudonyms.patient(patient), own, row, frame)

    def _tell_left_out(self, tree: ExportTree, stations: Stations, seen: Sequence[Seen]) -> Exclusions:
        """Tell the private folder what goes no further; returns the same by pseudonyms."""
        left_out = {reason: [self._tell(file, reason) for file in files] for reason, files in tree.left_out.items()}
        for reason, places in stations.left_out.items():
            left_out.setdefault(reason, []).extend(self._tell(seen[p].file, reason) for p in places)
        return left_out

    def _tell(self, file: ExportFile, reason: str) -> str:
        name = self._private.pseudonyms.image(file.key)
        self._private.exclude(file.path, reason, name)
        return name

    def _decided(
        self, drafts: list[Draft], left_out: Exclusions, steps: list[Step]
    ) -> tuple[list[Draft], dict[str, str]]:
        """The images that go on, and the split of those whose split is not drawn."""
        options = self._options
        decided = held_out(drafts, options.test_site, options.test_from, self._code)
        splits = decided.splits
        for draft in self._go_on(drafts, decided, left_out, steps):
            self._private.exclude(draft.seen.file.path, next(iter(decided.left_out)), draft.name)
        drafts = decided.drafts
        if self._table is not None:
            decided = for_pretraining(drafts)
            self._go_on(drafts, decided, left_out, steps)
            splits = {**decided.splits, **splits}
        if options.part is not None:
            decided = own_part(drafts, Part.parse(options.part))
            self._go_on(drafts, decided, left_out, steps)
            drafts = decided.drafts
            if options.split_csv is None:  # the join draws
                splits = {**{draft.name: "training" for draft in drafts}, **splits}
        return drafts, splits

    def _go_on(self, drafts: Sequence[Draft], decided: Decided, left_out: Exclusions, steps: list[Step]) -> list[Draft]:
        """Take up what was decided; returns the images that are left out by it."""
        self._lines += decided.lines
        if decided.step:
            steps.append(Step(decided.step, len(drafts), {w: len(names) for w, names in decided.left_out.items()}))
        for reason, names in decided.left_out.items():
            left_out.setdefault(reason, []).extend(names)
        gone = {name for names in decided.left_out.values() for name in names}
        return [draft for draft in drafts if draft.name in gone]

    def _candidate(self, draft: Draft, columns: Mapping[str, Any]) -> Candidate:
        return Candidate(
            name=draft.name,
            source=draft.seen.file.path,
            target=f"images/{draft.name}{draft.suffix if self._options.in_place else '.png'}",
            patient=draft.patient,
            label=draft.row.label if draft.row is not None else None,
            columns=columns,
            vendor=str(columns.get("vendor", "")),
            extra=draft.frame,
        )

    def _decisions(self, stations: Stations, candidates: Mapping[str, Candidate]) -> Iterator[str]:
        if count := len(stations.left_out.get(DERIVED, ())):
            yield derived(count)
        if count := len(stations.left_out.get(NO_PATIENT, ())):
            yield without_patient(count)
        if self._table is not None:
            yield from self._table.decisions
            yield from few_classes(self._table.labels, candidates.values(), self._options.rare)
            if self._table.match.key == "patient":
                yield BY_PATIENT

    def _identity(self, columns: HandedOn) -> list[str]:
        options = self._options
        if options.in_place:
            return [REFERENCES]
        return protection(columns.sentences(options.rare), not (options.keep_burned_in or options.keep_secondary))


def _unclear(row: TableRow | None, patient: str) -> str | None:
    """Why it is not known whose image it is; None: it is."""
    if row is not None and row.fault is not None:
        return row.fault
    return None if patient else NO_PATIENT
