from __future__ import annotations

import pytest

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.export_tree import ExportFile
from data_prep.inhouse.patients import join_patients
from data_prep.inhouse.pseudonyms import Pseudonyms
from data_prep.inhouse.split_lines import line_reader
from data_prep.inhouse.survey import Seen

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
    assert line_reader(files, join_patients(["7", "9"], ["T1", ""]), NAMES)(line) == meant
