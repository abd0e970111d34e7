"""The private folder: the key, and which pseudonym stands for whom. It is the only place that names anybody.

It belongs to whoever may see patients' names (a data steward), lies where only they can read, and is never inside what
is handed on. One folder serves all exports of a hospital, so that they get the same pseudonyms. See
docs/data_steward.md.
"""

from __future__ import annotations

import csv
import errno
import io
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import blake2b
from pathlib import Path

from data_prep.inhouse.pseudonyms import KEY_BYTES, Pseudonyms
from data_prep.record import RECORD_NAME
from monai_mocoi.data.datalist_form import DATALIST_NAME, MANIFEST_NAME
from monai_mocoi.errors import RefusedError
from monai_mocoi.files.atomic_write import remove_leftovers, write_bytes
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.home_folder import expand_home

KEY_NAME, MAPPING_NAME, EXCLUDED_NAME, SITES_NAME, LOG_NAME = (
    "key",
    "mapping.csv",
    "excluded.csv",
    "sites.csv",
    "private.log",
)
MAPPING_COLUMNS = (
    "image",
    "patient",
    "path",
    "frame",
    "patient_id",
    "accession_number",
    "study_instance_uid",
    "sop_instance_uid",
    "date",
    "site",
)
"""Of ``mapping.csv``: image and patient are pseudonyms, the others what the export says; empty where it does
not."""
EXCLUDED_COLUMNS = ("path", "reason", "image", "dataset")
_LOCK_NAME = ".lock"
_OWN = {KEY_NAME, MAPPING_NAME, EXCLUDED_NAME, SITES_NAME, LOG_NAME, _LOCK_NAME}


class PrivateFolder:
    """Make or open a private folder; several preparations may use one folder at the same time.

    Files are readable by their owner alone (mode 0600, the folder 0700, where the system has modes). Rows are appended
    whole, one process at a time, and none twice: a preparation that goes on after an interruption may tell everything
    again.

    Args:
        path: the folder; made if it is missing.
        forbidden: folders that it must not lie in, nor they in it: ``--images`` and ``--out``.
        dataset: what to call this preparation in ``excluded.csv``, best the path of ``--out``: rows of a data set that
            were not told again are dropped by :meth:`forget_other_exclusions`.

    Attributes:
        path: absolute.
        pseudonyms: made with the folder's key.

    Raises:
        RefusedError: the folder cannot be used; the text says why and what to do, and does not name it.
    """

    def __init__(
        self, path: str | os.PathLike[str], forbidden: Sequence[str | os.PathLike[str]] = (), dataset: str = ""
    ) -> None:
        self.path = expand_home(path).resolve()
        self._dataset = dataset
        self._threads = threading.RLock()
        check_place(self.path, forbidden)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _restrict(self.path, 0o700)
            with self._held():
                self.pseudonyms = Pseudonyms(self._key())
                self._mapping = _Table(self.path / MAPPING_NAME, MAPPING_COLUMNS)
                self._excluded = _Table(self.path / EXCLUDED_NAME, EXCLUDED_COLUMNS)
                self._sites = _Table(self.path / SITES_NAME, ("site", "name"))
        except OSError as error:
            raise RefusedError(
                f"--private cannot be made or written ({error.strerror}); name one where you may write."
            ) from None
        self._told: set[bytes] = set()

    def add(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Append rows to ``mapping.csv``, but those that stand there already. Many rows at once are much faster.

        Args:
            rows: values by the names in :data:`MAPPING_COLUMNS`; what is missing is left empty.

        Raises:
            ValueError: a name is none of these.
        """
        with self._held():
            self._mapping.add(rows)

    def exclude(self, path: str, reason: str, image: str = "") -> None:
        """Append one file that is not used to ``excluded.csv``, unless it stands there for this reason already.

        Args:
            path: of the file, as found; or what stands for a row of a table.
            reason: why, in words.
            image: its pseudonym, if it has one.
        """
        row = {"path": path, "reason": reason, "image": image, "dataset": self._dataset}
        with self._held():
            self._excluded.add([row])
            self._told.add(_digest([row[column] for column in EXCLUDED_COLUMNS]))

    def forget_other_exclusions(self) -> None:
        """Drop this data set's rows of ``excluded.csv`` that this run did not tell, at its end: those are mended."""
        with self._held():
            self._excluded.keep(
                lambda row: row[EXCLUDED_COLUMNS.index("dataset")] != self._dataset or _digest(row) in self._told
            )

    def site(self, name: str) -> str:
        """Return a site's code, and write down in ``sites.csv`` whose it is."""
        code = self.pseudonyms.site(name)
        with self._held():
            self._sites.add([{"site": code, "name": name}])
        return code

    def log(self, text: str) -> None:
        """Append a line to ``private.log``, with the time before it. Paths and ids may stand in it."""
        with self._held():
            _append(
                self.path / LOG_NAME,
                f"{datetime.now().isoformat(timespec='seconds')} {_one_line(text)}\n".encode(errors="surrogateescape"),
            )

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._threads, file_lock(self.path / _LOCK_NAME):
            yield

    def _key(self) -> bytes:
        """Read the key, or make it: never anew where something was named with one that is gone."""
        file = self.path / KEY_NAME
        remove_leftovers(self.path)
        others = sorted(set(os.listdir(self.path)) - _OWN)
        if others:
            raise RefusedError(
                f"--private holds something else ({len(others)} file(s) or folder(s)); name a new folder, or the "
                "private folder of an earlier preparation."
            )
        if not file.exists():
            if (self.path / MAPPING_NAME).exists():
                raise RefusedError(
                    f"--private has a {MAPPING_NAME} but no {KEY_NAME}: a new key would give other pseudonyms to the "
                    "same patients. Bring the key back from a copy, or name a new folder."
                )
            write_bytes(file, secrets.token_bytes(KEY_BYTES))
        _restrict(file, 0o600)
        key = file.read_bytes()
        if len(key) != KEY_BYTES:
            raise RefusedError(
                f"--private: its {KEY_NAME} has {len(key)} bytes, not {KEY_BYTES}, so it is no key of data_prep or is "
                "damaged. Bring it back from a copy, or name a new folder."
            )
        return key


class _Table:
    """A CSV file of unique rows, appended to by several processes, each of which holds the lock meanwhile."""

    def __init__(self, path: Path, columns: Sequence[str]) -> None:
        self._path, self._columns = path, tuple(columns)
        self._known: set[bytes] = set()
        self._end = 0  # of what is known
        if not path.exists() or not path.stat().st_size:
            _append(path, _line(self._columns))
        _restrict(path, 0o600)
        _cut_torn_line(path)
        with open(path, "rb") as file:
            if file.readline() != _line(self._columns):
                raise RefusedError(
                    f"--private: {path.name} does not have the columns {', '.join(self._columns)}; it is of another "
                    "program or version. Name a new folder."
                )
            self._end = file.tell()

    def add(self, rows: Sequence[Mapping[str, str]]) -> None:
        self._read_news()
        lines = []
        for row in rows:
            if unknown := sorted(row.keys() - set(self._columns)):
                raise ValueError(f"{self._path.name} has no column {', '.join(unknown)}")
            values = [_one_line(row.get(column, "")) for column in self._columns]
            digest = _digest(values)
            if digest not in self._known:
                self._known.add(digest)
                lines.append(_line(values))
        if lines:
            self._end += _append(self._path, b"".join(lines))

    def keep(self, wanted: Callable[[list[str]], bool]) -> None:
        self._read_news()
        with open(self._path, "rb") as file:
            lines = [line for number, line in enumerate(file) if number == 0 or wanted(_values(line))]
        write_bytes(self._path, b"".join(lines))
        _restrict(self._path, 0o600)
        self._known = {_digest(_values(line)) for line in lines[1:]}
        self._end = sum(map(len, lines))

    def _read_news(self) -> None:
        """Take up what was written before, or by another process since."""
        if self._path.stat().st_size < self._end:  # another process dropped rows
            self._end = len(_line(self._columns))
        with open(self._path, "rb") as file:
            file.seek(self._end)
            for line in file:
                self._known.add(_digest(_values(line)))
                self._end += len(line)


def check_place(folder: str | os.PathLike[str], forbidden: Sequence[str | os.PathLike[str]]) -> None:
    """Refuse a place for a private folder before anything is made.

    Args:
        folder: it may be missing.
        forbidden: see :class:`PrivateFolder`.

    Raises:
        RefusedError: it lies with the data; the text does not name it.
    """
    path = expand_home(folder).resolve()
    if path.exists() and not path.is_dir():
        raise RefusedError("--private is a file; name a folder.")
    for other in (*forbidden, user_cache_dir()):
        place = expand_home(other).resolve()
        if path == place or place in path.parents or path in place.parents:
            raise RefusedError(
                "--private lies in a folder with images, the dataset folder or the cache, or one of them in it; the "
                "key must not travel with the data. Name a folder elsewhere."
            )
    for above in (path, *path.parents):
        if any((above / name).is_file() for name in (DATALIST_NAME, RECORD_NAME)) or _is_run(above):
            raise RefusedError(
                "--private lies in a dataset folder or a run folder; the key must not travel with the data. Name a "
                "folder elsewhere."
            )


def check_key(folder: str | os.PathLike[str], known: str) -> None:
    """Refuse a private folder that is not the one a dataset folder was begun with; nothing is made or written.

    Args:
        folder: it may be missing.
        known: the fingerprint of the dataset folder's key.

    Raises:
        RefusedError: its key is another one, or it has none; the text does not name it.
        OSError: the key cannot be read.
    """
    path = expand_home(folder).resolve()
    file = path / KEY_NAME
    key = file.read_bytes() if file.is_file() else b""
    if len(key) == KEY_BYTES and Pseudonyms(key).key_fingerprint == known:
        return
    if not key and (path / MAPPING_NAME).exists():  # a lost key is told when it is opened
        return
    raise RefusedError(
        "this --private is not the one that the folder --out was begun with (it has another key, or none); give that "
        "one, or another --out. Nothing was written."
    )


def _is_run(folder: Path) -> bool:
    return (folder / MANIFEST_NAME).is_file() and (folder / "config.json").is_file()


def _restrict(path: Path, mode: int) -> None:
    """Take the rights of others away.

    Raises:
        RefusedError: that is not possible, and others have some.
    """
    if os.name != "posix" or path.stat().st_mode & 0o777 == mode:
        return
    try:
        path.chmod(mode)
    except OSError as error:
        if path.stat().st_mode & 0o077:
            raise RefusedError(
                f"--private: others can read it, and its rights cannot be changed ({error.strerror}). Its owner can, "
                "with chmod -R go-rwx; or name a folder of your own."
            ) from None


def _cut_torn_line(path: Path) -> None:
    """Remove the line that an interruption cut off: its image is told of again."""
    with open(path, "rb+") as file:
        content = file.read()
        if not content.endswith(b"\n"):
            file.truncate(content.rfind(b"\n") + 1)


def _append(path: Path, content: bytes) -> int:
    """Append in one step and down to the disk's queue; a new file is for its owner alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open(descriptor, "ab", buffering=0) as file:
        written = file.write(content)
    if written != len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return written


def _one_line(text: str) -> str:
    """A path may hold line breaks, which would make two rows of one."""
    return str(text).replace("\r", "\\r").replace("\n", "\\n")


def _line(values: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(values)
    # A path in no known encoding keeps its bytes.
    return text.getvalue().encode(errors="surrogateescape")


def _values(line: bytes) -> list[str]:
    return next(csv.reader([line.decode(errors="surrogateescape")]))


def _digest(values: Sequence[str]) -> bytes:
    # A few bytes a row, not the row: memory for millions of images.
    return blake2b("\0".join(values).encode(errors="surrogateescape"), digest_size=12).digest()
