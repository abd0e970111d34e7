"""A TensorBoard writer that touches the disk only when something is written."""

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tensorboard.data_compat import migrate_value
from torch.utils.tensorboard import SummaryWriter

from monai_mocoi.errors import DiskFullError
from monai_mocoi.runs.curves import SHOWN_AS, description_of

_FULL = (errno.ENOSPC, errno.EDQUOT)


class LazySummaryWriter:
    """Stand-in for ``torch.utils.tensorboard.SummaryWriter``; several handlers share one.

    A plain one makes its folder when it is built, so that a config that is only checked, or refused, would leave an
    empty run behind; and where its disk is full, its thread prints a traceback. Here the next call, whichever it is,
    raises DiskFullError.

    What has a sentence in :mod:`monai_mocoi.runs.curves` is written with it: TensorBoard shows it beside the curve.
    Scalars that have another name there are written under that. ``log_dir`` is the TensorBoard folder of the run.
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self.log_dir = os.fspath(log_dir)
        self._writer: SummaryWriter | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        with _room():
            if self._writer is None:
                self._writer = SummaryWriter(self.log_dir)
                _describe(self._writer)
                _hush_writing_threads()
        attribute = getattr(self._writer, name)
        return _room()(attribute) if callable(attribute) else attribute

    def add_scalar(self, tag: str, *args: Any, **options: Any) -> None:
        """As ``SummaryWriter.add_scalar``."""
        self.__getattr__("add_scalar")(SHOWN_AS.get(tag, tag), *args, **options)

    def flush(self) -> None:
        """Bring everything written so far to the disk."""
        if self._writer is not None:
            with _room():
                self._writer.flush()

    def close(self) -> None:
        """Flush and close, if anything was ever written."""
        if self._writer is not None:
            with _room():
                self._writer.close()
            self._writer = None


def _describe(writer: SummaryWriter) -> None:
    """Let the writer put each curve's and picture's sentence before the first value of it that it writes.

    TensorBoard's fast reader knows sentences of values in its newer form only, while torch writes the older one, which
    other readers expect. So the first value is written in both: of two values at one step the second counts.
    """
    file_writer: Any = writer.file_writer
    add_summary, described = file_writer.add_summary, set()

    def add(summary: Any, *args: Any, **options: Any) -> None:
        for value in summary.value:
            if value.tag not in described and (text := description_of(value.tag)):
                newer = type(value)()
                newer.CopyFrom(value)
                newer.metadata.summary_description = text
                if value.HasField("tensor"):  # the newer form itself
                    value.CopyFrom(newer)
                else:
                    add_summary(type(summary)(value=[migrate_value(newer)]), *args, **options)
            described.add(value.tag)
        add_summary(summary, *args, **options)

    file_writer.add_summary = add


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        text = "TensorBoard's curves cannot be written: the disk (or your quota on it) is full. Earlier checkpoints "
        text += "are intact: make room, then set resume to true to go on."
        raise DiskFullError(error.errno, text, code="resume") from error


def _hush_writing_threads() -> None:
    """Print no traceback of TensorBoard's threads on a full disk: the error comes again from the writer's next call."""
    before = threading.excepthook
    if getattr(before, "hushes_tensorboard", False):
        return

    def hook(args: threading.ExceptHookArgs, /) -> None:
        full = isinstance(args.exc_value, OSError) and args.exc_value.errno in _FULL
        if not (full and type(args.thread).__module__.startswith("tensorboard.")):
            before(args)

    hook.hushes_tensorboard = True  # type: ignore[attr-defined]
    threading.excepthook = hook
