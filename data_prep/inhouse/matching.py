"""Match the rows of a labels table with files, and explain why a table does not fit: before any pixel is read."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from data_prep.inhouse.file_index import KEYS, FileIndex, Match
from data_prep.inhouse.table_file import LabelFile
from monai_mocoi.errors import DatasetError

LEAST_MATCHED = 0.5
_NEARLY = 0.8
_RIVAL = 0.5  # share of the rows of the chosen column, from which on another column that contradicts it counts
_SLIPS = 0.05  # share of the rows in which a patient's id may be written wrong beside a right accession number
_NUMBER = re.compile(r"\d+([.,]0*)?")
_SHOWN = 3
_LONGEST_SHAPE = 40
_SCIENTIFIC = re.compile(r"\d[.,]\d+E\+?\d+", re.IGNORECASE)


def choose_match(
    file: LabelFile, index: FileIndex, columns: Sequence[str], wanted: str | None, column_is_told: bool = False
) -> tuple[Match, Match]:
    """Return how the table is to be matched with the files, and the best match of any column and key.

    ``columns`` may hold the key ``wanted`` (None: whatever fits best). A more exact key is preferred where it fits
    nearly as many rows: by patient, all studies of a patient would get the labels of one. Unless the column was named,
    no column of numbers is taken for names of files: a running number fits files that were numbered in another order.
    If only such a column fits, or two columns give a row different files, it is a DatasetError.
    """
    cells = {column: file.column(column) for column in file.header}
    every = [index.match(column, own, key) for column, own in cells.items() for key in KEYS]
    named = [match for match in every if match.column in columns and wanted in (None, match.key)]
    numbers = []
    for match in named if wanted is None and not column_is_told else ():
        matched = [cell for cell, own in zip(cells[match.column], match.files, strict=True) if own]
        if match.key == "file" and 2 * sum(_NUMBER.fullmatch(cell) is not None for cell in matched) > len(matched):
            numbers.append(match)  # its cells are mostly numbers
    match = _best([match for match in named if match not in numbers] or named)
    number = max(numbers, key=lambda match: match.rows, default=match)
    if _NEARLY * number.rows > match.rows:
        raise DatasetError(
            f"{number.words()} matches {number.rows} of {len(number.files)} rows, but its cells are numbers only, and "
            "a running number fits files that were numbered in another order; no pixel was read. If these are the "
            f"files' names, give {number.options()}."
        )
    _check_rivals(match, named)
    return match, _best(every)


def check_match(file: LabelFile, index: FileIndex, match: Match, best: Match, least: float = LEAST_MATCHED) -> None:
    """Stop (DatasetError) where fewer than a share of the rows, and of the files, match; ``best`` may fit better."""
    if match.rows and (match.rows >= least * len(match.files) or match.pictures >= least * index.count):
        return
    lines = [
        "the labels table does not fit the images; no pixel was read.",
        f"  {summary(match, index)}",
        *(f"  {line}" for line in unmatched(file, index, match)),
    ]
    if best.rows > match.rows and (best.column, best.key) != (match.column, match.key):
        lines.append(
            f"  {best.words()} would match {best.rows} rows and {best.pictures} pictures: give {best.options()}"
        )
    elif best.rows <= match.rows:
        lines.append("  no other column fits better; is it the table of this export?")
    lines.append("  (Of what is shown, A is any letter and 0 any digit.)")
    raise DatasetError("\n".join(lines))


def summary(match: Match, index: FileIndex) -> str:
    """Say how many rows and pictures match, and by what."""
    several = f" ({match.several} rows fit several files and are not used)" if match.several else ""
    return (
        f"{match.rows} of {len(match.files)} rows match by {match.words()}{several}; "
        f"{match.pictures} of {index.count} pictures have a row"
    )


def unmatched(file: LabelFile, index: FileIndex, match: Match) -> list[str]:
    """Show what the two sides look like where they do not match, letters and digits masked."""
    cells = [cell for cell, own in zip(file.column(match.column), match.files, strict=True) if not own]
    matched = {own for files in match.files for own in files}
    values = [value for place, value in enumerate(index.values(match.key)) if place not in matched]
    lines = []
    if cells:
        lines.append(f"rows without a picture look like {_shapes(cells)}")
    if values:
        lines.append(f"the {KEYS[match.key]} of pictures without a row looks like {_shapes(values)}")
    if match.several:
        lines.append("the files' names alone are not unique: the column must hold paths, from below --images on")
    if any(_SCIENTIFIC.fullmatch(cell) for cell in cells):
        lines.append("Excel wrote long numbers as 1.2E+10, which loses digits: save the column as text")
    return lines


def masked(text: str) -> str:
    """Return the shape of a text: A for letters, 0 for digits; other signs identify nobody and stay."""
    shape = "".join("0" if sign.isdigit() else "A" if sign.isalpha() else sign for sign in text if sign.isprintable())
    return shape if len(shape) <= _LONGEST_SHAPE else shape[: _LONGEST_SHAPE - 3] + "..."


def _shapes(texts: Iterable[str]) -> str:
    counts = Counter(masked(text) for text in texts)
    shown = [f"{shape or '(empty)'} ({count})" for shape, count in counts.most_common(_SHOWN)]
    return ", ".join(shown) + (f" and {len(counts) - _SHOWN} other forms" if len(counts) > _SHOWN else "")


def _best(matches: Sequence[Match]) -> Match:
    most = max(match.rows for match in matches)
    if most == 0:  # names that fit several files are nearest to a match
        return max(matches, key=lambda match: match.several)
    order = {key: number for number, key in enumerate(KEYS)}
    good = [match for match in matches if match.rows >= _NEARLY * most]
    # A column of few values, such as 0 and 1, fits any ids that are small numbers.
    things = max(match.things for match in good)
    good = [match for match in good if match.things >= _RIVAL * things]
    return min(good, key=lambda match: (order[match.key], -match.rows, -match.pictures))


def _check_rivals(match: Match, others: Iterable[Match]) -> None:
    """Refuse where another column fits too and gives a row other files. More files, or fewer of them, are no others."""
    for other in others:
        if other.rows < _RIVAL * match.rows or other.things < _RIVAL * match.things:
            continue
        both = [(set(own), set(its)) for own, its in zip(match.files, other.files, strict=True) if own and its]
        differ = sum(not (own <= its or its <= own) for own, its in both)
        if differ > (_SLIPS * len(both) if other.key == "patient" else 0):
            raise DatasetError(
                "two columns of the labels table fit the images, and do not mean the same images; no pixel was read.\n"
                + "".join(f"  {own.words()} matches {own.rows} of {len(own.files)} rows\n" for own in (match, other))
                + f"  {differ} rows get other images by the one than by the other. Choose the right one: give "
                f"{match.options()}, or {other.options()}"
            )
