"""``python -m data_prep audit``: the leak audit of a dataset folder, as a report."""

from __future__ import annotations

import argparse

from monai_mocoi.data.audit import LeakError, audit_datalist
from monai_mocoi.data.datalist import load_datalist


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments to ``parser``."""
    parser.add_argument("folder", metavar="DIR", help="the dataset folder: it holds datalist.json")
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="threads (default: one a processor)")


def run(args: argparse.Namespace) -> int:
    """Print the report.

    Returns:
        0 if no patient, file or picture is in two splits, else 3.

    Raises:
        DatasetError: the folder is no dataset folder, or an image cannot be read.
    """
    datalist = load_datalist(args.folder)
    try:
        report = audit_datalist(datalist, workers=args.workers)
    except LeakError as error:
        print(error.report.text())
        print("How to mend it: " + error.remedy)
        return error.exit_code
    print(report.text())
    return 0
