"""The private folder: the key, and which pseudonym is whose. It is the only place that names anybody.

It belongs to whoever may see patients' names (a data steward), only they can read it, and it is never inside what is
handed on. One folder serves all exports of a hospital, so that they get the same pseudonyms. See docs/data_steward.md.
"""

import os
import re
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime

from data_prep.candidates import Refused
from data_prep.inhouse.private_place import LOCK_NAME, LOG_NAME, check_place, read_or_make_key
from data_prep.inhouse.private_table import TABLES, PrivateTable, append, one_line, restrict, row_digest
from data_prep.inhouse.pseudonyms import Pseudonyms
from monai_mocoi.errors import DatasetError, LockError, RefusedError
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.home_folder import expand_home

_SITE_CODE = re.compile(r"site-[0-9a-f]{6}")


class PrivateFolder:
    """Make or open a private folder; several preparations may use one folder at the same time.

    Only their owner can read the files (mode 0600, the folder 0700, where the system has modes). Rows are appended one
    process at a time, and none twice: a preparation that goes on after an interruption may add everything again. The
    folder may not lie in a ``forbidden`` one (images, dataset folder), nor one of these in it; ``dataset`` is what
    ``excluded.csv`` calls this preparation. A folder that cannot be used is a RefusedError that does not name it.
    """

    def __init__(
        self, path: str | os.PathLike[str], forbidden: Sequence[str | os.PathLike[str]] = (), dataset: str = ""
    ) -> None:
        self.path = expand_home(path).resolve()
        self._dataset = dataset
        self._threads = threading.RLock()
        self._codes: dict[str, str] = {}  # of sites: the file is asked once a name, not once an image
        self._excluded_now: set[bytes] = set()
        check_place(self.path, forbidden)
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            restrict(self.path, 0o700)
            with self._held():
                self.pseudonyms = Pseudonyms(read_or_make_key(self.path))
                tables = (PrivateTable(self.path / name, columns) for name, columns in TABLES.items())
                self._mapping, self._excluded, self._sites = tables
        except OSError as error:
            raise RefusedError(
                f"the private folder cannot be made or written ({error.strerror}); name one where you may write."
            ) from None

    def add(self, rows: Sequence[Mapping[str, str]]) -> None:
        """Append rows to ``mapping.csv``. Many rows at once are much faster."""
        with self._held():
            self._mapping.add(rows)

    def exclude(self, path: str, reason: str, image: str = "") -> None:
        """Append one file that is not used to ``excluded.csv``, with the reason and its pseudonym, if it has one."""
        row = {"path": path, "reason": reason, "image": image, "dataset": self._dataset}
        with self._held():
            self._excluded.add([row])
            self._excluded_now.add(row_digest(row.values()))

    def forget_other_exclusions(self) -> None:
        """Drop this data set's rows of ``excluded.csv`` that this run did not add: those files are used now."""
        with self._held():
            self._excluded.keep(
                lambda row: row["dataset"] != one_line(self._dataset) or row_digest(row.values()) in self._excluded_now
            )

    def site(self, name: str) -> str:
        """Return the code of a site, by its name or the code itself; ``sites.csv`` gets both."""
        if _SITE_CODE.fullmatch(name.strip()):
            return name.strip()
        if name not in self._codes:
            self._codes[name] = self.pseudonyms.site(name)
            with self._held():
                self._sites.add([{"site": self._codes[name], "name": name}])
        return self._codes[name]

    def log(self, text: str) -> None:
        """Append a line to ``private.log``, with the time before it. It may hold paths and ids."""
        line = f"{datetime.now().isoformat(timespec='seconds')} {one_line(text)}\n"
        with self._held():
            append(self.path / LOG_NAME, line.encode(errors="surrogateescape"))

    @contextmanager
    def logged_errors(self) -> Iterator[None]:
        """Write the text of an unexpected error, which could hold a path or an id, to the log instead of the console.

        An OSError keeps its number alone, by which a full disk is known; others become a DatasetError. What was written
        to be read (``DatasetError``, ``Refused``), and a lack of memory, pass.
        """
        try:
            yield
        except (DatasetError, LockError, Refused, MemoryError):
            raise
        except OSError as error:  # its text names the file
            with suppress(OSError):
                self.log(traceback.format_exc())
            raise OSError(error.errno, f"{error.strerror}; private.log in --private says where") from None
        except Exception as error:
            self.log(traceback.format_exc())
            raise DatasetError(
                f"an unexpected error ({type(error).__name__}); its text is in private.log in --private. Please report "
                "it without names."
            ) from None

    @contextmanager
    def _held(self) -> Iterator[None]:
        with self._threads, file_lock(self.path / LOCK_NAME):
            yield
