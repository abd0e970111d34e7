"""One clear message and one exit code from whatever error ended a run."""

import errno
import json
import os
import re
import shlex
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from monai_mocoi.errors import MocoiError, NoDatasetError
from monai_mocoi.exit_codes import DISK_FULL, ERROR

HINTS = {
    "classifier": "Give --run_dir FOLDER.",
    "exists": "Add --overwrite to replace it.",
    "holds_run": "Add --resume true to continue it, or --overwrite true to delete it and start anew.",
    "package": "`mocoi run` finds the package by itself; else give --bundle_root FOLDER.",
    "phantoms": "Add --dataset_dir FOLDER (for inference.json --images FOLDER will do).",
    "resume": "Give the same command with --resume true.",
    "stage": "The whole network: --to torchscript, pt2 or onnx. Another classifier: --stage 4.",
    "tested": "To test a run: `mocoi run .../evaluate.json --dataset_dir FOLDER --split SPLIT --run_dir RUN`.",
    "unfinished": "Give the run's own command with --resume true.",
    "weights": "Give --pretrained FILE, or --pretrained none for random weights.",
}
"""By :attr:`~monai_mocoi.errors.MocoiError.code`."""


def as_options(names: Iterable[str]) -> str:
    """Names of arguments as what is typed: ``--title, --data-statement``."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in names)


def short(value: Any, most: int = 60) -> str:
    """A value in at most so many letters."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= most else text[: most - 3] + "..."


_OURS = ("monai_mocoi", "data_prep")
# How MONAI's config parser begins the errors that it wraps around the one that matters.
_WRAPPINGS = ("Failed to evaluate", "Failed to instantiate component")
_NO_MEMORY = re.compile(r"out of memory|can't allocate memory|not enough memory|ALLOC_FAILED", re.IGNORECASE)
_OF_GPU = re.compile("cuda|cudnn|cublas", re.IGNORECASE)
_IN_WORKER = re.compile(r"Caught \w+ in (DataLoader worker process|pin memory thread)")
_SMALLER = "Lower batch_size (and raise accumulation_steps to make up for it) or image_size."


def explain(error: BaseException) -> tuple[str, int]:
    """Say what happened, in words for who gave the command, and the exit code.

    Of the chain of errors that led to this one, message and code are those of the outermost error of this package,
    which was written to be read; without any, the message is that of the first error inside MONAI's wrapping, and a
    full disk anywhere in the chain has its own code.
    """
    chain = list(_chain(error))
    full = any(isinstance(e, OSError) and e.errno in (errno.ENOSPC, errno.EDQUOT) for e in chain)
    ours = next((e for e in chain if isinstance(e, MocoiError)), None)
    main = ours or next((e for e in chain if not _is_wrapping(e)), error)
    text, is_known = with_hint(main), ours is not None or _raised_by_us(main)
    if not is_known:
        text = f"{type(main).__name__}: {text}" if text else type(main).__name__
    if full and ours is None:
        text += ". The disk (or your quota on it) is full: make room and give the command again, with "
        text += "--resume true where the run had begun."
    elif any(_is_out_of_memory(e) for e in chain):
        where = "The GPU has" if any(_OF_GPU.search(str(e)) for e in chain) else "The machine has"
        first_line = text.partition("\n")[0]
        text = f"{where} not enough memory for this run. {_SMALLER} ({short(first_line, 160)})"
    elif not is_known:
        text += "\nThe same command with --traceback shows where."
    return text, ours.exit_code if ours else DISK_FULL if full else ERROR


def with_hint(error: BaseException) -> str:
    """The error's text, and what to type next."""
    hint = HINTS.get(getattr(error, "code", None) or "")
    return f"{_text(error)} {hint}" if hint else _text(error)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Give the error and those that led to it, the outermost first."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _is_wrapping(error: BaseException) -> bool:
    return isinstance(error, RuntimeError) and str(error).startswith(_WRAPPINGS) and error.__cause__ is not None


def _raised_by_us(error: BaseException) -> bool:
    """True for a built-in error that our code raised with a text of its own."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return bool(frames) and str(frames[-1][0].f_globals.get("__name__", "")).partition(".")[0] in _OURS


def _is_out_of_memory(error: BaseException) -> bool:
    # By name, for torch's own class cannot be named here without importing torch.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error)) is not None


def _text(error: BaseException) -> str:
    """Return the error's text; of one from a loader's process, whose text is a whole traceback, the last part."""
    if isinstance(error, OSError) and error.strerror:
        named = error.filename and not isinstance(error, MocoiError)
        return f"{error.strerror}: {error.filename}" if named else error.strerror
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    if _IN_WORKER.match(text):
        parts = re.split(rf"^(?:\w+\.)*{type(error).__name__}: ", text, flags=re.MULTILINE)
        text = parts[-1] if len(parts) > 1 else text
    return text.strip() + (prepare_commands(error) if isinstance(error, NoDatasetError) else "")


_OWN = "inhouse --images IMAGES --private PRIVATE"
_PUBLIC = {
    "chest": "nih --images IMAGES --metadata Data_Entry_2017_v2020.csv",
    "histology": "bch --images IMAGES",
    "fundus": "eyepacs --images IMAGES --labels trainLabels.csv",
}
_BEGUN = "preparation.jsonl"  # what an interrupted preparation leaves


def prepare_commands(error: NoDatasetError) -> str:
    """The lines to put below the error's text: first one's own images, then public data of the bundle's modality."""
    kinds = [_PUBLIC[error.modality]] if error.modality in _PUBLIC else list(_PUBLIC.values())
    public = "".join(f"  mocoi prepare {_options(kind, error.dataset_dir)}\n" for kind in kinds)
    return (
        f"\nOf images of your own (docs/inhouse.md) with\n  mocoi prepare {_options(_OWN, error.dataset_dir)}\n"
        f"or of public data with\n{public}"
        "One made by hand (docs/data.md shows it whole) is checked by\n  mocoi prepare audit FOLDER"
    )


def _options(prepare: str, dataset_dir: str) -> str:
    """The options: a folder that holds something else is taken for the raw images, not for the target."""
    given = shlex.quote(dataset_dir) if dataset_dir else "FOLDER"
    folder = Path(os.path.expanduser(dataset_dir))
    names = {path.name for path in folder.iterdir()} if dataset_dir and folder.is_dir() else set()
    if names - {".lock"} and _BEGUN not in names:
        return f"{prepare.replace('IMAGES', given)} --out NEW_FOLDER"
    return f"{prepare} --out {given}"
