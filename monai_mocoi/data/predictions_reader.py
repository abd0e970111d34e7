"""Reader of many files of predictions of the same images, which differ in their probabilities alone."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic_core import from_json

from monai_mocoi.data.predictions import Predictions
from monai_mocoi.data.predictions_file import PROBABILITY, read_predictions
from monai_mocoi.errors import PredictionsError

_OF_NUMBERS = b"0123456789.eE+-, "


class PredictionsReader:
    """Reads each file as :func:`~monai_mocoi.data.read_predictions` does, to the last digit and to the last error.

    It keeps what stands before the probabilities in each row of the last file that was read as usual. Where a file has
    the same there, byte by byte, only its probabilities are read; what is odd in any way is read as usual.
    """

    def __init__(self) -> None:
        self._known: _Rows | None = None

    def read(self, path: str | Path, name: str | None = None) -> Predictions:
        """One file; arguments and errors are those of :func:`~monai_mocoi.data.read_predictions`."""
        try:
            lines = _lines(Path(path).read_bytes())
        except OSError:
            lines = []
        found = self._known.of_the_same_images(lines) if self._known else None
        if found is None:
            found = read_predictions(path, name)
            self._known = _rows(lines, found) or self._known
        return found


@dataclass(frozen=True, eq=False)
class _Rows:
    """A file: its first line, what each other line begins with, and what was read."""

    header: bytes
    starts: Sequence[bytes]
    made: Predictions

    def of_the_same_images(self, lines: Sequence[bytes]) -> Predictions | None:
        """The predictions in the lines of another file; None: it is not quite like this one."""
        rows, classes = lines[1:], len(self.made.classes)
        if lines[:1] != [self.header] or len(rows) != len(self.starts):
            return None
        if not all(map(bytes.startswith, rows, self.starts)):
            return None
        rests = [row[len(start) :] for row, start in zip(rows, self.starts, strict=True)]
        if any(rest.count(b",") != classes - 1 for rest in rests):
            return None
        try:
            values = np.array(_numbers(b",".join(rests)), dtype=np.float64).reshape(len(rests), classes)
            return replace(self.made, probabilities=values)
        except (ValueError, OverflowError, PredictionsError):
            return None


def _lines(content: bytes) -> list[bytes]:
    lines = content.replace(b"\r\n", b"\n").split(b"\n")
    return lines if lines[-1] else lines[:-1]


def _numbers(text: bytes) -> list[float]:
    """Numbers between commas, each rounded as ``float`` does; else ValueError.

    A JSON parser is several times as fast as a call of ``float`` a number; words of JSON and brackets are no numbers.
    """
    if text.translate(None, _OF_NUMBERS):
        raise ValueError("other signs than those of numbers")
    numbers: list[float] = from_json(b"[" + text + b"]")
    return numbers


def _rows(lines: Sequence[bytes], made: Predictions) -> _Rows | None:
    """What to keep of a file that was read; None: its rows are no plain lines that end with the probabilities."""
    if made.unlabelled or len(lines) != len(made.images) + 1:
        return None
    header, *rows = lines
    names = [name.strip() for name in next(csv.reader([header.decode("utf-8-sig", "replace")]))]
    classes, columns = len(made.classes), len(names)
    if names[-classes:] != [f"{PROBABILITY}{name}" for name in made.classes]:
        return None
    if any(b'"' in row or row.count(b",") != columns - 1 for row in rows):
        return None
    return _Rows(header, [row.rsplit(b",", classes)[0] + b"," for row in rows], made)
