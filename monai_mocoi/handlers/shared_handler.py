"""A handler of a config's list that other parts of the config refer to as well."""

from __future__ import annotations

from typing import Any


def shared(handler: Any) -> Any:
    """Return the handler as it is.

    MONAI's check of a bundle reads ``_target_`` of every entry of the handler list, so that a plain reference such as
    ``"@checkpoints"`` cannot stand there, but this function with the reference as its argument can.

    Args:
        handler: defined elsewhere in the config.
    """
    return handler
