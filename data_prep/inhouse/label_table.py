"""The labels table: what its columns hold, and what several rows say together of one image, study or patient."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from data_prep.inhouse.cells import one_spelling
from data_prep.inhouse.covariates import check_told_apart, read_covariate, read_dates
from data_prep.inhouse.identifying_text import names_people
from data_prep.inhouse.labels import Labels, read_labels
from data_prep.inhouse.pseudonyms import plain_id
from data_prep.inhouse.source_options import InhouseOptions
from data_prep.inhouse.table_file import LabelFile
from monai_mocoi.data.ages import Value, is_age
from monai_mocoi.data.columns import NO_COLUMNS, as_value
from monai_mocoi.errors import DatasetError, RefusedError

TWO_PATIENTS = "the table gives it two patients"

Known = TypeVar("Known", bound=Hashable)


@dataclass(frozen=True)
class TableRow:
    """What the table says of one image, study or patient; None where it is not known, or differs between rows."""

    numbers: tuple[int, ...]  # of its rows in the file
    label: int | list[int | None] | None  # a class number, or 0, 1 or None for each finding; None: nothing is known
    patient: str | None = None
    site: str | None = None
    date: "date | None" = None
    covariates: dict[str, str | float | int] = field(default_factory=dict)  # those that are known
    fault: str | None = None  # why it cannot be used


class LabelTable:
    """The rows of a table, read; free text, dates or ids in a column are a DatasetError."""

    def __init__(self, file: LabelFile, options: InhouseOptions) -> None:
        self.file = file
        if not options.label_columns:
            raise RefusedError("--labels needs --label-columns: the names of the columns with the labels.")
        label_columns = _once("--label-columns", file.find("--label-columns", options.label_columns))
        covariates = _once("--covariates", file.find("--covariates", options.covariates))
        patient, site, day = (
            file.find(f"--{what}-column", [name])[0] if (name := getattr(options, f"{what}_column")) else None
            for what in ("patient", "site", "date")
        )
        if clash := [name for name in covariates if name.lower() in {*NO_COLUMNS, "site"}]:
            raise RefusedError(f"--covariates: {clash[0]!r} is the name of something else in the list; rename it.")
        # None of them holds the key of a row.
        self.used = {*label_columns, *covariates, *filter(None, (site, day))}
        self.labels: Labels = read_labels([(name, file.column(name)) for name in label_columns], file.numbers)
        self._patients, self._sites = self._texts(patient), one_spelling(self._texts(site))
        self._dates = read_dates(day, file.column(day), file.numbers) if day else [None] * len(file.numbers)
        self._covariates = {name: read_covariate(name, file.column(name)) for name in covariates}
        self.no_ages = {name: self._not_read(name) for name in covariates if is_age(name)}
        # Filled by joined: the rows that contradict one another, by what they differ in, and how many repeat another.
        self.contradictions: dict[str, list[int]] = {}
        self.repeated = 0

    def joined(self, places: Sequence[int]) -> TableRow:
        """Return what the rows at some positions say together of the one thing that they name.

        A known value counts more than an empty cell. A value on which they contradict one another becomes unknown,
        because nobody knows which row is right. With two patients, nobody knows whose picture it is.
        """
        numbers = tuple(self.file.numbers[place] for place in places)
        differ: list[str] = []

        def agreed(what: str, values: Iterable[Known | None]) -> Known | None:
            known = {value for value in values if value is not None}
            if len(known) > 1:
                differ.append(what)
            return known.pop() if len(known) == 1 else None

        own: Any = [self.labels.values[place] for place in places]
        label: int | list[int | None] | None
        if self.labels.kind == "single":
            label = agreed("label", own)
        else:
            by_finding = zip(self.labels.names, zip(*own, strict=True), strict=True)
            findings = [agreed(name, values) for name, values in by_finding]
            label = None if all(value is None for value in findings) else findings
        patients: dict[str, str] = {}
        for patient in filter(None, (self._patients[place] for place in places)):
            patients.setdefault(plain_id(patient), patient)
        covariates: dict[str, Any] = {
            name: agreed(name, (cells[place] for place in places)) for name, cells in self._covariates.items()
        }
        row = TableRow(
            numbers=numbers,
            label=label,
            patient=next(iter(patients.values())) if len(patients) == 1 else None,
            site=agreed("site", (self._sites[place] for place in places)),
            date=agreed("date", (self._dates[place] for place in places)),
            covariates={name: value for name, value in covariates.items() if value is not None},
            fault=TWO_PATIENTS if len(patients) > 1 else None,
        )
        if row.fault:
            differ.append("patient")
        for what in differ:
            self.contradictions.setdefault(what, []).extend(numbers)
        if not differ:
            self.repeated += len(places) - 1
        return row

    def check_names(self, names: set[str]) -> None:
        """Refuse columns to hand on (DatasetError) whose values are names of people in the headers."""
        columns: list[tuple[str, str, Sequence[Value]]] = [
            *(("--covariates", name, cells) for name, cells in self._covariates.items()),
            *(("--label-columns", name, words) for name, words in self.labels.words.items()),
        ]
        for option, name, values in columns:
            if names_people([value for value in values if isinstance(value, str)], names):
                raise DatasetError(
                    f"{option}: most values of {name!r} are names of people in the headers; leave it out."
                )

    def check_told_apart(self, rows: Sequence[TableRow | None], patients: Sequence[str]) -> None:
        """Refuse covariates (DatasetError) that are ids; for a patient "", that of the row counts, or the row."""
        own = [
            (row, plain_id(row.patient or patient) or f"row {row.numbers[0]}")
            for row, patient in zip(rows, patients, strict=True)
            if row is not None
        ]
        for name in self._covariates:
            check_told_apart(name, [row.covariates.get(name) for row, _ in own], [patient for _, patient in own])

    def _not_read(self, name: str) -> list[int]:
        """The numbers of the rows whose cell of a covariate says something that was not understood."""
        told = zip(self.file.numbers, self.file.column(name), self._covariates[name], strict=True)
        return [number for number, cell, value in told if value is None and as_value(cell) is not None]

    def _texts(self, column: str | None) -> list[str | None]:
        cells = self.file.column(column) if column else [""] * len(self.file.numbers)
        return [None if as_value(cell) is None else cell for cell in cells]


def _once(option: str, columns: list[str]) -> list[str]:
    if len(set(columns)) < len(columns):
        raise RefusedError(f"{option} names a column twice.")
    return columns
