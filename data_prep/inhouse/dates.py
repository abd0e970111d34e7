"""A column of dates, in the one way of writing that fits all of its cells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime

from monai_mocoi.data.columns import as_value
from monai_mocoi.data.errors import DatasetError

_FORMS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y")
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}.*$")


def read_dates(name: str, cells: Sequence[str], numbers: Sequence[int]) -> list[date | None]:
    """Read a column of dates; times behind them are dropped.

    Args:
        name: of the column, for errors.
        cells: one a row.
        numbers: of the rows in the table; cells are never repeated.

    Raises:
        DatasetError: a cell is no date, or day and month cannot be told apart.
    """
    texts = [_date_part(cell) for cell in cells]
    known = {text for text in texts if text is not None}
    ways = []
    for form in _FORMS:
        try:
            ways.append({text: datetime.strptime(text, form).date() for text in known})
        except ValueError:
            continue
    if not known:
        raise DatasetError(f"--date-column: {name!r} has no date in any row.")
    if not ways:
        wrong = [number for number, text in zip(numbers, texts, strict=True) if text and not _is_date(text)] or numbers
        some = ", ".join(map(str, wrong[:5]))
        raise DatasetError(
            f"--date-column: {name!r} is not written in one way that is known, such as 2019-03-04, 20190304 or "
            f"04.03.2019 (look at rows {some})."
        )
    if any(way != ways[0] for way in ways[1:]):
        raise DatasetError(f"--date-column: {name!r} may mean day/month or month/day; write the dates as 2019-03-04.")
    return [None if text is None else ways[0][text] for text in texts]


def _date_part(cell: str) -> str | None:
    value = as_value(cell)
    return None if value is None else _TIME.sub("", str(value)).strip()


def _is_date(text: str) -> bool:
    for form in _FORMS:
        try:
            datetime.strptime(text, form)
        except ValueError:
            continue
        return True
    return False
