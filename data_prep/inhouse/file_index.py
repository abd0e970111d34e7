"""Index of an export's files by every key that a table can name them by: UID, path, accession number, patient."""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.pseudonyms import names_nobody, normalised_patient, plain_id
from monai_mocoi.transforms.file_kinds import PICTURE_SUFFIXES

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
    """The files by all their keys; without ``patients``, those of the headers count.

    ``copies`` are further paths of a file. ``others`` are paths of pictures that are left out: a name that one of them
    has too does not mean a file for certain.
    """

    def __init__(
        self,
        paths: Sequence[str],
        headers: Sequence[DicomHeader | None],
        patients: Sequence[str] | None = None,
        copies: Mapping[int, Sequence[str]] | None = None,
        others: Sequence[str] = (),
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
        further = ((file, path) for file, own in (copies or {}).items() for path in own)
        for file, path in (*enumerate((*paths, *others)), *further):
            parts = path.casefold().split("/")
            for name in _names(parts[-1]):
                self._whole["/".join([*parts[:-1], name])].append(file)
                for first in range(len(parts)):
                    self._tails["/".join([*parts[first:-1], name])].append(file)

    def match(self, column: str, cells: Sequence[str], key: str) -> Match:
        """Match the cells of a column, one a row."""
        if key != "file":
            index, normalised = self._by[key], _NORMALISED[key]
            return Match(column, key, [index.get(normalised(cell), ()) for cell in cells], 0)
        found = [self._files(cell) for cell in cells]
        before: dict[str, set[str]] = defaultdict(set)
        for own, name, folders in found:
            if own and folders:
                before[name].add(folders)
        # The table has more folders than those that are given: north/1.png and south/1.png would both be 1.png.
        more_folders = any(len(folders) > 1 for folders in before.values())
        unclear = [len(own) > 1 or (more_folders and folders != "") for own, _, folders in found]
        files = [
            () if several or not own or own[0] >= self.count else own
            for (own, *_), several in zip(found, unclear, strict=True)
        ]
        return Match(column, key, files, sum(unclear))

    def values(self, key: str) -> list[str]:
        """Return the value of a key of each file."""
        return self._values[key]

    def _files(self, cell: str) -> tuple[tuple[int, ...], str, str]:
        """Files that a path means, the part of the path that means them, and its folders before that part.

        Either of the two paths is the end of the other, with or without suffix.
        """
        parts = [part for part in cell.replace("\\", "/").casefold().split("/") if part not in ("", ".")]
        if not parts:
            return (), "", ""
        names = _names(parts[-1])
        for name in names:  # as it is written first
            if files := self._tails.get("/".join([*parts[:-1], name])):
                return tuple(dict.fromkeys(files)), "/".join(parts), ""
        for first in range(1, len(parts)):  # folders of another machine before it
            for name in names:
                if files := self._whole.get("/".join([*parts[first:-1], name])):
                    return tuple(dict.fromkeys(files)), "/".join(parts[first:]), "/".join(parts[:first])
        return (), "", ""


def _names(name: str) -> list[str]:
    """A file's name in small letters, and that without the suffix of a picture; a UID's last number is no suffix."""
    stem, suffix = os.path.splitext(name)
    return [name, stem] if suffix in PICTURE_SUFFIXES else [name]


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
    "accession": lambda text: "" if names_nobody(text) else normalised_patient(text),
    "patient": lambda text: "" if names_nobody(text) else plain_id(text),
}
