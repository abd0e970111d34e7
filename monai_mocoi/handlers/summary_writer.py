"""A TensorBoard writer that touches the disk only when something is written."""

from __future__ import annotations

import errno
import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from monai_mocoi.handlers.checkpoint_files import DiskFullError


class LazySummaryWriter:
    """Stand-in for ``torch.utils.tensorboard.SummaryWriter``; several handlers share one.

    A plain SummaryWriter makes its folder when it is built, so that a config that is only checked, or refused, would
    leave an empty run behind. And where its disk is full, the thread that writes for it prints a traceback at once, and
    the next call raises the thread's error as it is; here the next call says it once, in plain words.

    Args:
        log_dir: TensorBoard folder of the run.

    Raises:
        DiskFullError: from any method: no room (or no quota) left.
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
                _hush_writing_threads()
        attribute = getattr(self._writer, name)
        return _with_room(attribute) if callable(attribute) else attribute

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


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFullError(
            error.errno,
            "TensorBoard's curves cannot be written: the disk (or your quota on it) is full. Earlier checkpoints are "
            "intact: make room, then continue with --resume true.",
        ) from error


def _with_room(method: Any) -> Any:
    @functools.wraps(method)
    def call(*args: Any, **options: Any) -> Any:
        with _room():
            return method(*args, **options)

    return call


def _hush_writing_threads() -> None:
    """Print no traceback of TensorBoard's threads on a full disk: the error comes again from the writer's next call."""
    before = threading.excepthook
    if getattr(before, "hushes_tensorboard", False):
        return

    def hook(args: threading.ExceptHookArgs, /) -> None:
        full = isinstance(args.exc_value, OSError) and args.exc_value.errno in (errno.ENOSPC, errno.EDQUOT)
        if not (full and type(args.thread).__module__.startswith("tensorboard.")):
            before(args)

    hook.hushes_tensorboard = True  # type: ignore[attr-defined]
    threading.excepthook = hook
