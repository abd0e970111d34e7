"""Constants of a config that have another value on phantoms: ``"$64 if @demo else 224"``."""

import re
from collections.abc import Mapping
from typing import Any

from monai_mocoi.errors import AdaptError

_DEMO = re.compile(r"\$(\d+) if @demo else (\d+)")


def whole_number(config: Mapping[str, Any], name: str) -> int:
    """A constant as it is on real data: ``"$64 if @demo else 224"`` is 224; another form is an AdaptError."""
    value = config.get(name)
    if isinstance(value, str) and (parts := _DEMO.fullmatch(value)):
        return int(parts[2])
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise AdaptError(
        f"{name} in train.json of the bundle is {value!r}, but must be a whole number, or of the form "
        "'$64 if @demo else 224'."
    )


def for_real_data(config: Mapping[str, Any], name: str, value: int) -> int | str:
    """The constant with another number on real data; on phantoms it stays what it was."""
    old = config[name]
    parts = _DEMO.fullmatch(old) if isinstance(old, str) else None
    on_phantoms = int(parts[1]) if parts else int(old)
    return value if value == on_phantoms else f"${on_phantoms} if @demo else {value}"
