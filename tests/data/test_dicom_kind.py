"""What a DICOM header says of the kind of picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monai_mocoi.data.dicom_kind import dicom_contradiction
from tests.transforms.dicom_files import PATIENT, dataset, write

PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8)


@pytest.mark.parametrize(
    ("modality", "fields"),
    [
        ("chest", {"Modality": "CR", "BodyPartExamined": "CHEST"}),
        ("chest", {"Modality": "DX", "BodyPartExamined": "torax pa"}),
        ("chest", {"Modality": "DX"}),
        ("chest", {"BodyPartExamined": ""}),
        ("chest", {"Modality": "OT"}),
        ("chest", {}),
        ("fundus", {"Modality": "OP", "BodyPartExamined": "EYE"}),
        ("histology", {"Modality": "SM", "BodyPartExamined": "BREAST"}),
        ("knee", {"Modality": "MR", "BodyPartExamined": "HIP"}),
        (None, {"Modality": "MR"}),
    ],
)
def test_nothing_speaks_against_it(tmp_path: Path, modality: str | None, fields: dict[str, Any]) -> None:
    assert dicom_contradiction(write(tmp_path / "a", PIXELS, **fields), modality) is None


@pytest.mark.parametrize(
    ("modality", "fields", "said"),
    [
        ("chest", {"Modality": "CR", "BodyPartExamined": "HIP"}, "Body Part Examined HIP, but"),
        ("chest", {"Modality": "MR"}, "Modality MR, but the classifier is for chest X-rays"),
        ("chest", {"Modality": "CT", "BodyPartExamined": "CHEST"}, "says Modality CT, but"),
        ("chest", {"Modality": "US", "BodyPartExamined": "BREAST"}, "Modality US and Body Part Examined BREAST"),
        ("fundus", {"Modality": "OPT", "BodyPartExamined": "EYE"}, "Modality OPT, but the classifier is for fundus"),
        ("histology", {"Modality": "CR"}, "Modality CR, but the classifier is for histopathology"),
    ],
)
def test_what_speaks_against_it_is_named(tmp_path: Path, modality: str, fields: dict[str, Any], said: str) -> None:
    assert said in str(dicom_contradiction(write(tmp_path / "a", PIXELS, **fields), modality))


def test_only_terms_of_the_standard_are_repeated(tmp_path: Path) -> None:
    path = write(tmp_path / "a", PIXELS, Modality="CR", BodyPartExamined="GEHEIM VORNAME")
    said = str(dicom_contradiction(path, "chest"))
    assert "Body Part Examined a text that is no term of the standard" in said
    assert "GEHEIM" not in said
    write(path, PIXELS, Modality="GEHEIM")
    assert "GEHEIM" not in str(dicom_contradiction(path, "chest"))
    assert not any(part.upper() in said.upper() for part in PATIENT.split("^"))


def test_other_formats_and_damaged_headers_say_nothing(tmp_path: Path) -> None:
    assert dicom_contradiction(tmp_path / "missing.dcm", "chest") is None
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert dicom_contradiction(tmp_path / "a.png", "chest") is None
    (tmp_path / "b").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 9)
    assert dicom_contradiction(tmp_path / "b", "chest") is None


def test_a_file_without_its_preamble_is_read_too(tmp_path: Path) -> None:
    made = dataset(PIXELS, Modality="MR")
    made.save_as(tmp_path / "whole", enforce_file_format=True)
    (tmp_path / "bare").write_bytes((tmp_path / "whole").read_bytes()[132:])
    assert "Modality MR" in str(dicom_contradiction(tmp_path / "bare", "chest"))
