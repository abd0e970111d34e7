from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.drafts import Draft, frames_of, hand_on
from data_prep.inhouse.export_tree import ExportFile
from data_prep.inhouse.label_table import TableRow
from data_prep.inhouse.survey import Seen
from tests.support.some_drafts import some_draft

HEADER = DicomHeader(
    patient="MRN1",
    sex="F",
    age=97.0,
    view="LAT",
    manufacturer="AGFA HealthCare",
    date=date(2019, 3, 4),
    accession="A1",
    study="1.1",
    sop="1.2",
)


def draft(header: DicomHeader | None = HEADER, row: TableRow | None = None, kind: str = "dicom") -> Draft:
    return Draft("i0", "p0", Seen(ExportFile("/x/IM1", "IM1"), kind, 10, header), row, None)


def told(own: Draft, *covariates: str) -> dict[str, object]:
    return own.columns(covariates, site=lambda name: f"code of {name}")


@pytest.mark.parametrize(
    ("frames", "which", "chosen"),
    [
        (1, "all", [None]),
        (5, "first", [0]),
        (5, "middle", [2]),
        (4, "middle", [1]),
        (3, "all", [0, 1, 2]),
    ],
)
def test_frames(frames: int, which: str, chosen: list[int | None]) -> None:
    assert frames_of(Seen(ExportFile("x", "x"), "dicom", 10, DicomHeader(frames=frames)), which) == chosen


def test_a_picture_without_header_has_one_frame() -> None:
    assert frames_of(Seen(ExportFile("x", "x"), "png"), "all") == [None]


def test_what_the_header_tells() -> None:
    assert told(draft()) == {"sex": "F", "age": 90, "view": "LATERAL", "vendor": "Agfa"}
    assert told(draft(DicomHeader(sex="QVISTGAARD", view="QVISTGAARD"))) == {}
    assert told(draft(None)) == {}


def test_the_table_comes_before_the_header() -> None:
    row = TableRow((2,), [1], site="Nord", covariates={"Age": 40, "bmi": 20})
    assert told(draft(row=row), "Age", "bmi") == {
        "sex": "F",
        "view": "LATERAL",
        "vendor": "Agfa",
        "site": "code of Nord",
        "Age": 40,
        "bmi": 20,
    }
    unknown = TableRow((2,), [1])  # the table is asked, and does not know
    assert "age" not in told(draft(row=unknown), "age")


def test_the_day_by_the_table_else_by_the_header() -> None:
    assert draft().date == date(2019, 3, 4)
    assert draft(row=TableRow((2,), None, date=date(2020, 1, 1))).date == date(2020, 1, 1)
    assert draft(None).date is None


def test_who_is_who() -> None:
    row = TableRow((2,), None, patient="7", site="Nord")
    own, by_table = draft(row=row).mapping()
    assert own == {
        "image": "i0",
        "patient": "p0",
        "path": "/x/IM1",
        "frame": "",
        "date": "2019-03-04",
        "patient_id": "MRN1",
        "site": "Nord",
        "accession_number": "A1",
        "study_instance_uid": "1.1",
        "sop_instance_uid": "1.2",
    }
    assert by_table == own | {"patient_id": "7"}  # a patient is looked up by either
    assert [row["patient_id"] for row in draft(None, row).mapping()] == ["7"]
    assert [row["patient_id"] for row in draft(None).mapping()] == [""]


def test_who_is_who_where_folders_say_it() -> None:
    row = TableRow((2,), None, patient="mrn 0001")  # the header's MRN1 in other letters
    ids = [own["patient_id"] for own in replace(draft(row=row), folder="A17").mapping()]
    assert ids == ["A17", "MRN1"]


def test_suffixes_of_references() -> None:
    targets = [own.candidate({}, in_place=True).target for own in (draft(), draft(None, kind="jpeg"))]
    assert [target.rpartition(".")[2] for target in targets] == ["dcm", "jpg"]


def test_columns_their_kinds_and_what_became_of_rare_values() -> None:
    drafts = [
        some_draft(
            f"i{k}",
            f"p{k}",
            site=f"site {k % 2}",
            covariates={"weight": 50 + k, "dye": "AB"[k == 0]} | ({"ward": f"w{k}"} if k < 6 else {}),
            age=30.0 + k,
        )
        for k in range(12)
    ]
    found = hand_on(drafts, ["weight", "dye", "ward"], str.upper, 5)
    assert found.kinds == {"ages": ["age"], "numbers": ["weight"], "words": ["dye", "site", "ward"]}
    assert found.of_image["i3"] == {"age": 33, "site": "SITE 1", "weight": 53, "dye": "A", "ward": "other"}
    assert "dye" not in found.of_image["i0"]
    assert set(found.columns) == {"age", "site", "weight", "dye", "ward"}
    numbers, dye, ward = found.decisions
    assert "weight" in numbers
    assert dye.startswith("1 values of the column dye with fewer than 5 patients were taken out")
    assert ward == '6 values of the column ward with fewer than 5 patients are together "other".'
    said = " ".join(found.sentences(5))
    for words in ("(columns: age)", "(columns: weight)", "(columns: dye, site, ward)"):
        assert words in said
    assert "dye" not in " ".join(found.sentences(1))
