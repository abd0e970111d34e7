from __future__ import annotations

from datetime import date

import pytest

from data_prep.inhouse.covariates import read_dates
from data_prep.inhouse.identifying_text import is_dated
from monai_mocoi.errors import DatasetError


def read(*cells: str) -> list[date | None]:
    return read_dates("date", cells, range(2, 2 + len(cells)))


@pytest.mark.parametrize(
    "cell",
    ["2019-03-14", "20190314", "14.03.2019", "14/03/2019", "03/14/2019", "2019-03-14T10:11:12", "14.3.2019 9:05"],
)
def test_one_day_in_all_ways(cell: str) -> None:
    assert read(cell, "", "n/a") == [date(2019, 3, 14), None, None]


def test_one_cell_tells_day_from_month_for_all() -> None:
    assert read("04/03/2019", "25/03/2019") == [date(2019, 3, 4), date(2019, 3, 25)]


def test_what_cannot_be_told() -> None:
    with pytest.raises(DatasetError, match="day/month or month/day"):
        read("04/03/2019", "05/03/2019")
    with pytest.raises(DatasetError, match=r"rows 3\)") as error:
        read("2019-03-04", "Qvistgaard")
    assert "Qvist" not in str(error.value)
    with pytest.raises(DatasetError, match="no date"):
        read("", "")


DATED = "März 2019|4/31|04.1931|4.3.2019|3/31/2019|2019-03|Mar 2019|3. Dez|May 19|geb.1963|1963|août|Juli|FÉVR. 20"
NOT_DATED = "Mayo 2|may be benign|OCT 2|OCT|3/4|20/40|1.5|0.1950|10|800|T2 N1|decay|marker|2150|Augustana|12-20|"


@pytest.mark.parametrize("text", [*DATED.split("|"), "seen on 04/03/19", "1-Oct-2019", "mayo 2019"])
def test_a_text_with_a_date_month_or_year(text: str) -> None:
    assert is_dated(text)


@pytest.mark.parametrize("text", NOT_DATED.split("|"))
def test_a_text_without_a_date(text: str) -> None:
    assert not is_dated(text)
