"""Images before they are written: file, frame, row and person, and the columns that are handed on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from data_prep.candidates import Candidate
from data_prep.inhouse.bands import OTHER, age_in_years, banded, vendor
from data_prep.inhouse.covariates import DIGITS
from data_prep.inhouse.header_filter import VIEWS, known_term
from data_prep.inhouse.label_table import TableRow
from data_prep.inhouse.pseudonyms import plain_id
from data_prep.inhouse.sentences import say
from data_prep.inhouse.survey import RASTER_SUFFIXES, Seen
from monai_mocoi.data.ages import is_age


@dataclass(frozen=True, slots=True)
class Draft:
    """One image to be."""

    name: str  # its pseudonym
    patient: str  # its patient's pseudonym
    seen: Seen  # its file
    row: TableRow | None  # of the table
    frame: int | None  # of the file, from 0; None of a single picture
    folder: str = ""  # the patient's, where folders say who a patient is

    @property
    def date(self) -> date | None:
        """The day by the table, else by the header."""
        if self.row is not None and self.row.date is not None:
            return self.row.date
        return self.seen.header.date if self.seen.header is not None else None

    def columns(self, covariates: Sequence[str], site: Callable[[str], str]) -> dict[str, Any]:
        """Return what may be handed on, the table before the header; ``site`` makes the code of a site's name."""
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

    def candidate(self, columns: Mapping[str, Any], in_place: bool) -> Candidate:
        """Return the candidate, with its columns; ``in_place`` it keeps the suffix by which programs know the file."""
        suffix = RASTER_SUFFIXES.get(self.seen.kind, ".dcm") if in_place else ".png"
        label, vendor = None if self.row is None else self.row.label, str(columns.get("vendor", ""))
        source, target = self.seen.file.path, f"images/{self.name}{suffix}"
        return Candidate(self.name, source, target, self.patient, label, columns, vendor=vendor, extra=self.frame)

    def mapping(self) -> list[dict[str, str]]:
        """Return the rows of ``mapping.csv``, who is who: one for each id by folder, header and table."""
        row = {
            "image": self.name,
            "patient": self.patient,
            "path": self.seen.file.path,
            "frame": "" if self.frame is None else str(self.frame),
            "date": "" if self.date is None else self.date.isoformat(),
            "site": (self.row.site if self.row is not None else None) or "",
        }
        header = self.seen.header
        if header is not None:
            row |= {
                "accession_number": header.accession,
                "study_instance_uid": header.study,
                "sop_instance_uid": header.sop,
            }
        of_table = (self.row.patient if self.row is not None else None) or ""
        ids: dict[str, str] = {}
        for told in (self.folder, "" if header is None else header.patient, of_table):
            if told:
                ids.setdefault(plain_id(told), told)
        return [row | {"patient_id": told} for told in ids.values() or [""]]


def frames_of(own: Seen, which: str) -> list[int | None]:
    """Return the frames of a file that become images: "first", "middle" or "all"; [None] of a single picture."""
    number = own.header.frames if own.header is not None else 1
    if number <= 1:
        return [None]
    if which == "all":
        return list(range(number))
    return [0 if which == "first" else (number - 1) // 2]


@dataclass(frozen=True)
class HandedOn:
    """Columns without rare values."""

    of_image: dict[str, dict[str, Any]]  # by name; what is not known is left out
    kinds: dict[str, list[str]]  # sorted names of the columns of "ages", of other "numbers", and of "words"
    decisions: list[str]  # sentences for the report

    @property
    def columns(self) -> list[str]:
        """Their names, in their order."""
        return list(dict.fromkeys(column for own in self.of_image.values() for column in own))

    def sentences(self, rare: int) -> list[str]:
        """Say in the report what was made coarser."""
        return say("coarser", self.kinds, DIGITS, rare, OTHER)


def hand_on(drafts: Sequence[Draft], covariates: Sequence[str], site: Callable[[str], str], rare: int) -> HandedOn:
    """Gather the columns of all images, see :meth:`Draft.columns`, values of fewer than ``rare`` patients together."""
    columns: dict[str, dict[str, Any]] = {}
    for draft in drafts:
        for column, value in draft.columns(covariates, site).items():
            columns.setdefault(column, {})[draft.name] = value
    kinds: dict[str, list[str]] = {"ages": [], "numbers": [], "words": []}
    for column, values in sorted(columns.items()):
        numbers = all(isinstance(value, int | float) for value in values.values() if value is not None)
        kinds["ages" if is_age(column) else "numbers" if numbers else "words"].append(column)
    columns, merged = banded(columns, {draft.name: draft.patient for draft in drafts}, rare)
    together = [(column, count, OTHER in columns[column].values()) for column, count in sorted(merged.items())]
    decisions = say("columns", kinds["numbers"], together, rare, OTHER)
    of_image: dict[str, dict[str, Any]] = {draft.name: {} for draft in drafts}
    for column, values in columns.items():
        for name, value in values.items():
            if value is not None:
                of_image[name][column] = value
    return HandedOn(of_image, kinds, decisions)


def hidden_again(candidates: Sequence[Candidate], rare: int) -> dict[str, Candidate]:
    """Return candidates by name, values of fewer than ``rare`` patients among them together; see :func:`banded`."""
    columns: dict[str, dict[str, Any]] = {}
    for own in candidates:
        for column, value in own.columns.items():
            columns.setdefault(column, {})[own.name] = value
    columns, _ = banded(columns, {own.name: own.patient for own in candidates}, rare)
    changed = {}
    for own in candidates:
        left = {column: value for column in own.columns if (value := columns[column][own.name]) is not None}
        changed[own.name] = replace(own, columns=left, vendor=str(left.get("vendor", "")))
    return changed
