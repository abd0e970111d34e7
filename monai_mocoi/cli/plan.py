"""What a command would do: its constants as they come out, the data, the steps, and what would be written where.

MONAI's parser works the constants out. Neither data nor a network is made, and nothing is written.
"""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass

from monai_mocoi.cli.overrides import Checked
from monai_mocoi.cli.plan_data import data_rows
from monai_mocoi.cli.plan_rows import AT_RUN_TIME, Planned, Row
from monai_mocoi.cli.plan_settings import changed_rows, settings_rows
from monai_mocoi.cli.plan_written import written_rows
from monai_mocoi.cli.resolved_config import ResolvedConfig
from monai_mocoi.errors import SettingsError
from monai_mocoi.exit_codes import DATA
from monai_mocoi.runs.setting_ranges import check_ranges


@dataclass(frozen=True)
class Section:
    """Rows of name, value and note under a title."""

    title: str
    rows: tuple[Row, ...]

    def text(self) -> str:
        """Plain aligned lines, the same in a terminal, a file or a pipe."""
        name_width = max(len(name) for name, _, _ in self.rows)
        # A single long value must not push all notes out of sight.
        value_width = max((len(value) for _, value, note in self.rows if note and len(value) <= 60), default=0)
        rows = (f"  {name:<{name_width}}  {value:<{value_width}}  {note}".rstrip() for name, value, note in self.rows)
        return "\n".join((self.title, *rows))


@dataclass(frozen=True)
class Plan:
    """What a command would do."""

    sections: tuple[Section, ...]  # to be shown in this order
    refusals: tuple[tuple[str, int], ...]  # what would stop the run before its first step, and the exit code


def make_plan(checked: Checked) -> Plan:
    """Work out the plan of a checked command; a constant that cannot be worked out at all is a UsageError."""
    planned = Planned(ResolvedConfig(checked.files.files, checked.overrides))
    with planned.refusing(SettingsError):
        check_ranges(planned.config.settings())
    words = zip(checked.files.given, checked.files.files, strict=True)
    # In the order of the run, which looks at the data first and at the run folder then.
    sections = (
        Section("Configs", tuple((word, file, "") for word, file in words if word != file)),
        Section("Settings", tuple(settings_rows(checked, planned.config))),
        Section("Changed besides", tuple(changed_rows(checked, planned.config))),
        Section("Data", tuple(data_rows(planned))),
        Section("Written", tuple(written_rows(planned))),
        Section("Steps", tuple(_step_rows(planned))),
    )
    return Plan(tuple(section for section in sections if section.rows), tuple(planned.refusals))


def _step_rows(planned: Planned) -> Iterator[Row]:
    config, images = planned.config, planned.images
    if not config.has("train#trainer") or not config.has("batch_size"):
        return
    processes = config.get("world_size") or int(os.environ.get("WORLD_SIZE", "1"))
    yield "processes", str(processes), ""
    batch, epochs = config.get("train#dataloader#batch_size"), config.get("train#trainer#max_epochs")
    accumulation = config.get("accumulation_steps") or 1
    if not images or batch is None or epochs is None:
        yield "iterations", AT_RUN_TIME, "by the number of images with labels" if images and batch is None else ""
        return
    together = batch * processes
    drop_last = config.get("train#dataloader#shuffle") is True
    iterations = images["training"] // together if drop_last else math.ceil(images["training"] / together)
    steps = math.ceil(iterations / accumulation)
    yield "iterations", f"{iterations} an epoch, {iterations * epochs} in all", f"{together} images each"
    yield "optimiser steps", f"{steps} an epoch, {steps * epochs} in all", f"{epochs} epoch(s)"
    if iterations < 1:
        planned.refuse(
            f"the training split has {images['training']} image(s), but {together} are needed: lower batch_size.", DATA
        )
    elif images["validation"] < 2 and config.has("validate#evaluator"):
        planned.refuse(f"the validation split has {images['validation']} image(s), but 2 are needed.", DATA)
