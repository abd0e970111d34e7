"""The run's settings as plain values, checked before work begins."""

import json
from collections.abc import Mapping
from typing import Any

from monai_mocoi.distributed import world_size
from monai_mocoi.errors import SettingsError
from monai_mocoi.runs.setting_ranges import check_ranges

_MEANT = {"true": "True", "false": "False", "none": "'$None'", "null": "'$None'"}


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON knows them; what it does not know (a device, a path) becomes a text."""
    return json.loads(json.dumps(dict(settings), default=str))


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse values out of range, texts meant as true, false or nothing, and another number of processes.

    MONAI's command line reads ``false`` as the *text* "false", which Python takes for true; and it drops ``None``
    without a word, so that nothing must be written as the expression ``'$None'``. ``settings``: names and resolved
    values. A SettingsError names the setting and what to write.
    """
    processes, named = world_size(), settings.get("world_size", 1)
    if processes != named:
        advice = f"leave world_size out, and let torchrun start {named} processes (docs/distributed.md)."
        if processes > 1:
            advice = "leave world_size out; inference.json and analyze.json run in one process, without torchrun."
        raise SettingsError(f"world_size is {named}, but the number of processes is {processes}: {advice}")
    for name, value in settings.items():
        if isinstance(value, str) and value.lower() in _MEANT:
            raise SettingsError(
                f"{name} is the text {value!r}, which would not mean what it says: write {_MEANT[value.lower()]}."
            )
    check_ranges(settings)
