"""``python -m data_prep audit`` and ``search-identity``: checks before a folder is handed on."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from data_prep.byte_search import ByteSearch, Finding
from data_prep.inhouse.private_table import EXCLUDED_NAME, IDENTITIES, MAPPING_NAME, SITES_NAME
from data_prep.options import Workers, no_words, option
from monai_mocoi.data.audit import audit_datalist
from monai_mocoi.data.audit_report import LeakError
from monai_mocoi.data.datalist import load_datalist
from monai_mocoi.errors import DatasetError, RefusedError
from monai_mocoi.exit_codes import DATA, FINISHED
from monai_mocoi.files.home_folder import expand_home


@dataclass(kw_only=True)
class Audit:
    """Check a dataset folder for patients or pictures in two splits."""

    folder: Annotated[str, typer.Argument(metavar="DIR", help="the dataset folder: it holds datalist.json")]
    workers: Workers = None

    def run(self) -> int:
        """Print the report; return 0 if no patient, file or picture is in two splits, else 3."""
        datalist = load_datalist(self.folder)
        try:
            report = audit_datalist(datalist, workers=self.workers)
        except LeakError as error:
            print(error.report.text())
            print("How to fix it: " + error.remedy)
            return error.exit_code
        print(report.text())
        return FINISHED


_SHOWN = 20


@dataclass(kw_only=True)
class SearchIdentity:
    """Search folders and files for what identifies patients: ids, accession numbers, UIDs, dates, names of files.

    The words come from the private folder, and from a list of your own, because it knows no patient's name that is in
    no path. They are searched in UTF-8, Latin-1, UTF-16 and base64, in archives and in names of files too. None is
    printed: a finding names the file that holds it, and where the word comes from.
    """

    folders: Annotated[list[str], typer.Argument(metavar="DIR_OR_FILE ...", help="what is to be handed on")]
    private: Annotated[str | None, option("the private folder: its mapping.csv, excluded.csv, sites.csv", "DIR")] = None
    words: Annotated[list[str], option("lists of words, UTF-8, one a line, such as patients' names", "TXT ...")] = (
        no_words()
    )

    def run(self) -> int:
        """Print what was found; return 0 if nothing was, else 3."""
        words, paths = self._words()
        places = paths | words
        if not places:
            raise RefusedError("there are no words to search for: give --private, --words, or both.")
        search = ByteSearch(places, as_written=paths.keys() - words.keys())
        findings: list[Finding] = []
        for folder in self.folders:
            if not Path(folder).exists():
                raise RefusedError(f"'{folder}' does not exist; name folders or files to search.")
            try:
                findings += search.in_folder(folder)
            except OSError as error:
                raise DatasetError(f"a file in '{folder}' cannot be read ({error.strerror}).") from None
        short = f" ({search.too_short} more are too short to be told from chance)" if search.too_short else ""
        print(f"{len(places) - search.too_short} words were searched for{short}")
        for finding in findings[:_SHOWN]:
            # The file is named with its folders, but not where its name holds the word itself.
            where = "a file or folder by its name" if "name" in finding.how else finding.where
            print(f"  {where}: {places[finding.word]} ({finding.how})")
        if len(findings) > _SHOWN:
            print(f"  ... and {len(findings) - _SHOWN} more")
        if search.not_searched:
            print(
                f"{search.not_searched} packed files could not be looked into: they are encrypted, damaged or packed "
                "too deep. Unpack them and search again."
            )
        if search.links_out:
            print(f"{search.links_out} links lead out of the folder and were not followed: search there as well.")
        clean = not findings and not search.not_searched and not search.links_out
        print(f"Result: {len(findings)} findings" + (": nobody is told" if clean else ""))
        return FINISHED if clean else DATA

    def _words(self) -> tuple[dict[str, str], dict[str, str]]:
        """What to search for, and where each word comes from; parts of paths apart."""
        places: dict[str, str] = {}
        for path in self.words:
            for number, line in enumerate(_lines(expand_home(path)), start=1):
                if word := line.strip():
                    places.setdefault(word, f"line {number} of {Path(path).name}")
        if self.private is None:
            return places, {}
        folder = expand_home(self.private)
        if not (folder / MAPPING_NAME).is_file():
            raise RefusedError(f"--private: there is no {MAPPING_NAME} in it; name the folder that inhouse wrote.")
        paths: dict[str, str] = {}
        folders_of: list[set[str]] = []
        patients = set()
        for name, columns in ((MAPPING_NAME, IDENTITIES), (EXCLUDED_NAME, ()), (SITES_NAME, ("name",))):
            if not (folder / name).is_file():
                continue
            for number, row in enumerate(csv.DictReader(_lines(folder / name)), start=2):
                for column in columns:
                    word = row.get(column) or ""
                    # Headers write a date without dashes.
                    for form in filter(None, (word, word.replace("-", "") if column == "date" else "")):
                        places.setdefault(form, f"{column} of row {number} of {name}")
                if whole := row.get("path"):
                    paths.setdefault(whole, f"path of row {number} of {name}")
                    if name == MAPPING_NAME:
                        folders_of.append(set(Path(whole).parts[:-1]))
                        patients.add(row.get("patient"))
        # Folders that hold all patients name the export (the report has the word "export" too), and nobody.
        return places, _parts(paths, set.intersection(*folders_of) if len(patients) > 1 else set())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except OSError as error:
        raise DatasetError(f"'{path.name}' cannot be read ({error.strerror}).") from None


def _parts(paths: dict[str, str], shared: set[str]) -> dict[str, str]:
    """The folders and names of the paths, except shared folders, and where each comes from."""
    found: dict[str, str] = {}
    for path, place in paths.items():
        *folders, name = [part for part in Path(path).parts if part != "/"]
        for number, folder in enumerate(folders, start=1):
            if folder not in shared:
                found.setdefault(folder, f"{place}, its folder {number}")
        found.setdefault(name, f"{place}, its file name")
    return found
