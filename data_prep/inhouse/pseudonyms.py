"""Pseudonyms: keyed hashes in the place of patients' ids, images and sites.

A hash without a key hides nothing: whoever hashes all medical record numbers has the list. The same key gives the same
hashes, so that a second export of the same hospital fits.
"""

import hashlib
import hmac
import re
import unicodedata

from monai_mocoi.data.patient_ids import patient_key

KEY_BYTES = 32
_DIGITS = 16
_SITE_DIGITS = 6
_PARTS = re.compile(r"\d+|[^\W\d_]+")
_NOBODY = frozenset(
    """
    0 - . ? x xx xxx xxxx na n/a none null unknown unbekannt anon anonym anonymous anonymized anonymised anonymisiert
    deidentified removed test patient noid no_id
    """.split()  # noqa: SIM905
)
_RECORD_NUMBER = re.compile(r"mrn[\s:#._-]*(?=[0-9])")


class Pseudonyms:
    """Names for patients, images and sites: HMAC-SHA256 with a secret key (RFC 2104), cut to 64 bits.

    A million different names share a hash with a chance below one in ten million. The key has 32 random bytes, else it
    is a ValueError. ``key_fingerprint`` distinguishes keys and reveals nothing of them.
    """

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"the key has {len(key)} bytes; {KEY_BYTES} are needed.")
        self._key = bytes(key)
        self.key_fingerprint = self._hash("key", "", _DIGITS)

    def patient(self, patient_id: str) -> str:
        """Return "p" and 16 hexadecimal digits, the same for all spellings of an id; an empty one is a ValueError."""
        plain = plain_id(patient_id)
        if not plain:
            raise ValueError("the patient's id is empty.")
        return "p" + self._hash("patient", plain, _DIGITS)

    def image(self, text: str) -> str:
        """Return the pseudonym of an image, "i" and 16 hexadecimal digits, by its path below the export and frame."""
        return "i" + self._hash("image", text, _DIGITS)

    def site(self, name: str) -> str:
        """Return the code of a site: "site-" and 6 hexadecimal digits; capitals and blanks do not matter."""
        # No running number: two parts prepared side by side would number their sites differently.
        return "site-" + self._hash("site", " ".join(_plain(name).split()), _SITE_DIGITS)

    def setting(self, text: str) -> str:
        """Return 16 hexadecimal digits for a setting of the dataset folder that is itself private, such as a date."""
        return self._hash("setting", text, _DIGITS)

    def secret(self, purpose: str) -> bytes:
        """Return a key for another purpose, 32 bytes, that does not reveal this one."""
        return hmac.digest(self._key, f"secret\0{purpose}".encode(), "sha256")

    def _hash(self, kind: str, text: str, digits: int) -> str:
        # The kind is hashed too: a patient and an image of one name must not show that they have it.
        message = f"{kind}\0{text}".encode(errors="surrogateescape")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()[:digits]


def normalised_patient(patient_id: str) -> str:
    """Return what all spellings of a patient's id have in common.

    As :func:`monai_mocoi.data.patient_ids.patient_key`, and without regard to capitals, to the forms of Unicode and to
    "MRN" (medical record number) before a number: "12" for "12", "0012", " 12 ", "12.0", "mrn12" and "MRN-0012".
    """
    text = patient_key(_plain(patient_id))
    number = _RECORD_NUMBER.match(text)
    return patient_key(text[number.end() :]) if number else text


def names_nobody(text: str) -> bool:
    """Whether a word stands in the place of an id or accession number: 0, N/A or ANONYMOUS, say."""
    return normalised_patient(text) in _NOBODY


def plain_id(patient: str) -> str:
    """Return the letters and numbers of an id in their order, or its signs if it has neither.

    As :func:`normalised_patient`, and without regard to signs between them and to zeros before a number: "qx-12" for
    "QX 0012", "qx-12" and "qx12", but "1-12" for "1/12".
    """
    normalised = normalised_patient(patient)
    parts = [part.lstrip("0") or "0" if part.isdigit() else part for part in _PARTS.findall(normalised)]
    return "-".join(parts) or normalised


def _plain(text: str) -> str:
    # NUL and blanks are DICOM's padding.
    return unicodedata.normalize("NFKC", text).replace("\0", " ").strip().casefold()
