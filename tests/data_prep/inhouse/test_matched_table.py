from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.export_tree import ExportFile
from data_prep.inhouse.matched_table import MatchedTable, line_reader, match_table
from data_prep.inhouse.patients import join_patients
from data_prep.inhouse.pseudonyms import Pseudonyms
from data_prep.inhouse.survey import Seen
from monai_mocoi.errors import DatasetError, RefusedError

FILES = [
    Seen(ExportFile(f"/x/{n}", f"IM{n}"), "dicom", 10, DicomHeader(accession=f"A{n // 2}", names="Qvistgaard^Zoe"))
    for n in range(4)
]
ROWS = "acc,p,note\nA0,yes,x\nA0,yes,x\nA1,no,x\nA1,yes,x\nA7,no,x\nA8,no,a,b\n"


def match(
    tmp_path: Path,
    text: str = ROWS,
    key_column: str | None = None,
    key: str | None = None,
    least: float = 0.5,
    covariates: tuple[str, ...] = (),
) -> MatchedTable:
    path = tmp_path / "labels.csv"
    path.write_text(text)
    options: Any = SimpleNamespace(
        labels=str(path), label_columns=["p"], covariates=[*covariates], key_column=key_column, key_is=key
    )
    options.patient_column = options.site_column = options.date_column = None
    options.key_column, options.key_is, options.min_match = key_column, key, least
    copies = {"IM3": ["again/IM3_copy"]}
    return match_table(options, FILES, ["P"] * 4, copies)


def test_each_file_has_its_row(tmp_path: Path) -> None:
    table = match(tmp_path)
    assert [row.label if row is not None else "none" for row in table.rows] == [[1], [1], None, None]
    assert [row.numbers for row in table.rows if row is not None] == [(2, 3), (2, 3), (4, 5), (4, 5)]
    assert table.lines == [
        "labels table: 4 of 5 rows match by column 'acc' as accession number; 4 of 4 pictures have a row (found out)",
        "rows without a picture look like A0 (1)",
        "row 7 of the table with more cells than the header: left out",
        "1 row(s) of the table repeat another one",
        "rows 4, 5 of the table contradict one another (p): it counts as not known",
    ]
    fits, contradict = table.decisions
    assert fits == (
        "Of the labels table, 4 of 5 rows match by column 'acc' as accession number; 4 of 4 pictures have a row: is "
        "that what you expect?"
    )
    assert contradict.startswith("2 rows of the labels table contradict one another (p: 2).")


def test_ages_that_cannot_be_read_are_told_and_spellings_do_not_contradict(tmp_path: Path) -> None:
    text = "acc,p,age,sex\nA0,yes,90+,female\nA0,yes,,Female\nA1,no,old,female\n"
    table = match(tmp_path, text, covariates=("age", "sex"))
    assert "row 4 of the table with no age from 0 to 120 years in 'age': not known" in table.lines
    assert not any("contradict" in line for line in table.lines)
    assert [row.covariates for row in table.rows if row is not None] == [{"age": 90, "sex": "female"}] * 2 + [
        {"sex": "female"}
    ] * 2


def test_a_row_may_name_a_copy(tmp_path: Path) -> None:
    table = match(tmp_path, "image,p\nagain/IM3_copy,yes\nIM0,no\n")
    assert [row is not None for row in table.rows] == [True, False, False, True]


def test_a_named_key(tmp_path: Path) -> None:
    assert "(found out)" not in match(tmp_path, key_column="ACC", key="accession").lines[0]
    with pytest.raises(DatasetError, match="0 of 5 rows match by column 'note'"):
        match(tmp_path, key_column="note", key="accession")
    with pytest.raises(RefusedError, match="--key-column"):
        match(tmp_path, key_column="nothing_like_it")


NAMES = Pseudonyms(bytes(32))


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("a/IM1.dcm", NAMES.image("a/IM1.dcm")),
        ("IM2", NAMES.image("b/IM2.dcm")),
        ("1.2.4", NAMES.image("b/IM2.dcm")),
        ("MRN 0007", NAMES.patient("7")),
        ("T-1", NAMES.patient("7")),  # of whom a header says 7, and a row T1
        ("8", NAMES.patient("8")),  # of nobody here
        (" ", ""),
        (f" {NAMES.patient('7')}", NAMES.patient("7")),
    ],
)
def test_what_a_line_means(line: str, meant: str) -> None:
    files = [
        Seen(ExportFile(f"/x/{key}", key), "dicom", 9, DicomHeader(patient=patient, sop=sop))
        for key, patient, sop in (("a/IM1.dcm", "7", "1.2.3"), ("b/IM2.dcm", "9", "1.2.4"))
    ]
    patients = join_patients(["7", "9"], ["T1", ""])
    assert line_reader(files, patients.ids, patients, NAMES)(line) == meant


def test_a_line_that_is_a_patient_and_a_file() -> None:
    paths, ids = ["P1.png", "P1_2.png", "P3.png", "2.png"], ["P1", "P1", "2", "P3"]
    files = [Seen(ExportFile(f"/x/{path}", path), "png", 9) for path in paths]
    patients = join_patients(["", "", "", ""], ids)
    meant = line_reader(files, patients.ids, patients, NAMES)
    assert meant("P1") == NAMES.patient("P1")  # with all of the patient's images
    assert meant("P1.png") == NAMES.image("P1.png")
    with pytest.raises(DatasetError, match="the id of a patient, and also the name of another patient's file"):
        meant("2")
