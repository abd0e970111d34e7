"""``python -m data_prep audit``: the leak audit of a dataset folder, as a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer

from data_prep.options import Workers
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.audit_report import LeakError
from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.exit_codes import FINISHED


@dataclass(kw_only=True)
class Audit:
    """Check a dataset folder for patients or pictures in two splits."""

    folder: Annotated[str, typer.Argument(metavar="DIR", help="the dataset folder: it holds datalist.json")]
    workers: Workers = None

    def run(self) -> int:
        """Print the report.

        Returns:
            0 if no patient, file or picture is in two splits, else 3.

        Raises:
            DatasetError: the folder is no dataset folder, or an image cannot be read.
        """
        datalist = load_datalist(self.folder)
        try:
            report = audit_datalist(datalist, workers=self.workers)
        except LeakError as error:
            print(error.report.text())
            print("How to mend it: " + error.remedy)
            return error.exit_code
        print(report.text())
        return FINISHED
