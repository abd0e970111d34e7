"""Match the labels table, or the lines of a given split, with the files, and report how they fit."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data_prep.inhouse.file_index import FileIndex, Match
from data_prep.inhouse.identifying_text import name_words
from data_prep.inhouse.label_table import LabelTable, TableRow
from data_prep.inhouse.labels import Labels
from data_prep.inhouse.matching import check_match, choose_match, summary, unmatched
from data_prep.inhouse.patients import Patients
from data_prep.inhouse.pseudonyms import Pseudonyms, plain_id
from data_prep.inhouse.sentences import contradicting, say
from data_prep.inhouse.source_options import InhouseOptions
from data_prep.inhouse.survey import Seen
from data_prep.inhouse.table_file import LabelFile
from monai_mocoi.data.ages import OLDEST
from monai_mocoi.errors import DatasetError

_PSEUDONYM = re.compile(r"[pi][0-9a-f]{16}")


@dataclass(frozen=True)
class MatchedTable:
    """A table that fits."""

    labels: Labels
    rows: list[TableRow | None]  # of each file
    match: Match
    lines: list[str]  # for the console; rows are named by their numbers
    decisions: list[str]  # sentences for the report


def match_table(
    options: InhouseOptions,
    files: Sequence[Seen],
    patients: Sequence[str],
    copies: Mapping[str, Sequence[str]],
    others: Sequence[str] = (),
) -> MatchedTable:
    """Read the labels table and give each file its row; a table that does not fit is explained in a DatasetError.

    ``patients`` are ids by file, "" where not known; ``copies`` other files' keys, by the key of the one that stays;
    ``others`` keys of pictures that are left out.
    """
    file = LabelFile(options.labels or "")
    key_column = options.key_column
    table = LabelTable(file, options)
    headers = [own.header for own in files]
    table.check_names(name_words(header.names for header in headers if header is not None))
    keys = [own.file.key for own in files]
    of_copies = {n: copies[name] for n, name in enumerate(keys) if name in copies}
    index = FileIndex(keys, headers, patients, of_copies, others)
    columns = file.find("--key-column", [key_column]) if key_column else [c for c in file.header if c not in table.used]
    match, best = choose_match(file, index, columns, options.key_is, key_column is not None)
    check_match(file, index, match, best, options.min_match)
    groups: dict[tuple[int, ...], list[int]] = {}
    for place, own in enumerate(match.files):
        if own:
            groups.setdefault(own, []).append(place)
    rows: list[TableRow | None] = [None] * len(files)
    for own, places in groups.items():
        row = table.joined(places)
        for position in own:
            rows[position] = row
    table.check_told_apart(rows, patients)
    found_out = "" if key_column and options.key_is else " (found out)"
    fits = summary(match, index)
    lines = [f"labels table: {fits}{found_out}", *unmatched(file, index, match), *table.labels.lines]
    if file.torn:
        lines.append(f"{_rows(file.torn)} of the table with more cells than the header: left out")
    for name, numbers in table.no_ages.items():
        if numbers:
            lines.append(f"{_rows(numbers)} of the table with no age from 0 to {OLDEST} years in {name!r}: not known")
    if table.repeated:
        lines.append(f"{table.repeated} row(s) of the table repeat another one")
    for what, numbers in table.contradictions.items():
        fate = "its images are left out" if what == "patient" else "it counts as not known"
        lines.append(f"{_rows(numbers)} of the table contradict one another ({what}): {fate}")
    decisions = [*say("rows_matched", fits), *contradicting(table.contradictions)]
    return MatchedTable(table.labels, rows, match, lines, decisions)


def line_reader(
    files: Sequence[Seen], owners: Sequence[str], patients: Patients, pseudonyms: Pseudonyms
) -> Callable[[str], str]:
    """Return what turns a line of a given split (path, file name, UID or patient) into a pseudonym, or "".

    ``owners`` are the files' patients. A line that is both a patient and a file of another patient is a DatasetError.
    """
    index = FileIndex([own.file.key for own in files], [own.header for own in files])

    def meant(text: str) -> str:
        if _PSEUDONYM.fullmatch(text.strip()):
            return text.strip()
        person = plain_id(text)
        for key in ("sop", "file"):
            found = index.match("", [text], key).files[0]
            if len(found) != 1:
                continue
            if key == "file" and person in patients.meant:  # a file may be called like its patient
                if owners[found[0]] != patients.meant[person]:
                    raise DatasetError(
                        "--split-csv: a line is the id of a patient, and also the name of another patient's file. "
                        "Write files with their suffix or folders, and for patients the pseudonyms of mapping.csv in "
                        "--private."
                    )
                break
            return pseudonyms.image(files[found[0]].file.key)
        return pseudonyms.patient(patients.meant.get(person, text)) if person else ""

    return meant


def _rows(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:6]))
    return f"row{'s' if len(numbers) > 1 else ''} {shown}" + (", ..." if len(numbers) > 6 else "")
