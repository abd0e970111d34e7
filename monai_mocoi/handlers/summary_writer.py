"""A TensorBoard writer that touches the disk only when something is written."""

from __future__ import annotations

import os
from typing import Any

from torch.utils.tensorboard import SummaryWriter


class LazySummaryWriter:
    """Stand-in for ``torch.utils.tensorboard.SummaryWriter``; several handlers share one.

    A plain SummaryWriter makes its folder when it is built, so that a config that is only checked, or refused, would
    leave an empty run behind.

    Args:
        log_dir: TensorBoard folder of the run.
    """

    def __init__(self, log_dir: str | os.PathLike[str]) -> None:
        self.log_dir = os.fspath(log_dir)
        self._writer: SummaryWriter | None = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if self._writer is None:
            self._writer = SummaryWriter(self.log_dir)
        return getattr(self._writer, name)

    def flush(self) -> None:
        """Bring everything written so far to the disk."""
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        """Flush and close, if anything was ever written."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
