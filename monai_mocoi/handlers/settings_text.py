"""The run's settings as a table in TensorBoard's text tab."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ignite.engine import Events
from monai.engines import Workflow


class SettingsText:
    """Write the settings once, when the run starts.

    Args:
        summary_writer: where to.
        settings: names and values.
    """

    def __init__(self, summary_writer: Any, settings: Mapping[str, Any]) -> None:
        self.writer = summary_writer
        self.settings = settings

    def attach(self, engine: Workflow) -> None:
        """Register on a trainer."""
        engine.add_event_handler(Events.STARTED, self._write)

    def _write(self, engine: Workflow) -> None:
        rows = "\n".join(f"| {name} | `{value}` |" for name, value in self.settings.items())
        self.writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}", 0)
