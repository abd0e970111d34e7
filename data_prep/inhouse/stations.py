"""The stations of an export's files: which are wanted, by content, header and instance, and whose they are."""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from data_prep.account import Step
from data_prep.candidates import UNREADABLE
from data_prep.inhouse.copies import repeated_instances
from data_prep.inhouse.drafts import Draft, frames_of
from data_prep.inhouse.export_tree import ExportFile
from data_prep.inhouse.header_filter import check_any_wanted, why_unwanted
from data_prep.inhouse.label_table import TableRow
from data_prep.inhouse.matched_table import MatchedTable, line_reader, match_table
from data_prep.inhouse.patients import NO_PATIENT, join_patients
from data_prep.inhouse.pseudonyms import Pseudonyms
from data_prep.inhouse.sentences import patients_found, reasons
from data_prep.inhouse.source_options import InhouseOptions
from data_prep.inhouse.survey import CLOSED, RASTER_SUFFIXES, Seen
from data_prep.source import check_left_out
from monai_mocoi.errors import DatasetError
from monai_mocoi.transforms.file_kinds import PICTURE_SUFFIXES


class Stations:
    """Counts files from station to station; ``before`` are those that cannot be read, left out at the first one."""

    def __init__(self, entered: int, before: Mapping[str, int]) -> None:
        self.steps: list[Step] = []
        self.left_out: dict[str, list[int]] = {}  # positions by reason, over all stations
        self.left = list(range(entered))  # positions of the files that are still on their way, in order
        self._before = dict(before)

    def leave(self, name: str, reasons: Mapping[int, str]) -> None:
        """Add a station; ``reasons`` says by position why a file goes no further."""
        entered = len(self.left) + sum(self._before.values())
        counts = Counter(self._before)
        self._before = {}
        for place in (place for place in self.left if place in reasons):
            self.left_out.setdefault(reasons[place], []).append(place)
            counts[reasons[place]] += 1
        self.left = [place for place in self.left if place not in reasons]
        self.steps.append(Step(name, entered, dict(sorted(counts.items()))))

    def add(self, name: str, more: int) -> None:
        """Add a station at which files become several images."""
        self.steps.append(Step(name, len(self.left), {}, more))


NOT_REFERABLE = "several frames in one file (--in-place refers to files of one picture)"


def choose_files(
    stations: Stations, seen: Sequence[Seen], options: InhouseOptions, tell: Callable[[ExportFile, str], str]
) -> dict[str, list[str]]:
    """Leave out what is not wanted; return the keys of copies, by that of the file that stays."""
    stations.leave("Looked at by content", {p: own.fault for p, own in enumerate(seen) if own.fault is not None})
    _check_damaged(stations, seen, options, tell)
    headers = {p: header for p in stations.left if (header := seen[p].header) is not None}
    check_any_wanted(headers.values(), options)
    unwanted = {p: why for p, header in headers.items() if (why := why_unwanted(header, options))}
    if options.in_place:
        several = {p: NOT_REFERABLE for p, header in headers.items() if header.frames > 1}
        unwanted = {**several, **unwanted}
    stations.leave("Chosen by header", unwanted)
    came = list(stations.left)
    repeated = repeated_instances([seen[p] for p in came], [_given_patient(seen[p], options) for p in came])
    copies: dict[str, list[str]] = {}
    for copy, stays in repeated.kept.items():
        copies.setdefault(seen[came[stays]].file.key, []).append(seen[came[copy]].file.key)
    stations.leave("Each instance once", {came[place]: why for place, why in repeated.left_out.items()})
    if not stations.left:
        raise DatasetError(f"none of {len(seen)} files is an image that is wanted: {reasons(stations.left_out)}.")
    return copies


def _check_damaged(
    stations: Stations, seen: Sequence[Seen], options: InhouseOptions, tell: Callable[[ExportFile, str], str]
) -> None:
    """Stop where too many pictures cannot be read by their headers already; the same limit as for pixels."""
    damaged = {why: own for why, own in stations.left_out.items() if why == CLOSED or why.startswith(UNREADABLE)}
    bad = sum(map(len, damaged.values()))
    if bad > options.max_missing * (len(stations.left) + bad):
        names = {why: [tell(seen[p].file, why) for p in own] for why, own in damaged.items()}
        check_left_out(names, len(stations.left) + bad, options.max_missing, options.advice)


class Owned(NamedTuple):
    """The images of known patients."""

    drafts: list[Draft]
    table: MatchedTable | None  # that the files were matched with
    meant: Callable[[str], str]  # returns the pseudonym that a line of a given split means
    lines: list[str]  # for the console


def find_owners(
    stations: Stations,
    seen: Sequence[Seen],
    copies: Mapping[str, Sequence[str]],
    options: InhouseOptions,
    pseudonyms: Pseudonyms,
) -> Owned:
    """Match the files with the table, and leave out those of nobody; ``copies`` are those of :func:`choose_files`."""
    places = list(stations.left)
    files = [seen[p] for p in places]
    given = [_given_patient(own, options) for own in files]
    known = {*(own.file.key for own in files), *(key for keys in copies.values() for key in keys)}
    others = [own.file.key for own in seen if _is_picture(own) and own.file.key not in known]
    table = match_table(options, files, given, copies, others) if options.labels is not None else None
    rows: Sequence[TableRow | None] = table.rows if table is not None else [None] * len(files)
    patients = join_patients(given, [(row.patient or "") if row is not None else "" for row in rows])
    folders = given if options.patient_folder is not None else [""] * len(files)
    of_place = dict(zip(places, zip(rows, patients.ids, folders, strict=True), strict=True))
    unclear = {p: NO_PATIENT for p, (_, patient, _) in of_place.items() if not patient}
    unclear |= {p: row.fault for p, (row, *_) in of_place.items() if row is not None and row.fault is not None}
    stations.leave("Whose image it is", unclear)
    if not stations.left:
        raise DatasetError(
            f"no image has a known patient: {reasons(stations.left_out)}. Give --patient-column, or --patient-folder "
            "where each patient has a folder."
        )
    meant: Callable[[str], str] = str
    if options.split_csv is not None:
        owners = [of_place[p][1] for p in stations.left]
        meant = line_reader([seen[p] for p in stations.left], owners, patients, pseudonyms)
    drafts = []
    for own, (row, patient, folder) in ((seen[p], of_place[p]) for p in stations.left):
        for frame in frames_of(own, options.frames):
            text = own.file.key if options.frames != "all" or frame is None else f"{own.file.key}#{frame}"
            drafts.append(Draft(pseudonyms.image(text), pseudonyms.patient(patient), own, row, frame, folder))
    lines = [*(table.lines if table is not None else ()), *patients_found(patients)]
    return Owned(drafts, table, meant, lines)


def _is_picture(own: Seen) -> bool:
    """Whether a file is a picture by its content, or by its suffix where nothing is left of its content."""
    suffix = os.path.splitext(own.file.key)[1].lower()
    return own.kind in (*RASTER_SUFFIXES, "dicom") or suffix in PICTURE_SUFFIXES


def _given_patient(own: Seen, options: InhouseOptions) -> str:
    """The patient's id by the header, or by the folder where that is asked for."""
    number = options.patient_folder
    if number is None:
        return own.header.patient if own.header is not None else ""
    # Of several folders with images, the number of the folder comes before the path.
    folders = own.file.key.split("/")[:-1][len(options.images) > 1 :]
    return folders[number - 1] if len(folders) >= number else ""
