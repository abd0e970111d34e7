from __future__ import annotations

import pytest

from monai_mocoi.data.patient_ids import patient_in_name, patient_key


@pytest.mark.parametrize("spelling", ["1", "00000001", "1.0", " 01 ", "1.", "001.000"])
def test_spellings_of_one_number(spelling):
    assert patient_key(spelling) == "1"


@pytest.mark.parametrize(
    ("patient", "key"),
    [("0", "0"), ("000", "0"), ("100", "100"), ("0x1", "0x1"), ("p01", "p01"), ("1.5", "1.5"), ("", "")],
)
def test_other_ids_stay_apart(patient, key):
    assert patient_key(patient) == key


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("images/00000061_012.png", ("NIH ChestX-ray14", "00000061")),
        ("a/b/8863_idx5_x51_y1251_class0.png", ("IDC", "8863")),
        ("10_left.jpeg", ("EyePACS", "10")),
        ("10_RIGHT.JPG", ("EyePACS", "10")),
        ("images/000.png", None),
        ("00000061_012/x.png", None),
        ("00000061_0123.png", None),
        ("eye_left.png", None),
    ],
)
def test_published_names(name, told):
    assert patient_in_name(name) == told
