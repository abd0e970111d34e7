"""The record of a preparation: what is finished, so that the same command goes on, and another one is refused."""

import hmac
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from monai_mocoi.errors import RefusedError
from monai_mocoi.files.file_lock import file_lock
from monai_mocoi.files.file_signature import file_signature

RECORD_NAME = "preparation.jsonl"

Note = int | dict[str, Any]  # what a preparation wants to remember of a written picture; a dictionary is for JSON


class Record:
    """The lines of ``preparation.jsonl``: the options first, then one line a finished image.

    An image's line is written after the image, so what is listed is whole. An image counts as finished only while
    source and result are unchanged and in their places. Where paths name patients, the signatures of the sources are
    keyed with a secret: a path that is guessed, with the times of its file, can then not be tried.
    """

    def __init__(self, folder: Path, options: Mapping[str, Any], secret: bytes = b"") -> None:
        self._folder = folder
        self._secret = secret
        self._done: dict[str, list[Any]] = {}
        path = folder / RECORD_NAME
        lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
        if lines[0]:
            begun, now = _options(lines[0]), json.loads(json.dumps(options))
            different = [key for key in {**begun, **now} if begun.get(key) != now.get(key)]
            if changes := "; ".join(f"{key}: {begun.get(key)} there, {now.get(key)} now" for key in different):
                raise RefusedError(
                    f"the output folder was begun with other options ({changes}). Name another folder, or remove this "
                    "one to begin again."
                )
        for line in lines[1:]:
            try:
                name, *values = json.loads(line)
                self._done[name] = values
            except (ValueError, TypeError):
                continue  # a line that an interruption cut off: its image is made again
        self._file = open(path, "ab")  # noqa: SIM115  # closed by opened_folder
        if not lines[0]:
            self._write(json.dumps({"options": options}))
        elif lines[-1]:
            self._write("")  # end the line that was cut off

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def finished(self, name: str, source: str, target: Path) -> Note | None:
        """Return the note that :meth:`add` was given of an image if source and target are unchanged, else None."""
        values = self._done.get(name)
        if values is None or len(values) != 3 or not isinstance(values[2], int | dict):
            return None
        try:
            return values[2] if values[:2] == self._state(source, target) else None
        except OSError:
            return None

    def add(self, name: str, source: str, target: Path, note: Note) -> bytes:
        """Write down that the image ``name`` is finished, with a note, and return the signature of ``target``."""
        state = self._state(source, target)
        self._write(json.dumps([name, *state, note if isinstance(note, dict) else int(note)]))
        return bytes.fromhex(state[1])

    def _state(self, source: str, target: Path) -> list[str]:
        own = file_signature(source)
        if self._secret:
            own = hmac.digest(self._secret, own, "sha256")[: len(own)]
        return [own.hex(), file_signature(str(target)).hex()]

    def _write(self, line: str) -> None:
        self._file.write(line.encode() + b"\n")
        self._file.flush()


@contextmanager
def opened_folder(
    folder: Path, options: Mapping[str, Any], public: bool = True, secret: bytes = b""
) -> Iterator[Record]:
    """Make or open the dataset folder of a preparation, alone, and give its record; texts name it if it is public."""
    called = f"the output folder '{folder}'" if public else "the output folder"
    if folder.exists() and not folder.is_dir():
        raise RefusedError(f"{called} is a file; name a new folder.")
    others = sorted(os.listdir(folder)) if folder.exists() else []
    if set(others) - {".lock"} and RECORD_NAME not in others:
        some = f" ({', '.join(others[:3])}{', ...' if len(others) > 3 else ''})" if public else ""
        raise RefusedError(f"{called} holds something else{some}; name a new folder.")
    with file_lock(folder / ".lock", wait=False) as held:
        if not held:
            raise RefusedError(f"another data_prep is writing to {called}; wait for it or name another folder.")
        with closing(Record(folder, options, secret)) as record:
            yield record


def begun_options(folder: Path) -> dict[str, Any]:
    """Return the options with which a preparation in a folder was begun; empty where none was."""
    path = folder / RECORD_NAME
    line = path.read_bytes().partition(b"\n")[0] if path.is_file() else b""
    return _options(line) if line else {}


def _options(line: bytes) -> dict[str, Any]:
    try:
        return dict(json.loads(line)["options"])
    except (ValueError, KeyError, TypeError):
        raise RefusedError(
            f"{RECORD_NAME} in the output folder is damaged, so it is not known what is finished; remove the folder "
            "and begin again."
        ) from None
