"""A CSV file of unique rows for its owner alone, to which several processes append."""

import csv
import errno
import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path

from monai_mocoi.errors import RefusedError
from monai_mocoi.files.atomic_write import write_bytes

MAPPING_NAME, EXCLUDED_NAME, SITES_NAME = "mapping.csv", "excluded.csv", "sites.csv"
IDENTITIES = ("patient_id", "accession_number", "study_instance_uid", "sop_instance_uid", "date", "site")
TABLES = {  # the columns of each file; a cell is empty where the export has nothing
    MAPPING_NAME: ("image", "patient", "path", "frame", *IDENTITIES),  # image and patient are pseudonyms
    EXCLUDED_NAME: ("path", "reason", "image", "dataset"),
    SITES_NAME: ("site", "name"),
}


class PrivateTable:
    """The rows of one file. Rows are appended whole and none twice; a caller must hold the lock of the folder."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path, self._columns = path, tuple(columns)
        self._known: set[bytes] = set()
        self._end = 0  # of what is known
        if not path.exists() or not path.stat().st_size:
            append(path, _line(self._columns))
        restrict(path, 0o600)
        with open(path, "rb+") as file:
            content = file.read()
            if not content.endswith(b"\n"):  # an interruption cut the line off: its row is added again
                file.truncate(content.rfind(b"\n") + 1)
            file.seek(0)
            if file.readline() != _line(self._columns):
                raise RefusedError(
                    f"the private folder: {path.name} does not have the columns {', '.join(self._columns)}; it is of "
                    "another program or version. Name a new folder."
                )
            self._end = file.tell()

    def add(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Append rows that are not there yet; missing values are left empty, another column is a ValueError."""
        self._read_news()
        lines = []
        for row in rows:
            if unknown := sorted(row.keys() - set(self._columns)):
                raise ValueError(f"{self._path.name} has no column {', '.join(unknown)}")
            values = [one_line(row.get(column, "")) for column in self._columns]
            digest = row_digest(values)
            if digest not in self._known:
                self._known.add(digest)
                lines.append(_line(values))
        if lines:
            self._end += append(self._path, b"".join(lines))

    def keep(self, wanted: Callable[[dict[str, str]], bool]) -> None:
        """Drop the rows that are not wanted."""
        self._read_news()
        with open(self._path, "rb") as file:
            head, *lines = file
        lines = [line for line in lines if wanted(dict(zip(self._columns, _values(line), strict=False)))]
        write_bytes(self._path, b"".join([head, *lines]))
        restrict(self._path, 0o600)
        self._known = {row_digest(_values(line)) for line in lines}
        self._end = sum(map(len, [head, *lines]))

    def _read_news(self) -> None:
        """Take up what was written before, or by another process since."""
        if self._path.stat().st_size < self._end:  # another process dropped rows
            self._end = len(_line(self._columns))
        with open(self._path, "rb") as file:
            file.seek(self._end)
            for line in file:
                self._known.add(row_digest(_values(line)))
                self._end += len(line)


def append(path: Path, content: bytes) -> int:
    """Append in one step and down to the disk's queue; a new file is for its owner alone. Returns the bytes written."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "ab", buffering=0) as file:
        written = file.write(content)
    if written != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return written


def restrict(path: Path, mode: int) -> None:
    """Take the rights of others away, where the system has rights; refuse a place where that is not possible."""
    if os.name != "posix" or path.stat().st_mode & 0o777 == mode:
        return
    try:
        path.chmod(mode)
    except OSError as error:
        if path.stat().st_mode & 0o077:
            raise RefusedError(
                f"others can read the private folder, and its rights cannot be changed ({error.strerror}). Its owner "
                "can, with chmod -R go-rwx; or name a folder of your own."
            ) from None


def one_line(text: str) -> str:
    """Return a text without line breaks, which a path may hold, and which would make two rows of one."""
    return str(text).replace("\r", "\\r").replace("\n", "\\n")


def row_digest(values: Iterable[str]) -> bytes:
    """Return a few bytes that mean a row: memory for millions of images."""
    return blake2b("\0".join(map(one_line, values)).encode(errors="surrogateescape"), digest_size=12).digest()


def _line(values: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    # A path in no known encoding keeps its bytes.
    return text.getvalue().encode(errors="surrogateescape")


def _values(line: bytes) -> list[str]:
    return next(csv.reader([line.decode(errors="surrogateescape")]))
