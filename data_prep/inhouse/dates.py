"""Dates in a table: a column of dates in the one form that fits all of its cells, and texts that hold a date."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import date, datetime

from monai_mocoi.data.columns import as_value
from monai_mocoi.errors import DatasetError

_FORMS = ("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y")
# In English, German, French and Spanish, in small letters without accents.
_MONTHS = (
    "january february march april june july august september october november december "
    "januar janner februar feber marz maerz mai juni juli oktober dezember "
    "janvier fevrier mars avril juin juillet aout septembre octobre novembre decembre "
    "enero febrero marzo abril junio julio agosto septiembre setiembre octubre noviembre diciembre"
).replace(" ", "|")
# These are other words too (may be, Mayo score, optical coherence tomography): months only beside a day or a year.
_SHORT = (
    "may mayo jan feb mar apr jun jul aug sep sept oct okt nov dec dez mrz janv fevr avr juil ene abr ago dic"
).replace(" ", "|")
_MONTH = re.compile(
    rf"(?<![a-z])(?:{_MONTHS}|(?:{_SHORT})[ ./'-]*[0-9]{{2}})(?![a-z])|[0-9][ ./-]*(?:{_SHORT})(?![a-z])"
)
_NUMBERS = re.compile(
    r"(?<![0-9])(?<![0-9][.,])(?:"
    r"[0-3]?[0-9][./-][01]?[0-9][./-](?:[0-9]{2})?[0-9]{2}"  # 4.3.2019, 04/03/19
    r"|[01]?[0-9][./-][0-3]?[0-9][./-](?:[0-9]{2})?[0-9]{2}"  # 3/31/2019
    r"|[0-9]{4}[/-][01]?[0-9](?:[/-][0-3]?[0-9])?"  # 2019-03, 2019/03/04
    r"|(?:0?[1-9]|1[0-2])[./-](?:18[89]|19[0-9]|20[0-9])[0-9]"  # 04.1931, 4/2019
    r"|(?:0?[1-9]|1[0-2])/[0-9]{2}"  # 4/31
    r"|(?:18[89]|19[0-9]|20[0-9])[0-9]"  # 1963
    r")(?![0-9]|[.,][0-9])"
)
_TIME = re.compile(r"[T ]\d{1,2}:\d{2}.*$")


def read_dates(name: str, cells: Sequence[str], numbers: Sequence[int]) -> list[date | None]:
    """Read a column of dates, one a cell, None where it is empty; times behind them are dropped.

    A cell that is no date, or day and month that cannot be distinguished, are a DatasetError with the numbers of the
    rows.
    """
    texts = [_date_part(cell) for cell in cells]
    known = {text for text in texts if text is not None}
    if not known:
        raise DatasetError(f"--date-column: {name!r} has no date in any row.")
    read = {form: {text: _read(text, form) for text in known} for form in _FORMS}
    ways = [way for way in read.values() if None not in way.values()]
    if not ways:
        wrong = [
            n for n, text in zip(numbers, texts, strict=True) if text and not any(own[text] for own in read.values())
        ]
        some = ", ".join(map(str, (wrong or numbers)[:5]))
        raise DatasetError(
            f"--date-column: {name!r} has no one form that is known, such as 2019-03-04, 20190304 or 04.03.2019 (look "
            f"at rows {some})."
        )
    if any(way != ways[0] for way in ways[1:]):
        raise DatasetError(f"--date-column: {name!r} may mean day/month or month/day; write the dates as 2019-03-04.")
    return [None if text is None else ways[0][text] for text in texts]


def is_dated(text: str) -> bool:
    """Whether a text holds a year, a date or the name of a month: "März 2019", "4/31", "04.1931", "born 1963".

    Short names of months count only beside numbers: "Mar 2019", "3. Dez".
    """
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(sign))
    return any(form.search(plain) is not None for form in (_MONTH, _NUMBERS))


def _date_part(cell: str) -> str | None:
    value = as_value(cell)
    return None if value is None else _TIME.sub("", str(value)).strip()


def _read(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).date()
    except ValueError:
        return None
