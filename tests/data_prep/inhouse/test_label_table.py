from __future__ import annotations

from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_prep.inhouse.label_table import TWO_PATIENTS, LabelTable
from data_prep.inhouse.table_file import LabelFile
from monai_mocoi.errors import DatasetError, RefusedError


def table(tmp_path: Path, text: str, **options: object) -> LabelTable:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    named: dict[str, object] = {f"{what}_column": options.get(what) for what in ("patient", "site", "date")}
    named |= {"label_columns": options.get("labels", ["p"]), "covariates": options.get("covariates", ())}
    return LabelTable(LabelFile(str(path)), SimpleNamespace(**named))  # type: ignore[arg-type]


ROWS = (
    "acc,mrn,p,e,hospital,day,sex,age,bmi\n"
    "A1,7,yes,0,St. Corvinus,2019-03-04,F,97,21.5\n"
    "A1,007,yes,0,St. Corvinus,2019-03-04,F,97,21.5\n"
    "A2,8,no,1,,,M,045Y,\n"
    "A2,8,yes,1,,,M,45,\n"
    "A3,9,,,,,,,\n"
    "A3,9,no,,,,F,,30\n"
    "A4,10,no,,,,,,\n"
    "A4,11,no,,,,,,\n"
)
OPTIONS = {
    "labels": ["p", "e"],
    "patient": "mrn",
    "site": "hospital",
    "date": "day",
    "covariates": ["sex", "age", "bmi"],
}


def test_what_a_row_says(tmp_path: Path) -> None:
    row = table(tmp_path, ROWS, **OPTIONS).joined([0])
    assert row.numbers == (2,)
    assert row.label == [1, 0]
    assert (row.patient, row.site, row.date) == ("7", "St. Corvinus", date(2019, 3, 4))
    assert row.covariates == {"sex": "F", "age": 90, "bmi": 21.5}


def test_rows_that_repeat_one_another_are_one(tmp_path: Path) -> None:
    own = table(tmp_path, ROWS, **OPTIONS)
    row = own.joined([0, 1])  # the patient is spelt in two ways
    assert (row.label, row.patient, row.fault) == ([1, 0], "7", None)
    assert (own.repeated, own.contradictions) == (1, {})


def test_a_finding_on_which_rows_contradict_one_another_becomes_unknown(tmp_path: Path) -> None:
    own = table(tmp_path, ROWS, **OPTIONS)
    row = own.joined([2, 3])
    assert row.label == [None, 1]
    assert row.covariates == {"sex": "M", "age": 45}
    assert own.contradictions == {"p": [4, 5]}
    assert own.repeated == 0


def test_a_known_value_counts_more_than_an_empty_cell(tmp_path: Path) -> None:
    own = table(tmp_path, ROWS, **OPTIONS)
    row = own.joined([4, 5])
    assert row.label == [0, None]
    assert row.covariates == {"sex": "F", "bmi": 30}
    assert own.contradictions == {}


def test_nothing_known_is_no_label(tmp_path: Path) -> None:
    assert table(tmp_path, ROWS, **OPTIONS).joined([4]).label is None


def test_two_patients_for_one_key_is_a_fault(tmp_path: Path) -> None:
    own = table(tmp_path, ROWS, **OPTIONS)
    row = own.joined([6, 7])
    assert (row.fault, row.patient) == (TWO_PATIENTS, None)
    assert own.contradictions == {"patient": [8, 9]}


def test_a_class_on_which_rows_contradict_one_another(tmp_path: Path) -> None:
    own = table(tmp_path, "acc,grade\n1,0\n1,2\n2,3\n2,\n3,0\n3,0\n4,2\n5,3\n", labels=["grade"])
    assert own.labels.names == ("0", "2", "3")
    assert own.joined([0, 1]).label is None
    assert own.joined([2, 3]).label == 2
    assert own.contradictions == {"label": [2, 3]}


def test_what_may_hold_an_identity_is_not_handed_on(tmp_path: Path) -> None:
    text = "acc,p,comment,born,id,age,patient,note\n" + "".join(
        f"{n},{n % 2},Qvistgaard {n} says,2019-03-{n + 1:02d},{10_000 + n},old,x,fine\n" for n in range(25)
    )
    for name in ("comment", "born", "id", "age"):
        with pytest.raises(DatasetError, match=repr(name)) as error:
            table(tmp_path, text, covariates=[name])
        assert "Qvist" not in str(error.value)
    with pytest.raises(RefusedError, match="rename it"):
        table(tmp_path, text, covariates=["patient"])
    assert table(tmp_path, text, covariates=["note"]).joined([0]).covariates == {"note": "fine"}


def test_a_column_of_names_is_refused(tmp_path: Path) -> None:
    text = "acc,p,doctor,sex\n" + "".join(f"{n},{n % 2},{('Qvist', 'Nakatomi', 'Zoe K.')[n % 3]},F\n" for n in range(9))
    names = {"qvist", "nakatomi", "zoe"}
    table(tmp_path, text, covariates=["sex"]).check_names(names)
    with pytest.raises(DatasetError, match=r"--covariates: most values of 'doctor'") as error:
        table(tmp_path, text, covariates=["sex", "doctor"]).check_names(names)
    assert "Qvist" not in str(error.value)
    with pytest.raises(DatasetError, match="--label-columns: most values of 'doctor'"):
        table(tmp_path, text, labels=["doctor"]).check_names(names)


def test_options_that_do_not_fit(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="--label-columns"):
        table(tmp_path, ROWS, labels=[])
    with pytest.raises(RefusedError, match="twice"):
        table(tmp_path, ROWS, labels=["p", "P"])
    with pytest.raises(RefusedError, match="--site-column"):
        table(tmp_path, ROWS, site="clinic")


def test_the_columns_that_are_read(tmp_path: Path) -> None:
    assert table(tmp_path, ROWS, **OPTIONS).used == {"p", "e", "hospital", "day", "sex", "age", "bmi"}


def test_a_covariate_that_is_an_id_is_refused_once_the_patients_are_known(tmp_path: Path) -> None:
    text = "acc,mrn,p,nr\n" + "".join(f"{n},{n // 2},{n % 2},{n // 2}\n" for n in range(20))
    own = table(tmp_path, text, covariates=["nr"], patient="mrn")
    rows = [own.joined([place]) for place in range(20)]
    with pytest.raises(DatasetError, match="'nr' is not handed on: it has 10 different whole numbers for 10 patients"):
        own.check_told_apart([*rows, None], [""] * 21)
    one = table(tmp_path, text, covariates=["nr"])
    one.check_told_apart([one.joined([place]) for place in range(20)], [""] * 20)  # each row for a patient
    with pytest.raises(DatasetError, match="10 patients"):
        one.check_told_apart([one.joined([place]) for place in range(20)], [f"{n // 2}" for n in range(20)])
