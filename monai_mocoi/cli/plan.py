"""What a command would do: its constants as MONAI's parser works them out, the data, the steps, what is written where.

Neither data nor a network is made, and nothing is written.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from monai_mocoi.cli.config_ids import find, referred
from monai_mocoi.cli.messages import short
from monai_mocoi.cli.overrides import Checked
from monai_mocoi.cli.plan_files import data_rows, written_rows
from monai_mocoi.cli.plan_rows import AT_RUN_TIME, Planned, Row, in_words
from monai_mocoi.cli.resolved_config import ResolvedConfig, Undecided
from monai_mocoi.cli.unused_overrides import used_names
from monai_mocoi.cli.values import setting_names
from monai_mocoi.data.enough_images import require_images
from monai_mocoi.data.sampler import EpochSampler
from monai_mocoi.distributed.torchrun import torchrun_world_size
from monai_mocoi.engines.options import check_accumulation
from monai_mocoi.errors import DatasetError, SettingsError
from monai_mocoi.runs.setting_ranges import check_ranges

# Shown beside the names in ``settings``, which leaves out what differs from machine to machine.
_PLACES = (
    *("dataset_dir", "output_dir", "overwrite", "resume", "pretrained", "label_ids", "run_dir", "images"),
    *("inference_dir", "subgroups", "finetuned", "few_labels", "all_labels", "all_labels_again"),
)
_STEPS = ("imports", "initialize", "run", "finalize")


def settings_rows(checked: Checked, config: ResolvedConfig) -> Iterator[Row]:
    """The constants in the config's order, and those that are in ``settings`` alone."""
    base = ResolvedConfig(checked.files.files[:1])
    overlaid = used_names(base.raw) - used_names(checked.config)
    for name in _constants(checked.config):
        value = _shown(config, name)
        before = _shown(base, name) if base.has(name) else None
        source = _source(checked, name)
        if not source and before is not None and before != value:
            source = "follows"
        if not source and name in overlaid:
            source = "not used any more"
        was = "" if before in (None, value) else f", was {before}"
        yield name, value, f"{source}{was}" if source else ""
    for name in setting_names(checked.config):
        if name not in checked.config:
            yield name, _shown(config, f"settings#{name}"), ""


def changed_rows(checked: Checked, config: ResolvedConfig) -> Iterator[Row]:
    """What overlays and the command line changed that is no constant."""
    constants = set(_constants(checked.config))
    changed = {setting: checked.files.names[place] for setting, place in checked.files.origin.items() if place > 0}
    changed |= dict.fromkeys(checked.overrides, "command line")
    for setting, source in changed.items():
        if setting.partition("#")[0] not in constants:
            value = find(checked.config, setting)
            is_part = isinstance(value, dict) and "_target_" in value
            yield setting, str(value["_target_"]) if is_part else short(in_words(value)), source


def _constants(config: dict[str, Any]) -> list[str]:
    """Names of the constants in the config's order."""
    names = setting_names(config)
    if not names:
        return [name for name, value in config.items() if not isinstance(value, dict | list) and name not in _STEPS]
    return [name for name in config if name in {*names, *_PLACES} and name != "settings"]


def _shown(config: ResolvedConfig, name: str) -> str:
    """A value, or what it will be worked out from."""
    try:
        return in_words(config.value(name))
    except Undecided:
        raw = find(config.raw, name)
        others = dict.fromkeys(referred(raw)) if isinstance(raw, str) else ()
        return f"{AT_RUN_TIME}, from {', '.join(others)}" if others else AT_RUN_TIME


def _source(checked: Checked, name: str) -> str:
    """What changed a constant, or a part of it, last; empty for the first file."""
    if any(f"{setting}#".startswith(f"{name}#") for setting in checked.overrides):
        return "command line"
    place = max((p for setting, p in checked.files.origin.items() if f"{setting}#".startswith(f"{name}#")), default=0)
    return checked.files.names[place] if place else ""


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
        Section("Steps", (*_step_rows(planned), *_thread_rows(checked))),
    )
    return Plan(tuple(section for section in sections if section.rows), tuple(planned.refusals))


def _thread_rows(checked: Checked) -> Iterator[Row]:
    if checked.threads is not None:
        yield "threads", str(checked.threads), "of each process"


def _step_rows(planned: Planned) -> Iterator[Row]:
    config, datalist = planned.config, planned.datalist
    if not config.has("train#trainer") or not config.has("batch_size"):
        return
    processes = config.get("world_size") or torchrun_world_size()
    yield "processes", str(processes), ""
    batch, epochs = config.get("train#dataloader#batch_size"), config.get("train#trainer#max_epochs")
    if datalist is None or batch is None or epochs is None:
        yield "iterations", AT_RUN_TIME, "by the number of images with labels" if datalist and batch is None else ""
        return
    with planned.refusing(DatasetError, SettingsError):
        validation = {"validation": 2} if config.has("validate#evaluator") else {}
        shuffle = config.get("train#dataloader#shuffle") is True
        require_images(datalist, training=batch * processes if shuffle else 1, **validation)
        share = len(EpochSampler(len(datalist.training), 0, shuffle, 0, processes, batch_size=batch))
        iterations = math.ceil(share / batch)
        accumulated = config.get("accumulation_steps") or 1
        if "load_to_pretrain" in planned.targets:
            check_accumulation(accumulated, iterations)
        steps = math.ceil(iterations / accumulated)
        yield "iterations", f"{iterations} an epoch, {iterations * epochs} in all", f"{batch * processes} images each"
        yield "optimiser steps", f"{steps} an epoch, {steps * epochs} in all", f"{epochs} epoch(s)"
