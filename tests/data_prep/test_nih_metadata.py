from __future__ import annotations

import pytest

from data_prep.nih_metadata import FINDINGS, read_metadata
from monai_mocoi.errors import DatasetError
from tests.support.nih_files import HEADER_2017, HEADER_2020, image_names, row, write_metadata


def test_findings_are_the_14_in_the_papers_order():
    assert len(FINDINGS) == len(set(FINDINGS)) == 14
    assert (FINDINGS[0], FINDINGS[7], FINDINGS[13]) == ("Atelectasis", "Pneumothorax", "Hernia")


@pytest.mark.parametrize("header", [HEADER_2017, HEADER_2020, "\ufeff" + HEADER_2020])
@pytest.mark.parametrize(("name", "ending"), [("a.csv", "\n"), ("a.csv", "\r\n"), ("a.csv.gz", "\n")])
def test_both_publications_and_gzip(tmp_path, header, name, ending):
    studies = read_metadata(write_metadata(tmp_path / name, image_names(), header, ending))
    assert list(studies) == image_names()
    study = studies["00000007_001.png"]  # "Mass|Hernia"
    assert study.patient == "00000007"
    assert [finding for finding, value in zip(FINDINGS, study.label, strict=True) if value] == ["Mass", "Hernia"]
    assert sum(studies["00000005_000.png"].label) == 0


def test_columns_are_found_by_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(' Patient ID ,x,Finding Labels,Image Index\n7,,"Mass | Edema",00000007_000.png\n\n')
    (study,) = read_metadata(path).values()
    assert (study.patient, sum(study.label)) == ("00000007", 2)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", r"lacks the column\(s\) Image Index, Finding Labels, Patient ID; it has none"),
        ("Image Index,Patient ID,x\n", r"lacks the column\(s\) Finding Labels; it has Image Index, Patient ID, x"),
        (HEADER_2020 + "\n", "has no rows"),
        (HEADER_2020 + "\n" + row("00000001_000.png", "Mass|Cough"), "row 2: finding 'Cough' is not one of the 14"),
        (HEADER_2020 + "\n" + row("00000001_000.png", "Mass|No Finding"), "'No Finding' stands beside others"),
        (HEADER_2020 + "\n" + row("00000001_000.png", ""), "finding '' is not one"),
        (HEADER_2020 + ("\n" + row("00000001_000.png", "Mass")) * 2, "row 3: .*already"),
        (HEADER_2020 + "\n00000001_000.png,Mass,0,1.0,57\n", "row 2: Patient ID '1.0'"),
        (HEADER_2020 + "\n../00000001_000.png,Mass,0,1,57\n", "plain file name"),
        (HEADER_2020 + "\n00000001_000.dcm,Mass,0,1,57\n", "plain file name"),
        (HEADER_2020 + "\n00000001_000.png,Mass\n", "row 2 has only 2 columns"),
        (
            HEADER_2020 + "\n00000001_000.png,Mass,0,00001\n00000001_001.png,Mass,1,2\n",
            r"in 1 of 2 rows .*\(row 3: 00000001_001\.png has 2\)",
        ),
    ],
)  # fmt: skip
def test_metadata_errors(tmp_path, text, error):
    path = tmp_path / "Data_Entry_2017.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=error):
        read_metadata(path)


def test_sex_age_and_view_are_handed_on_as_far_as_they_are_known(tmp_path):
    path = tmp_path / "a.csv"
    lines = ["1,Mass,00000001_000.png,057Y,M,PA", "1,Mass,00000001_001.png,58,M,AP", "2,Mass,00000002_000.png,414,,"]
    path.write_text(
        "\n".join(["Patient ID,Finding Labels,Image Index,Patient Age,Patient Gender,View Position", *lines])
    )
    assert [study.columns for study in read_metadata(path).values()] == [
        {"age": 57, "sex": "M", "view": "PA"},
        {"age": 58, "sex": "M", "view": "AP"},
        {},  # nobody is 414 years old
    ]
    path.write_text("Patient ID,Finding Labels,Image Index\n1,Mass,00000001_000.png")
    assert read_metadata(path)["00000001_000.png"].columns == {}
