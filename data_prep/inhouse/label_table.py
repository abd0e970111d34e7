"""The labels table: which columns say what, and what several rows say of one thing together."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar

from data_prep.inhouse.covariates import check_told_apart, read_covariate
from data_prep.inhouse.dates import read_dates
from data_prep.inhouse.label_words import Labels, read_labels
from data_prep.inhouse.people import names_people
from data_prep.inhouse.pseudonyms import plain_id
from data_prep.inhouse.table_file import LabelFile
from monai_mocoi.data.ages import Value
from monai_mocoi.data.columns import NO_COLUMNS, as_value
from monai_mocoi.errors import DatasetError, RefusedError

TWO_PATIENTS = "the table gives it two patients"

Known = TypeVar("Known", bound=Hashable)


@dataclass(frozen=True)
class TableOptions:
    """Which columns of the table are read.

    Attributes:
        labels: findings and columns of classes; at least one.
        patient: of the patient's id; None: the images tell it.
        site, date: of the hospital and the day; None: there is none.
        covariates: what else is handed on, such as sex and age.
    """

    labels: Sequence[str]
    patient: str | None = None
    site: str | None = None
    date: str | None = None
    covariates: Sequence[str] = ()


@dataclass(frozen=True)
class TableRow:
    """What the table says of one image, study or patient.

    Attributes:
        numbers: of its rows in the file.
        label: a class number, or 0, 1 or None for each finding; None: nothing is known.
        patient, site, date: None where they are not told, or differ between the rows.
        covariates: those that are known.
        fault: why what it stands for cannot be used.
    """

    numbers: tuple[int, ...]
    label: int | list[int | None] | None
    patient: str | None = None
    site: str | None = None
    date: date | None = None
    covariates: dict[str, str | float | int] = field(default_factory=dict)
    fault: str | None = None


class LabelTable:
    """The rows of a table, read.

    Args:
        file: the table.
        options: which of its columns are read, by their names in any case.

    Attributes:
        file: as given.
        labels: names and kind of the labels.
        used: the columns that are read: none of them holds the key of a row.
        contradictions: numbers of the rows that say two things of one image, study or patient, by what they differ in;
            filled by :meth:`joined`.
        repeated: number of rows that repeat another one; likewise.

    Raises:
        RefusedError: a column is not there.
        DatasetError: a column holds free text, dates or ids, or words that are no label.
    """

    def __init__(self, file: LabelFile, options: TableOptions) -> None:
        self.file = file
        if not options.labels:
            raise RefusedError("--labels needs --label-columns: the names of the columns with the labels.")
        label_columns = _once("--label-columns", file.find("--label-columns", options.labels))
        covariates = _once("--covariates", file.find("--covariates", options.covariates))
        self._single = {
            what: file.find(f"--{what}-column", [name])[0] if name else None
            for what, name in (("patient", options.patient), ("site", options.site), ("date", options.date))
        }
        if clash := [name for name in covariates if name.lower() in {*NO_COLUMNS, "site"}]:
            raise RefusedError(f"--covariates: {clash[0]!r} is the name of something else in the list; rename it.")
        self.used = {*label_columns, *covariates, *(c for w, c in self._single.items() if c and w != "patient")}
        self.labels: Labels = read_labels([(name, file.column(name)) for name in label_columns], file.numbers)
        self._patients = self._texts("patient")
        self._sites = self._texts("site")
        column = self._single["date"]
        self._dates = read_dates(column, file.column(column), file.numbers) if column else [None] * len(file.numbers)
        self._covariates = {name: read_covariate(name, file.column(name)) for name in covariates}
        self.contradictions: dict[str, list[int]] = {}
        self.repeated = 0

    def joined(self, places: Sequence[int]) -> TableRow:
        """Return what rows say together of the one thing that they stand for.

        A known value counts more than an empty cell. Of a finding, class, site, date or covariate on which they
        contradict one another nobody knows which is right: it becomes unknown, and the others stay. Two patients are
        another matter: then nobody knows whose picture it is.

        Args:
            places: positions of the rows, from 0.
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
            findings = [
                agreed(name, values) for name, values in zip(self.labels.names, zip(*own, strict=True), strict=True)
            ]
            label = None if all(value is None for value in findings) else findings
        keys: dict[str, str] = {}
        for place in places:
            if patient := self._patients[place]:
                keys.setdefault(plain_id(patient), patient)
        covariates: dict[str, str | float | int] = {}
        for name, cells in self._covariates.items():
            value: Any = agreed(name, (cells[place] for place in places))
            if value is not None:
                covariates[name] = value
        row = TableRow(
            numbers=numbers,
            label=label,
            patient=next(iter(keys.values())) if len(keys) == 1 else None,
            site=agreed("site", (self._sites[place] for place in places)),
            date=agreed("date", (self._dates[place] for place in places)),
            covariates=covariates,
            fault=TWO_PATIENTS if len(keys) > 1 else None,
        )
        if len(keys) > 1:
            differ.append("patient")
        for what in differ:
            self.contradictions.setdefault(what, []).extend(numbers)
        if not differ:
            self.repeated += len(places) - 1
        return row

    def check_names(self, names: set[str]) -> None:
        """Refuse columns to hand on whose values are people's names.

        Args:
            names: words of names in the headers, from :func:`~data_prep.inhouse.people.name_words`.

        Raises:
            DatasetError: names the column.
        """
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
        """Refuse covariates that are ids, see :func:`~data_prep.inhouse.covariates.check_told_apart`.

        Args:
            rows: of each file; None where it has none.
            patients: of each file by its header; "" where it is not told, and the row's is taken, or the row itself.

        Raises:
            DatasetError: names the column.
        """
        own = [
            (row, plain_id(row.patient or patient) or f"row {row.numbers[0]}")
            for row, patient in zip(rows, patients, strict=True)
            if row is not None
        ]
        for name in self._covariates:
            check_told_apart(name, [row.covariates.get(name) for row, _ in own], [patient for _, patient in own])

    def _texts(self, what: str) -> list[str | None]:
        column = self._single[what]
        if column is None:
            return [None] * len(self.file.numbers)
        return [None if as_value(cell) is None else cell for cell in self.file.column(column)]


def _once(option: str, columns: list[str]) -> list[str]:
    if len(set(columns)) < len(columns):
        raise RefusedError(f"{option} names a column twice.")
    return columns
