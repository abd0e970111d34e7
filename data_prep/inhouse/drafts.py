"""Images before they have all that is handed on: which file, frame, row and person, and what is known of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from data_prep.inhouse.bands import age_in_years, vendor
from data_prep.inhouse.header_filter import VIEWS, known_term
from data_prep.inhouse.label_table import TableRow
from data_prep.inhouse.survey import RASTER_SUFFIXES, Seen


@dataclass(frozen=True, slots=True)
class Draft:
    """One image to be."""

    name: str  # its pseudonym
    patient: str  # its patient's pseudonym
    seen: Seen  # its file
    row: TableRow | None  # of the table
    frame: int | None  # of the file, from 0; None of a single picture

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

        ``covariates`` are columns of the table; ``site`` makes the code of a site's name.
        """
        known: dict[str, Any] = {}
        if (header := self.seen.header) is not None:
            known["sex"] = header.sex if header.sex in ("F", "M", "O") else None
            known["age"] = age_in_years(header.age)
            known["view"] = known_term(header.view, VIEWS) or None
            known["vendor"] = vendor(header.manufacturer)
        for name in covariates:
            known.pop(name.lower(), None)
        if self.row is not None:
            known["site"] = None if self.row.site is None else site(self.row.site)
            known |= self.row.covariates
        return {name: value for name, value in known.items() if value is not None}

    def mapping(self) -> dict[str, str]:
        """Return the row of ``mapping.csv``: who is who."""
        row = {
            "image": self.name,
            "patient": self.patient,
            "path": self.seen.file.path,
            "frame": "" if self.frame is None else str(self.frame),
            "date": "" if self.date is None else self.date.isoformat(),
            "patient_id": (self.row.patient if self.row is not None else None) or "",
            "site": (self.row.site if self.row is not None else None) or "",
        }
        if (header := self.seen.header) is not None:
            row |= {
                "patient_id": header.patient or row["patient_id"],
                "accession_number": header.accession,
                "study_instance_uid": header.study,
                "sop_instance_uid": header.sop,
            }
        return row


def frames_of(own: Seen, which: str) -> list[int | None]:
    """Return the frames of a file that become images: "first", "middle" or "all"; [None] of a single picture."""
    number = own.header.frames if own.header is not None else 1
    if number <= 1:
        return [None]
    if which == "all":
        return list(range(number))
    return [0 if which == "first" else (number - 1) // 2]
