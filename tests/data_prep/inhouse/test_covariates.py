from __future__ import annotations

from datetime import date

import pytest

from data_prep.inhouse.covariates import check_told_apart, read_covariate, read_dates
from monai_mocoi.errors import DatasetError


@pytest.mark.parametrize("name", ["age", "Alter", "edad", "AgeAtScan", "âge"])
def test_ages_are_capped_whatever_their_language(name: str) -> None:
    assert read_covariate(name, ["97", "45Y", "012M", "61.9", "61,9", ""]) == [90, 45, 1, 61, 61, None]


@pytest.mark.parametrize("name", ["age_months", "Alter (Wochen)", "age_days", "gestational age"])
def test_ages_that_are_not_in_years_are_refused(name: str) -> None:
    with pytest.raises(DatasetError, match=r"holds ages in (months|weeks|days)"):
        read_covariate(name, ["18", "30"])


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        (["1963", "1931", "", "2001"], "years"),
        (["1963.0", "1931.0", "0"] * 2 + ["1950"] * 4, "years"),
        (["04.1931", "11.1963"], "months and years"),
        (["4/31", "11/63", "4/31"], "months, years or dates"),
        (["04.03.2019", "05.03.2019"], "dates"),
        (["März 2019", "Mai 2019"], "dates"),
        (["12345", "2"], "more than 4 digits"),
        ([f"{n:04d}" for n in range(12)], "12 different values"),
        (["Dr. Meier", "Dr. Ott"] * 9, "titles"),
    ],
)
def test_what_tells_who_it_is_is_refused(cells: list[str], fault: str) -> None:
    with pytest.raises(DatasetError, match=f"'x' is not handed on: .*{fault}") as error:
        read_covariate("x", cells)
    assert not [cell for cell in cells if len(cell) > 3 and cell in str(error.value)]


@pytest.mark.parametrize("name", ["zip", "PLZ", "PostalCode", "latitude", "birth_year", "BirthDate", "Geburtsjahr"])
def test_names_that_tell_who_where_or_when(name: str) -> None:
    with pytest.raises(DatasetError, match="its name says"):
        read_covariate(name, ["1", "2"])
    assert read_covariate("birth_weight", ["310", "290"]) == [310, 290]


def test_numbers_have_three_significant_digits() -> None:
    found = read_covariate("x", ["47.376888", "21,54", "8032", "-0.0012345", "3", "3.0", "", "0"])
    assert found == [47.4, 21.5, 8030, -0.00123, 3, 3, None, 0]
    assert [type(value) for value in found if value in (3, 0)] == [int] * 3


def test_leading_zeros_are_no_numbers() -> None:
    assert read_covariate("code", ["01", "02", "01"]) == ["01", "02", "01"]


def test_whole_numbers_that_tell_nearly_every_patient_apart_are_refused() -> None:
    patients = [f"p{n // 3}" for n in range(60)]
    ids = [n // 3 for n in range(60)]  # three images a patient
    with pytest.raises(DatasetError, match="'pid' is not handed on: it has 20 different whole numbers for 20 patients"):
        check_told_apart("pid", ids, patients)
    check_told_apart("age", ids, patients)
    check_told_apart("grams", [n / 7 + 0.5 for n in ids], patients)
    check_told_apart("grade", [n % 5 for n in ids], patients)
    check_told_apart("pid", ids, [f"{n}" for n in range(60)])  # nobody's own
    check_told_apart("none", [None] * 60, patients)


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
