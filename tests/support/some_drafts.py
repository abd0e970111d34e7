"""Images to be, of a few words each."""

from __future__ import annotations

from datetime import date
from typing import Any

from data_prep.inhouse.dicom_headers import DicomHeader
from data_prep.inhouse.drafts import Draft
from data_prep.inhouse.export_tree import ExportFile
from data_prep.inhouse.label_table import TableRow
from data_prep.inhouse.survey import Seen


def some_draft(
    name: str,
    patient: str,
    label: Any = None,
    site: str | None = None,
    day: date | None = None,
    covariates: dict[str, Any] | None = None,
    **header: Any,
) -> Draft:
    """Make one; ``header`` are fields of its file's header."""
    row = TableRow((1,), label, None, site, day, covariates or {})
    return Draft(name, patient, Seen(ExportFile(f"/x/{name}", name), "dicom", 9, DicomHeader(**header)), row, None)
