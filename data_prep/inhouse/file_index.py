"""Index of an export's files by every key that a table can name them by: UID, path, accession number, patient."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.pseudonyms import normalised_patient, plain_id

KEYS = {  # what a column can name images by, in words; the most exact first
    "sop": "SOP instance UID",
    "file": "file path or name",
    "study": "study instance UID",
    "accession": "accession number",
    "patient": "patient id",
}


@dataclass(frozen=True)
class Match:
    """How a column fits the files."""

    column: str
    key: str  # one of KEYS
    files: list[tuple[int, ...]]  # of each row the positions of its files; empty where there is none
    several: int  # rows whose path or name fits several files, so that none is taken

    @property
    def rows(self) -> int:
        """Number of rows that name a file."""
        return sum(bool(own) for own in self.files)

    @property
    def pictures(self) -> int:
        """Number of files that have a row."""
        return len({file for own in self.files for file in own})

    @property
    def things(self) -> int:
        """Number of different things that its rows name: a column of 0 and 1 names two at most."""
        return len({own for own in self.files if own})

    def options(self) -> str:
        """Return the options that choose it."""
        return f"--key-column {self.column!r} --key-is {self.key}"

    def words(self) -> str:
        """Say by what it matches."""
        return f"column {self.column!r} as {KEYS[self.key]}"


class FileIndex:
    """The files by all their keys; without ``patients``, those of the headers count. ``copies`` are further paths."""

    def __init__(
        self,
        paths: Sequence[str],
        headers: Sequence[DicomHeader | None],
        patients: Sequence[str] | None = None,
        copies: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        self.count = len(paths)
        none = DicomHeader()
        own = [header or none for header in headers]
        self._values = {
            "sop": [header.sop for header in own],
            "file": list(paths),
            "study": [header.study for header in own],
            "accession": [header.accession for header in own],
            "patient": list(patients) if patients is not None else [header.patient for header in own],
        }
        self._by = {key: _index(self._values[key], normalised) for key, normalised in _NORMALISED.items()}
        self._whole: dict[str, list[int]] = defaultdict(list)
        self._tails: dict[str, list[int]] = defaultdict(list)
        others = ((file, path) for file, own in (copies or {}).items() for path in own)
        for file, path in (*enumerate(paths), *others):
            parts = path.casefold().split("/")
            for name in {parts[-1], os.path.splitext(parts[-1])[0]}:
                self._whole["/".join([*parts[:-1], name])].append(file)
                for first in range(len(parts)):
                    self._tails["/".join([*parts[first:-1], name])].append(file)

    def match(self, column: str, cells: Sequence[str], key: str) -> Match:
        """Match the cells of a column, one a row."""
        if key != "file":
            index, normalised = self._by[key], _NORMALISED[key]
            return Match(column, key, [index.get(normalised(cell), ()) for cell in cells], 0)
        found = [self._files(cell) for cell in cells]
        several = sum(len(own) > 1 for own in found)
        return Match(column, key, [own if len(own) == 1 else () for own in found], several)

    def values(self, key: str) -> list[str]:
        """Return the value of a key of each file."""
        return self._values[key]

    def _files(self, cell: str) -> tuple[int, ...]:
        """Files that a path means: either of the two is the end of the other, with or without suffix."""
        parts = [part for part in cell.replace("\\", "/").casefold().split("/") if part not in ("", ".")]
        if not parts:
            return ()
        names = dict.fromkeys((parts[-1], os.path.splitext(parts[-1])[0]))
        for name in names:  # as it is written first
            if files := self._tails.get("/".join([*parts[:-1], name])):
                return tuple(dict.fromkeys(files))
        for first in range(1, len(parts)):  # folders of another machine before it
            for name in names:
                if files := self._whole.get("/".join([*parts[first:-1], name])):
                    return tuple(dict.fromkeys(files))
        return ()


def _index(values: Sequence[str], normalised: Callable[[str], str]) -> dict[str, tuple[int, ...]]:
    files: dict[str, list[int]] = defaultdict(list)
    for file, value in enumerate(values):
        if own := normalised(value):
            files[own].append(file)
    return {value: tuple(own) for value, own in files.items()}


# Accession numbers lose leading zeros, or become decimals, in the same tables as patients' ids.
_NORMALISED: dict[str, Callable[[str], str]] = {
    "sop": lambda uid: uid.strip(" \0"),
    "study": lambda uid: uid.strip(" \0"),
    "accession": normalised_patient,
    "patient": plain_id,
}
