"""The interface of a data set: its options, and how its files are found, checked and written.

See :mod:`data_prep.pipeline` for what is done with it, and docs/new_source.md for a whole example.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from data_prep.candidates import MISSING as MISSING
from data_prep.candidates import Candidate, Exclusions, Found, Outcome, Written
from data_prep.candidates import Refused as Refused
from data_prep.candidates import refused_if_unreadable as refused_if_unreadable
from data_prep.console import print_left_out, print_next, print_table
from data_prep.options import Options
from data_prep.record import Note
from data_prep.splitter import Splitter
from monai_mocoi.errors import DatasetError

ADVICE = "Give all folders with --images and {}, or allow a larger share with --max-missing (1 = any)."


@dataclass(kw_only=True)
class Source(Options, ABC):
    """A data set: its options (the fields), and how its files are found, checked and written.

    :meth:`write` is called in several threads; all other methods in one.
    """

    key: ClassVar[str]
    """The name of the command, and the manifest's ``source``."""
    bundle: ClassVar[str]
    """The one that the end names for pretraining."""
    public: ClassVar[bool] = True
    """Names and paths of files are public. Otherwise errors repeat neither them nor the words of a wrong command, and
    images of files that have left the raw folder since are deleted from the dataset folder."""
    advice: ClassVar[str] = ADVICE.format("the labels that belong to them")
    """The next step where too much is missing."""
    all_lines_needed: ClassVar[bool] = False
    """A line of a given split that matches no image counts as missing; otherwise it may name more than is here."""
    written_in_8_bits: ClassVar[bool] = False
    """Whatever the raw file has."""
    copies: ClassVar[Sequence[str]] = ()
    """The reasons of :meth:`find` and :meth:`leave_out` that mean copies of a picture, for the report."""

    @abstractmethod
    def find(self) -> Found:
        """List the files and match them with labels, without reading a pixel.

        Raises:
            DatasetError: a table or folder cannot be used.
        """

    @abstractmethod
    def write(self, candidate: Candidate, target: Path) -> Written:
        """Read and check one file and write one image; the file appears whole or not at all.

        Raises:
            Refused: the image is left out; the text is the reason.
            DatasetError: the whole preparation cannot go on.
            OSError: ``target`` cannot be written.
        """

    def folders(self) -> Sequence[str]:
        """Where the raw files are: the dataset folder may not lie there."""
        return getattr(self, "images", ())

    def splitter(self) -> Splitter:
        """Where the split comes from."""
        return Splitter(self, without="without --split-csv")

    def listed(self, line: str) -> str:
        """Return the name or patient that a line of a given split means; of private images, a hash of it."""
        return line

    def settings(self) -> dict[str, Any]:
        """What decides which images are written and how; asked for after :meth:`find`.

        An interrupted preparation goes on only with the same. They are in record, manifest and report.
        """
        return {}

    def secret(self) -> bytes:
        """Return a key for what the record keeps of the raw files, where their paths name patients; empty: none."""
        return b""

    def leave_out(self, notes: Mapping[str, Note]) -> Exclusions:
        """Return what is left out after all are written, by reason."""
        return {}

    def lines(self, notes: Mapping[str, Note]) -> Iterator[str]:
        """Give lines for the console about the pictures, after all are written."""
        yield from ()

    def coarsen(self, candidates: dict[str, Candidate], used: Sequence[str]) -> None:
        """Change columns of the candidates that tell too much among the images that are ``used``."""

    def extra_files(self, outcome: Outcome) -> None:
        """Write further files to the dataset folder."""

    def manifest(self, outcome: Outcome) -> dict[str, Any]:
        """Return what the manifest holds besides the entries of all sources."""
        return {}

    def print_end(self, outcome: Outcome) -> None:
        """Print how many images there are of what, and what comes next."""
        print_table(outcome.images_with(), outcome.splits)
        print_left_out(outcome.exclusions)
        print_next(self.bundle, self.out)

    def check_left_out(self, exclusions: Mapping[str, Sequence[str]], total: int) -> None:
        """Stop (DatasetError) where more candidates are left out than allowed; called again for each more."""
        check_left_out(exclusions, total, self.max_missing, self.advice)


def check_left_out(left_out: Mapping[str, Sequence[str]], total: int, limit: float, advice: str) -> None:
    """Stop where more than a share of the images cannot be used: a DatasetError with reasons and examples."""
    bad = sum(map(len, left_out.values()))
    if bad > limit * total:
        reasons = "\n".join(
            f"  {reason}: {len(names)} (such as {', '.join(sorted(names)[:3])})" for reason, names in left_out.items()
        )
        raise DatasetError(
            f"{bad} of {total} images cannot be used, {bad / total:.1%}; the limit is {limit:.1%}:\n{reasons}\n{advice}"
        )
