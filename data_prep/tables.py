"""Tables and lists of published data sets and splits, and the lines of a split matched with images."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from monai_mocoi.data.patient_ids import patient_key
from monai_mocoi.errors import DatasetError
from monai_mocoi.files.csv_table import read_table, read_text


def table_rows(
    path: str | Path, needed: Sequence[str], advice: str, optional: Sequence[str] = ()
) -> Iterator[tuple[str, dict[str, str]]]:
    """Give of each row of a CSV table its place, for errors ("labels.csv, row 3"), and its cells by column.

    Every row must have the ``needed`` columns, in any case; a DatasetError of a missing one ends with ``advice``.
    """
    name = Path(path).name
    table = read_table(path, needed)
    header = [column.lower() for column in table.header]
    if missing := [column for column in needed if column.lower() not in header]:
        raise DatasetError(
            f"{name} lacks the column(s) {', '.join(missing)}; it has {', '.join(table.header) or 'none'}. {advice}"
        )
    if not table.rows:
        raise DatasetError(f"{name} has no rows.")
    at = {column: header.index(column.lower()) for column in (*needed, *optional) if column.lower() in header}
    least = max(at[column] for column in needed)
    for number, row in table.rows:
        place = f"{name}, row {number}"
        if len(row) <= least:
            raise DatasetError(f"{place} has only {len(row)} columns; the file may be cut off. Download it again.")
        yield place, {column: row[index].strip() for column, index in at.items() if index < len(row)}


def read_image_list(path: str | Path) -> set[str]:
    """Read a list of images or patients: one name a line; plain or gzip. An empty one is a DatasetError."""
    names = {line.strip() for line in read_text(path).splitlines()} - {""}
    if not names:
        raise DatasetError(f"{Path(path).name} names no image.")
    return names


def file_sha256(path: str | Path) -> str:
    """Return a file's SHA-256 in hexadecimal, for the options; DatasetError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"'{path}' cannot be read ({error.strerror}).") from None


_SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "training"),
    **dict.fromkeys(("val", "valid", "validation"), "validation"),
    **dict.fromkeys(("test", "testing"), "test"),
}


def read_split_csv(path: str | Path) -> dict[str, str]:
    """Return ``training``, ``validation`` or ``test`` by image name; an image in two of them is a DatasetError."""
    splits: dict[str, str] = {}
    for place, row in table_rows(path, ("image", "split"), "It needs image and split."):
        name, word = row["image"], row["split"]
        split = _SPLIT_NAMES.get(word.lower())
        if split is None:
            raise DatasetError(f"{place}: split '{word}'; it must be train, val or test.")
        if splits.setdefault(name, split) != split:
            raise DatasetError(f"{place}: '{name}' is in {splits[name]} and in {split}.")
    return splits


def read_lists(paths: Mapping[str, str | Path]) -> dict[str, str]:
    """Return the split by line of lists of image names or patients; a line in two lists is a DatasetError."""
    table: dict[str, str] = {}
    for split, path in paths.items():
        names = read_image_list(path)
        if both := sorted(names & table.keys()):
            raise DatasetError(
                f"{len(both)} line(s) of {Path(path).name} are in another list too ({', '.join(both[:5])}); "
                "take them out of one."
            )
        table |= dict.fromkeys(names, split)
    return table


def by_number(patients: Iterable[str]) -> dict[str, str]:
    """Return patients by :func:`~monai_mocoi.data.patient_ids.patient_key`; two spellings of one are a DatasetError."""
    found: dict[str, str] = {}
    for patient in patients:
        if (other := found.setdefault(patient_key(patient), patient)) != patient:
            raise DatasetError(
                f"the patients {other} and {patient} are spellings of one number. Rename the images, also if they are "
                "two people: they would be taken for one."
            )
    return found


def match_lines(
    table: Mapping[str, str], patient_of: Mapping[str, str], meaning: Callable[[str], str]
) -> tuple[dict[str, str], list[str]]:
    """Return the split by image name or patient, and the sorted lines of the table that match neither.

    A name may have folders before it and lack its suffix, a patient its leading zeros: tables drop them. ``meaning``
    returns what a line stands for. Two lines that put one image or patient in two splits are a DatasetError.
    """
    patients = by_number(patient_of.values())
    by_stem = {os.path.splitext(name)[0]: name for name in patient_of}
    meant: dict[str, tuple[str, str]] = {}
    missing: list[str] = []
    for written, split in table.items():
        line = meaning(written)
        last = line.replace("\\", "/").rstrip("/").rpartition("/")[2]
        target = last if last in patient_of else by_stem.get(last) or by_stem.get(os.path.splitext(last)[0])
        target = target or patients.get(patient_key(last))
        if target is None:
            missing.append(line)
            continue
        before, other = meant.setdefault(target, (split, line))
        if before != split:
            raise DatasetError(
                f"the given split has {target} as '{other}' in {before} and as '{line}' in {split}; keep one line."
            )
    return {target: split for target, (split, _) in meant.items()}, sorted(missing)


def check_whole_patients(given: Mapping[str, str], patient_of: Mapping[str, str], without: str) -> None:
    """Refuse a split (DatasetError) that puts a patient in two splits; ``without`` says how to leave it aside."""
    by_patient: dict[str, dict[str, str]] = defaultdict(dict)
    for name, split in given.items():
        by_patient[patient_of[name]].setdefault(split, name)
    if torn := {patient: parts for patient, parts in by_patient.items() if len(parts) > 1}:
        some = "; ".join(
            f"{patient}: " + ", ".join(f"{name} ({split})" for split, name in parts.items())
            for patient, parts in list(torn.items())[:5]
        )
        raise DatasetError(
            f"the given split puts {len(torn)} patient(s) in two splits ({some}): what is learnt from one image is "
            f"then tested on another of the same patient. Correct it, or split by patient here, {without}."
        )
