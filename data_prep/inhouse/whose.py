"""Find out whose image each file is, and what the labels table says of it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from data_prep.inhouse.drafts import Draft, frames_of
from data_prep.inhouse.label_table import TableRow
from data_prep.inhouse.matched_table import MatchedTable, line_reader, match_table
from data_prep.inhouse.patients import NO_PATIENT, join_patients
from data_prep.inhouse.pseudonyms import Pseudonyms
from data_prep.inhouse.sentences import patients_found, reasons
from data_prep.inhouse.source_options import InhouseOptions
from data_prep.inhouse.survey import Seen
from data_prep.inhouse.wanted_files import Stations
from monai_mocoi.errors import DatasetError


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
    """Match the files with the table, and leave out those of nobody.

    ``copies`` has the keys of other files with the same instance, by the key of the one that stays. A table that does
    not fit, or no image with a known patient, is a DatasetError.
    """
    places = list(stations.left)
    files = [seen[p] for p in places]
    given = [_given_patient(own, options) for own in files]
    table = match_table(options, files, given, copies) if options.labels is not None else None
    rows: Sequence[TableRow | None] = table.rows if table is not None else [None] * len(files)
    patients = join_patients(given, [(row.patient or "") if row is not None else "" for row in rows])
    of_place = dict(zip(places, zip(rows, patients.ids, strict=True), strict=True))
    unclear = {p: NO_PATIENT for p, (_, patient) in of_place.items() if not patient}
    unclear |= {p: row.fault for p, (row, _) in of_place.items() if row is not None and row.fault is not None}
    stations.leave("Whose image it is", unclear)
    if not stations.left:
        raise DatasetError(
            f"no image has a known patient: {reasons(stations.left_out)}. Give --patient-column, or --patient-folder "
            "where each patient has a folder."
        )
    meant: Callable[[str], str] = str
    if options.split_csv is not None:
        meant = line_reader([seen[p] for p in stations.left], patients, pseudonyms)
    drafts = [draft for p in stations.left for draft in _drafts(seen[p], *of_place[p], options.frames, pseudonyms)]
    lines = [*(table.lines if table is not None else ()), *patients_found(patients)]
    return Owned(drafts, table, meant, lines)


def _given_patient(own: Seen, options: InhouseOptions) -> str:
    """The patient's id by the header, or by the folder where that is asked for."""
    number = options.patient_folder
    if number is None:
        return own.header.patient if own.header is not None else ""
    # Of several folders with images, the number of the folder comes before the path.
    folders = own.file.key.split("/")[:-1][len(options.images) > 1 :]
    return folders[number - 1] if len(folders) >= number else ""


def _drafts(own: Seen, row: TableRow | None, patient: str, which: str, pseudonyms: Pseudonyms) -> Iterator[Draft]:
    for frame in frames_of(own, which):
        text = own.file.key if which != "all" or frame is None else f"{own.file.key}#{frame}"
        yield Draft(pseudonyms.image(text), pseudonyms.patient(patient), own, row, frame)
