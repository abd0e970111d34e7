"""Choose DICOM pictures by their headers: kind of object, modality, body part and view."""

from collections import Counter
from collections.abc import Iterable, Sequence

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.source_options import InhouseOptions
from monai_mocoi.data.dicom_kind import BODY_PARTS, MODALITIES
from monai_mocoi.errors import RefusedError

BURNED_IN = "burned-in text by the header (--keep-burned-in takes it)"
DERIVED = "derived from another picture by its header (--keep-derived takes it)"
SECONDARY = "a secondary capture, such as a screen shot (--keep-secondary takes it)"
NO_PHOTOGRAPH = "no picture of a patient: a segmentation, dose, parameter map or structured object"

VIEWS = ("PA", "AP", "LL", "RL", "LATERAL", "RLD", "LLD", "RLO", "LLO", "CC", "MLO", "ML", "LM", "XCCL", "XCCM")
"""Terms of View Position (0018,5101) that are handed on, and those that archives commonly write in their place."""
_SAME_VIEW = {"LAT": "LATERAL", "LATERAL LEFT": "LL", "LATERAL RIGHT": "RL", "L LAT": "LL", "R LAT": "RL"}

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"  # and its multi-frame kinds, .7.1 to .7.4
_STRUCTURED = frozenset({"SR", "PR", "KO", "SEG", "RTDOSE", "RTSTRUCT", "RTPLAN", "REG", "FID", "DOC", "AU", "SMR"})


def why_unwanted(header: DicomHeader, wanted: InhouseOptions) -> str | None:
    """Return why a file is left out, in terms of the standard alone; None: it is wanted. No values want any."""
    if reason := _another_kind(header, wanted):
        return reason
    for words, values, found, terms in _choices(header, wanted):
        if values and _SAME_VIEW.get(found, found) not in {
            _SAME_VIEW.get(word, word) for word in (own.strip().upper() for own in values)
        }:
            return f"another {words} than was asked for ({known_term(found, terms) or 'none or no usual term'})"
    return BURNED_IN if header.burned_in == "YES" and not wanted.keep_burned_in else None


def check_any_wanted(headers: Iterable[DicomHeader], wanted: InhouseOptions) -> None:
    """Stop (RefusedError) where what was asked for leaves no DICOM picture, though there were some."""
    pictures = [
        header
        for header in headers
        if not _another_kind(header, wanted) and (header.burned_in != "YES" or wanted.keep_burned_in)
    ]
    if not pictures or any(why_unwanted(header, wanted) is None for header in pictures):
        return
    said = []
    for n, (words, values, _, terms) in enumerate(_choices(pictures[0], wanted)):
        if values:
            found = (_choices(header, wanted)[n][2] for header in pictures)
            counts = Counter(known_term(v, terms) or ("other words" if v else "nothing") for v in found)
            told = ", ".join(f"{term} ({count})" for term, count in counts.most_common())
            said.append(f"--{words.replace(' ', '-')} {' '.join(values)!r} (the headers say {told})")
    raise RefusedError(
        f"none of {len(pictures)} DICOM pictures is what was asked for: {'; '.join(said)}. Several values are "
        "separated by blanks; no pixel was read."
    )


def _another_kind(header: DicomHeader, wanted: InhouseOptions) -> str | None:
    if header.modality in _STRUCTURED:
        return NO_PHOTOGRAPH
    # First, because it is the stronger word: a screen shot is derived too.
    secondary = header.sop_class == _SECONDARY_CAPTURE or header.sop_class.startswith(_SECONDARY_CAPTURE + ".")
    if not wanted.keep_secondary and (secondary or "SECONDARY" in header.image_type[1:2]):
        return SECONDARY
    derived = not secondary and header.image_type[:1] == ("DERIVED",)
    return DERIVED if derived and not wanted.keep_derived else None


def _choices(header: DicomHeader, wanted: InhouseOptions) -> Sequence[tuple[str, Sequence[str], str, Sequence[str]]]:
    """Each choice in words, its values, what the header says, and the terms of the standard."""
    return (
        ("modality", wanted.modality, header.modality, MODALITIES),
        ("body part", wanted.body_part, header.body_part, BODY_PARTS),
        ("view", wanted.view, header.view, VIEWS),
    )


def known_term(found: str, terms: Sequence[str]) -> str:
    """Return a value that is a term of the standard, else "": any other text could be a name."""
    found = _SAME_VIEW.get(found, found)
    return found if found in terms else ""
