"""Images before they have all that is handed on: which file, frame, row and person, and what is told of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from data_prep.inhouse.bands import age_in_years, vendor
from data_prep.inhouse.file_kinds import RASTER_SUFFIXES
from data_prep.inhouse.header_filter import VIEWS, known_term
from data_prep.inhouse.label_table import TableRow
from data_prep.inhouse.survey import Seen


@dataclass(frozen=True, slots=True)
class Draft:
    """One image to be.

    Attributes:
        name: its pseudonym.
        patient: its patient's pseudonym.
        seen: its file.
        row: what the table says of it; None: nothing.
        frame: which frame of the file, from 0; None of a single picture.
    """

    name: str
    patient: str
    seen: Seen
    row: TableRow | None
    frame: int | None

    @property
    def suffix(self) -> str:
        """By which other programs know the original."""
        return RASTER_SUFFIXES.get(self.seen.kind, ".dcm")

    @property
    def date(self) -> date | None:
        """The day by the table, else by the header."""
        if self.row is not None and self.row.date is not None:
            return self.row.date
        return self.seen.header.date if self.seen.header is not None else None

    def columns(self, covariates: Sequence[str], site: Callable[[str], str]) -> dict[str, Any]:
        """Return what may be handed on, before rare values are put together; the table comes before the header.

        Args:
            covariates: columns of the table.
            site: makes the code of a site's name.
        """
        told: dict[str, Any] = {}
        if (header := self.seen.header) is not None:
            told["sex"] = header.sex if header.sex in ("F", "M", "O") else None
            told["age"] = age_in_years(header.age)
            told["view"] = known_term(header.view, VIEWS) or None
            told["vendor"] = vendor(header.manufacturer)
        for name in covariates:
            told.pop(name.lower(), None)
        if self.row is not None:
            told["site"] = None if self.row.site is None else site(self.row.site)
            told |= self.row.covariates
        return {name: value for name, value in told.items() if value is not None}

    def mapping(self) -> dict[str, str]:
        """Return the row of ``mapping.csv``: who is who."""
        own, row = self.seen, self.row
        told = {"image": self.name, "patient": self.patient, "path": own.file.path}
        told["frame"] = "" if self.frame is None else str(self.frame)
        told["date"] = "" if self.date is None else self.date.isoformat()
        told["patient_id"] = row.patient or "" if row is not None else ""
        told["site"] = row.site or "" if row is not None else ""
        if (header := own.header) is not None:
            told |= {
                "patient_id": header.patient or told["patient_id"],
                "accession_number": header.accession,
                "study_instance_uid": header.study,
                "sop_instance_uid": header.sop,
            }
        return told


def frames_of(own: Seen, which: str) -> list[int | None]:
    """Return the frames of a file that become images: "first", "middle" or "all"; [None] of a single picture."""
    number = own.header.frames if own.header is not None else 1
    if number <= 1:
        return [None]
    if which == "all":
        return list(range(number))
    return [0 if which == "first" else (number - 1) // 2]
