"""Which DICOM pictures are wanted: by kind of object, modality, body part and view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from data_prep.inhouse.dicom_headers import DicomHeader
from monai_mocoi.data.dicom_kind import BODY_PARTS, MODALITIES

BURNED_IN = "burned-in text by the header (--keep-burned-in takes it)"
DERIVED = "derived from another picture by its header (--keep-derived takes it)"
SECONDARY = "a secondary capture, such as a screen shot (--keep-secondary takes it)"
NO_PHOTOGRAPH = "no picture of a patient: a segmentation, dose, parameter map or structured object"

VIEWS = ("PA", "AP", "LL", "RL", "LATERAL", "RLD", "LLD", "RLO", "LLO", "CC", "MLO", "ML", "LM", "XCCL", "XCCM")
"""Terms of View Position (0018,5101) that are handed on, and those that archives commonly write in their place."""
_SAME_VIEW = {"LAT": "LATERAL", "LATERAL LEFT": "LL", "LATERAL RIGHT": "RL", "L LAT": "LL", "R LAT": "RL"}

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kinds, .7.1 to .7.4
_STRUCTURED = frozenset({"SR", "PR", "KO", "SEG", "RTDOSE", "RTSTRUCT", "RTPLAN", "REG", "FID", "DOC", "AU", "SMR"})


@dataclass(frozen=True)
class HeaderFilter:
    """What is wanted of the DICOM files; other pictures have no header and pass.

    Attributes:
        modalities: values of Modality, such as CR and DX; empty: any.
        body_parts: words of Body Part Examined, such as CHEST; empty: any, also none.
        views: values of View Position, such as PA and AP; empty: any, also none.
        keep_derived: take what its Image Type calls derived.
        keep_secondary: take secondary captures: pictures of a screen or of scanned paper as a rule, and nobody vouches
            for what is on them.
        keep_burned_in: take what its BurnedInAnnotation (0028,0301) says to show text.
    """

    modalities: Sequence[str] = ()
    body_parts: Sequence[str] = ()
    views: Sequence[str] = ()
    keep_derived: bool = False
    keep_secondary: bool = False
    keep_burned_in: bool = False

    def reason(self, header: DicomHeader) -> str | None:
        """Return why a file is left out; None: it is wanted. Only terms of the standard are repeated in it."""
        if header.modality in _STRUCTURED:
            return NO_PHOTOGRAPH
        # First, for it is the stronger word: a screen shot is derived too.
        secondary = header.sop_class == _SECONDARY_CAPTURE or header.sop_class.startswith(_SECONDARY_CAPTURE + ".")
        if not self.keep_secondary and (secondary or "SECONDARY" in header.image_type[1:2]):
            return SECONDARY
        if not self.keep_derived and not secondary and header.image_type[:1] == ("DERIVED",):
            return DERIVED
        for words, wanted, found, terms in (
            ("modality", self.modalities, header.modality, MODALITIES),
            ("body part", self.body_parts, header.body_part, BODY_PARTS),
            ("view", self.views, header.view, VIEWS),
        ):
            if wanted and _plain_view(found) not in {_plain_view(word.strip().upper()) for word in wanted}:
                return f"another {words} than was asked for ({known_term(found, terms) or 'none or no usual term'})"
        return BURNED_IN if header.burned_in == "YES" and not self.keep_burned_in else None


def known_term(found: str, terms: Sequence[str]) -> str:
    """Return a value that is a term of the standard, else "": any other text could be a name."""
    found = _plain_view(found)
    return found if found in terms else ""


def _plain_view(found: str) -> str:
    return _SAME_VIEW.get(found, found)
