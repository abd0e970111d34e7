from __future__ import annotations

from data_prep.candidates import Candidate
from data_prep.inhouse.export_tree import ExportFile
from data_prep.inhouse.labels import Labels
from data_prep.inhouse.patients import join_patients
from data_prep.inhouse.sentences import (
    contradicting,
    few_classes,
    files_found,
    patients_found,
    reasons,
    say,
)
from data_prep.inhouse.survey import Seen


def test_files_and_reasons_are_counted() -> None:
    seen = [Seen(ExportFile("", ""), kind) for kind in ("dicom", "dicom", "png")]
    assert files_found(seen, {}) == "3 files: 2 DICOM, 1 png"
    assert files_found(seen, {"link": [1, 2]}).endswith("; and 2 links, pipes or closed folders")
    assert reasons({"empty": [1], "text": [3, 4]}) == "empty: 1; text: 2"


def test_patients_and_what_was_brought_together() -> None:
    assert list(patients_found(join_patients(["a", "b", ""], ["", "", ""]))) == ["2 patients"]
    said = list(patients_found(join_patients(["QX1", "qx-1", *["ALL"] * 4], ["", "", "b", "c", "d", "e"])))
    assert [line.split()[0] for line in said] == ["5", "1", "1"]


def test_classes_of_few_patients() -> None:
    grades = [Candidate(f"i{k}", "", "", f"p{k // 2}", int(k > 9)) for k in range(14)]
    (said,) = few_classes(Labels(("none", "some"), "single", []), grades, 5)
    assert said.startswith("1 classes have fewer than 5 patients (some)")
    assert not list(few_classes(Labels(("none", "some"), "single", []), grades, 2))
    findings = [Candidate(f"i{k}", "", "", f"p{k}", [1, int(k < 2), int(k < 2)]) for k in range(9)]
    labels = Labels(("x", "y", "stage: 1"), "multi", [], {"stage": ("1",)})
    (said,) = few_classes(labels, findings, 5)
    assert "(stage: 1)" in said  # a rare finding is no class


def test_what_was_switched_off_is_told() -> None:
    assert "switched off" in " ".join(say("protection", ["x."], False))
    assert "switched off" not in " ".join(say("protection", ["x."], True))
    assert "x." in say("protection", ["x."], True)


def test_rows_that_contradict_one_another_are_counted_once() -> None:
    assert not list(contradicting({}))
    (said,) = contradicting({"pneumonia": [4, 5, 9], "patient": [5, 6, 6]})
    assert said.startswith("4 rows of the labels table contradict one another (pneumonia: 3, patient: 2).")
