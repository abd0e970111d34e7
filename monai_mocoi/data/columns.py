"""What is known of an image beside its label: columns of the datalist or of a table, such as sex, age and view."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monai_mocoi.data.ages import Value
from monai_mocoi.data.images_by_name import image_finder
from monai_mocoi.data.patient_ids import patient_key
from monai_mocoi.errors import RefusedError, TableError
from monai_mocoi.files.csv_table import read_table

NO_COLUMNS = ("image", "name", "label", "patient")
"""Keys of a datalist's item that are no columns."""

_NOT_KNOWN = {"", "nan", "na", "n/a", "none", "null", "unknown"}


@dataclass(frozen=True)
class Columns:
    """Columns of the images that are tested, from the datalist or a table (``source``: its name without folders).

    ``values`` has one value an image by column; ``without_row`` counts images without a row, ``unused_rows`` rows of
    none of the images.
    """

    values: dict[str, list[Value]]
    source: str
    without_row: int = 0
    unused_rows: int = 0


def as_value(value: Any) -> Value:
    """A cell as text or number; None for what says that it is not known (empty, NaN, NA, n/a, none, null, unknown)."""
    if value is None or isinstance(value, bool):
        return {None: None, True: "yes", False: "no"}[value]
    if isinstance(value, int | float):
        return float(value) if math.isfinite(value) else None
    text = str(value).strip()
    return None if text.lower() in _NOT_KNOWN else text


def item_columns(items: Sequence[Mapping[str, Any]]) -> dict[str, list[Value]]:
    """The columns of a datalist's items: every key but those in ``NO_COLUMNS`` whose values are texts or numbers.

    Of each column there is one value an item; None where the item lacks it.
    """
    names = dict.fromkeys(key for item in items for key in item if key not in NO_COLUMNS)
    found = {name: [item.get(name) for item in items] for name in names}
    return {
        name: [as_value(value) for value in values]
        for name, values in found.items()
        if all(value is None or isinstance(value, str | int | float) for value in values)
    }


def chosen_columns(subgroups: str | Path | Sequence[str] | None, items: Sequence[Mapping[str, Any]]) -> Columns:
    """The columns by which a classifier's subgroups are told apart.

    ``subgroups``: names of the datalist's columns; None: all of them; or a CSV file, see :func:`read_columns`. A column
    that the datalist lacks is a RefusedError.
    """
    if isinstance(subgroups, str | Path):
        return read_columns(subgroups, *([item[key] for item in items] for key in ("name", "patient")))
    held = item_columns(items)
    for name in [] if subgroups is None else subgroups:
        if name not in held:
            raise RefusedError(
                f"subgroups names {name!r}, but the datalist's columns are {', '.join(held) or 'none'}: name some of "
                "them, or give a CSV file with a column image or patient."
            )
    return Columns({name: held[name] for name in (held if subgroups is None else subgroups)}, "datalist")


def read_columns(path: str | Path, images: Sequence[str], patients: Sequence[str]) -> Columns:
    """Read the columns of images from a CSV table and put them in the images' order.

    ``path``: a table with a column ``image`` or ``patient`` (by image, if it has both) and one or more others. An image
    may lack its folders (or the first of them) or its suffix where that leaves no doubt; a patient's number its leading
    zeros. ``images``, ``patients``: of each image its path in the dataset folder, and its patient's id. Raises
    TableError: it cannot be read, lacks these columns, has a column twice or no row of these images, or says two things
    of one image or patient. Names rows, never ids.
    """
    name = Path(path).name
    table = read_table(path, ("image",), None, ("patient",))
    lower = [column.lower() for column in table.header]
    key = next((key for key in ("image", "patient") if key in lower), None)
    wanted = {place: column for place, column in enumerate(table.header) if column and lower[place] not in NO_COLUMNS}
    if key is None or not wanted:
        raise TableError(
            f"{name} needs a column image or patient in its first row, and one or more others, such as sex or site."
        )
    if len(set(wanted.values())) < len(wanted) or lower.count(key) > 1:
        raise TableError(f"{name} has two columns of one name; rename one.")
    own = list(images) if key == "image" else [patient_key(patient) for patient in patients]
    key_at = lower.index(key)
    words = [row[key_at].strip() if key_at < len(row) else "" for _, row in table.rows]
    find = image_finder(images, words) if key == "image" else {patient: patient for patient in own}.get
    row_of: dict[str, tuple[int, list[Value]]] = {}
    unused = 0
    for (number, row), word in zip(table.rows, words, strict=True):
        cells = [as_value(row[place] if place < len(row) else None) for place in wanted]
        found = find(word if key == "image" else patient_key(word))
        if found is None:
            unused += 1
        elif row_of.setdefault(found, (number, cells))[1] != cells:
            raise TableError(f"{name}, rows {row_of[found][0]} and {number} say two things of one {key}; keep one.")
    if not row_of:
        raise TableError(
            f"{name} has no row of the {len(images)} images tested: its column {key} must hold "
            + (
                "their names as tested (paths in the dataset folder), or file names."
                if key == "image"
                else "their patients' ids."
            )
        )
    nothing: list[Value] = [None] * len(wanted)
    cells_of = [row_of[image][1] if image in row_of else nothing for image in own]
    values = {column: [cells[place] for cells in cells_of] for place, column in enumerate(wanted.values())}
    return Columns(values, name, sum(image not in row_of for image in own), unused)
