"""A small hospital export with planted identities and all that goes wrong in exports, and its labels table."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from tests.support.dicom_files import SECONDARY, content, dataset, picture, save, uid

SURNAMES = ("Qvistgaard", "Müllerström", "Zubizarreta", "Ó Dálaigh")


@dataclass
class Export:
    """What was written.

    Attributes:
        images: the folder.
        labels: the table: byte-order mark, semicolons, a row without image, one twice, one contradicting.
        planted: everything that identifies someone.
        label_of: of each accession number, what the table says: pneumonia and effusion.
        odd: path below ``images`` -> what is wrong with it.
    """

    images: Path
    labels: Path
    planted: set[str] = field(default_factory=set)
    label_of: dict[str, list[int | None]] = field(default_factory=dict)
    odd: dict[str, str] = field(default_factory=dict)


def write_export(folder: Path, patients: int = 16) -> Export:
    """Write an export; the last quarter of the patients have no row in the table."""
    export = Export(folder / "export", folder / "labels.csv")
    rows = []
    for k in range(patients):
        surname = SURNAMES[k % len(SURNAMES)]
        patient, accession, day = f"MRN{7_310_000 + k}", f"ACC{81_420_000 + k}", f"2019{k % 9 + 1:02d}17"
        study = uid("study", k)
        export.planted |= {surname, patient, accession, day, study, "Trevelyan", "Corvinus"}
        place = export.images / f"{surname}_{patient}"
        labels: list[int | None] = [k % 2, None if k % 5 == 4 else int(k % 3 == 0)]
        if k < 0.75 * patients:
            export.label_of[accession] = labels
            rows.append(
                [accession, patient, ["no", "yes"][labels[0] or 0], {0: "0", 1: "1.0", None: ""}[labels[1]], surname]
            )

        def one(name: str, pixels: np.ndarray, **tags: object) -> Path:
            sop = uid("sop", k, name)  # noqa: B023
            export.planted.add(sop)
            given = {
                "PatientID": patient,  # noqa: B023
                "PatientName": f"{surname}^Thaddeus",  # noqa: B023
                "AccessionNumber": accession,  # noqa: B023
                "StudyInstanceUID": study,  # noqa: B023
                "StudyDate": day,  # noqa: B023
                "SOPInstanceUID": sop,
                "InstitutionName": "St. Corvinus Klinikum",
                "ReferringPhysicianName": "Prof^Trevelyan",
                "StudyDescription": f"THORAX for {surname}",  # noqa: B023
                "PatientSex": "FM"[k % 2],  # noqa: B023
                "PatientAge": f"{30 + 4 * k:03d}Y",  # noqa: B023
                "Manufacturer": ("AGFA", "FUJI")[k % 2],  # noqa: B023
                "SpecificCharacterSet": "ISO_IR 100" if k % 3 else "ISO_IR 192",  # noqa: B023
            }
            return save(place / name, pixels, **{**given, **tags})  # noqa: B023

        def odd(name: str, what: str) -> Path:
            export.odd[f"{surname}_{patient}/{name}"] = what  # noqa: B023
            return place / name  # noqa: B023

        first = picture(100 + k, 64)
        one("IM1", first, rle=k % 4 == 3)
        deep = (picture(200 + k, 64).astype(np.uint16) * 257) if k % 2 else picture(200 + k, 64)
        one(
            "IM2.dcm",
            255 - deep if not k % 2 else deep,
            PhotometricInterpretation="MONOCHROME1" if not k % 2 else "MONOCHROME2",
        )
        if k == 0:
            odd("SCREEN", "secondary capture")
            one("SCREEN", picture(300, 64), SOPClassUID=SECONDARY, ImageType=["DERIVED", "SECONDARY"])
        if k == 1:
            odd("TEXT", "burned-in by its header")
            one("TEXT", picture(301, 64), BurnedInAnnotation="YES")
        if k == 2:
            odd("IM1_copy.dcm", "same instance twice").write_bytes((place / "IM1").read_bytes())
        if k == 3:
            odd("REPORT.dcm", "no pixels")
            one("REPORT.dcm", first, Modality="SR", Rows=None, Columns=None, PixelData=None)
        if k == 4:
            whole = content(dataset(picture(302, 64), PatientID=patient, AccessionNumber=accession))
            odd("CUT.dcm", "truncated").write_bytes(whole[: len(whole) - 3000])
        if k == 5:
            Image.fromarray(picture(303, 64)).save(odd(f"{surname}.png", "picture without patient"))
        if k == 6:
            odd("EMPTY.dcm", "empty").touch()
            odd("PAGE.dcm", "text").write_text(f"<html>{surname}</html>")
        if k == 7:
            odd("HUGE.dcm", "declares 60000 x 60000")
            one("HUGE.dcm", picture(304, 64), Rows=60000, Columns=60000)
        if k == 8:
            odd("NOID.dcm", "no patient id, no row")
            one("NOID.dcm", picture(305, 64), PatientID="", AccessionNumber="")
        if k == 9:
            one("MULTI.dcm", picture(306, 64), frames=3)
        if k == 10:
            odd("SAME.dcm", "the picture of another instance")
            one("SAME.dcm", first)
        if k == 11:
            odd("SYNTAX.dcm", "no transfer syntax")
            raw = content(dataset(picture(307, 64), PatientID=patient))
            (place / "SYNTAX.dcm").write_bytes(raw[132 + 12 + int.from_bytes(raw[140:144], "little") :])
        if k == 13:
            odd("RESCALE.dcm", "a date in a field of a number")
            export.planted.add("19310405")
            one("RESCALE.dcm", picture(309, 64), RescaleIntercept="19310405", RescaleSlope="1e-30")
        if k == 12:
            one("MRN.dcm", picture(308, 64), PatientID=f" mrn00{7_310_000 + k} ")
    export.odd["link.dcm"] = "leads out"
    (folder / "outside.txt").write_text("Qvistgaard")
    (export.images / "link.dcm").symlink_to("../outside.txt")
    export.odd["notes.txt"] = "text"
    (export.images / "notes.txt").write_text("call Qvistgaard about MRN7310000")
    contradicting = [*rows[1][:2], "no", *rows[1][3:]]
    export.label_of[rows[1][0]][0] = None
    with open(export.labels, "w", encoding="utf-8-sig", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["Accession", "MRN", "pneumonia", "effusion", "comment"])
        table.writerows([*rows, ["ACC_NOT_THERE", "MRN_NOT_THERE", "no", "0", ""], rows[0], contradicting])
    return export
