"""Whether the header of a DICOM file contradicts the kind of images that a classifier is for."""

import os
from typing import NamedTuple

from monai_mocoi.errors import ImageReadError
from monai_mocoi.transforms.image_errors import guarded


class _Kind(NamedTuple):
    words: str
    modalities: frozenset[str]
    """Values of Modality (0008,0060) that may be such a picture; "OT" (other) and an empty value say nothing."""
    parts: tuple[str, ...] | None
    """Words within Body Part Examined (0018,0015) that fit; None: any part does."""


_TAGS = ("Modality", "BodyPartExamined")
_SAYS_NOTHING = {"", "OT", "SC"}  # SC: secondary capture, as some converters write
_KINDS = {
    "chest": _Kind(
        "chest X-rays",
        frozenset({"CR", "DX", "DR", "RG", "PX"}),
        # Hospitals write it in their own language.
        ("CHEST", "THORAX", "LUNG", "RIB", "CLAVICLE", "STERNUM", "TORAX", "TORACE", "PECHO", "POITRINE", "TXR", "CXR"),
    ),
    "histology": _Kind("histopathology", frozenset({"SM", "GM", "XC"}), None),
    "fundus": _Kind("fundus photographs", frozenset({"OP", "XC"}), ("EYE", "RETINA", "FUNDUS", "OPTIC", "OPHTH")),
}
# Only terms of the standard are repeated (PS3.3 C.7.3.1.1.1, PS3.16 annex L): any other text could be a name.
MODALITIES = """
    AR AU BI BMD CR CT DG DX ECG EPS ES GM HD IO IVOCT IVUS KER LEN MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV PT PX
    RF RG RTIMAGE SEG SM SR SRF TG US VA XA XC
""".split()  # noqa: SIM905 - a list would take a line a word
BODY_PARTS = """
    ABDOMEN ABDOMENPELVIS ANKLE ARM AXILLA BACK BLADDER BRAIN BREAST CALF CERVIX CHEST CLAVICLE COCCYX COLON CSPINE
    CTSPINE ELBOW ESOPHAGUS EXTREMITY EYE FACE FEMUR FINGER FOOT FOREARM HAND HEAD HEADNECK HEART HEEL HIP HUMERUS JAW
    KIDNEY KNEE LARYNX LEG LIVER LSPINE LSSPINE LUNG MANDIBLE MAXILLA MEDIASTINUM MOUTH NECK NOSE ORBIT PANCREAS PATELLA
    PELVIS PHARYNX PROSTATE RETINA RIB SCAPULA SHOULDER SKULL SPINE SPLEEN SSPINE STERNUM STOMACH THIGH THORAX THUMB
    THYROID TIBIA TLSPINE TMJ TOE TRACHEA TSPINE UTERUS WHOLEBODY WRIST
""".split()  # noqa: SIM905


def dicom_contradiction(path: str | os.PathLike[str], modality: str | None) -> str | None:
    """Compare Modality and Body Part Examined of a DICOM file with what a bundle is for, such as "chest".

    Returns a sentence, which repeats no value that is no term of the standard; None: nothing contradicts it, or the
    modality is not known here.
    """
    kind = _KINDS.get(str(modality))
    if kind is None or not _may_be_dicom(path):
        return None
    from pydicom import dcmread  # a third of a second

    try:
        with guarded("the DICOM header cannot be read"):  # and no warning of pydicom quotes it
            header = dcmread(path, force=True, stop_before_pixels=True, specific_tags=list(_TAGS))
            found, part = (str(header.get(name) or "").strip().upper() for name in _TAGS)
    except ImageReadError:  # the picture could be read: a header that cannot is no contradiction
        return None
    said = []
    if found not in kind.modalities | _SAYS_NOTHING:
        said.append(f"Modality {found}" if found in MODALITIES else "a Modality that is no term of the standard")
    if part and kind.parts is not None and not any(word in part for word in kind.parts):
        known = part if part in BODY_PARTS else "a text that is no term of the standard"
        said.append(f"Body Part Examined {known}")
    return f"the DICOM header says {' and '.join(said)}, but the classifier is for {kind.words}" if said else None


def _may_be_dicom(path: str | os.PathLike[str]) -> bool:
    try:
        with open(path, "rb") as file:
            head = file.read(132)
    except OSError:
        return False
    return head[128:] == b"DICM" or head[:2] in (b"\x02\0", b"\x08\0")
