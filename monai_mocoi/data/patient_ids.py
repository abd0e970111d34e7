"""Patients told twice: spellings of one id, and what published file names say of the patient."""

import hashlib
import posixpath
import re

_NUMBER = re.compile(r"0*([0-9]+?)(?:\.0*)?")  # tables drop leading zeros, or make a decimal number of it
_SCHEMES = {
    "NIH ChestX-ray14": re.compile(r"([0-9]{8})_[0-9]{3}\.\w+"),
    "IDC": re.compile(r"([A-Za-z0-9-]+)_idx[0-9]+_x[0-9]+_y[0-9]+_class[0-9]+\.\w+", re.IGNORECASE),
    "EyePACS": re.compile(r"([0-9]+)_(?:left|right)\.\w+", re.IGNORECASE),
}
SCHEME_OF_SOURCE = {"nih": "NIH ChestX-ray14", "bch": "IDC", "eyepacs": "EyePACS"}
"""The scheme of the names in a dataset folder, by the ``source`` of its manifest."""


def patient_key(patient: str) -> str:
    """Return what all spellings of a patient's id have in common.

    That is the id without blanks around it; of a number, without leading zeros and an empty decimal part: "1" for "1",
    "00000001", "1.0" and " 01 ".
    """
    text = patient.strip()
    number = _NUMBER.fullmatch(text)
    return number[1] if number else text


def patient_in_name(name: str) -> tuple[str, str] | None:
    """Return the published scheme of a file's name and the patient's id in it; None for a name of no known scheme.

    The schemes are ``00000061_012.png`` (NIH ChestX-ray14), ``8863_idx5_x51_y1251_class0.png`` (IDC) and
    ``10_left.jpeg`` (EyePACS), with any suffix, in any folder.
    """
    for scheme, pattern in _SCHEMES.items():
        if found := pattern.fullmatch(posixpath.basename(name)):
            return scheme, found[1]
    return None


def patient_code(patient: str) -> int:
    """Return a number for a patient's id, the same in every split and run: the first 63 bits of its SHA-256.

    It fits a torch int64; two of a million patients meet by a chance of less than 1e-7.
    """
    return int.from_bytes(hashlib.sha256(patient.encode()).digest()[:8], "big") >> 1
