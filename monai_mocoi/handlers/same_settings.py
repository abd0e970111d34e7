"""May a run be continued with these settings? Only those that do not change what is learnt may differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai_mocoi.handlers.run_folder_error import RunFolderError

MAY_DIFFER = frozenset(
    {
        "max_epochs",  # a longer run: the schedule follows the new length
        "device", "num_workers", "compile",
        "checkpoint_every", "keep_checkpoints",
        "val_interval", "watch_every",
        "check_every", "on_collapse",
    }
)  # fmt: skip
"""Settings that may change when a run is continued."""


def check_same_settings(saved: Mapping[str, Any], now: Mapping[str, Any], what: str) -> None:
    """Refuse to continue with other settings.

    Args:
        saved: names and plain values of the run that is to be continued.
        now: those of this command.
        what: where ``saved`` was found, for the text.

    Raises:
        RunFolderError: names every setting that differs, with both values.
    """
    differing = [
        f"{name} {_shown(saved, name)} -> {_shown(now, name)}"
        for name in [*saved, *(name for name in now if name not in saved)]
        if name not in MAY_DIFFER and _shown(saved, name) != _shown(now, name)
    ]
    if differing:
        raise RunFolderError(
            f"the run cannot be continued: {what} was made with other settings (before -> now): "
            f"{'; '.join(differing)}. Nothing was changed. Give the earlier settings, or choose another --output_dir "
            "for a run of its own."
        )


def _shown(settings: Mapping[str, Any], name: str) -> str:
    return repr(settings[name]) if name in settings else "absent"
