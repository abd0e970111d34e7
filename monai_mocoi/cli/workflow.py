"""MONAI's own ``run``, with a workflow that finalises whatever happens. This module imports torch and MONAI."""

import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from monai.bundle import ConfigComponent, ConfigExpression, ConfigWorkflow, run

from monai_mocoi.cli.overrides import Checked
from monai_mocoi.cli.resolved_config import ResolvedConfig
from monai_mocoi.cli.threads import computing_with
from monai_mocoi.distributed import abandon
from monai_mocoi.errors import UsageError
from monai_mocoi.runs.setting_ranges import check_ranges

logger = logging.getLogger(__name__)


class FinalizingWorkflow(ConfigWorkflow):
    """A config workflow whose ``finalize`` runs also when ``initialize`` or ``run`` fails; the first error wins.

    MONAI leaves it out then, so that a TensorBoard file stays open or a process group alive. After a failure each of
    its expressions is tried for itself, except those that would first have to make what they are to close.
    """

    def initialize(self) -> Any:
        """Initialise; finalise if that fails."""
        return self._or_finalize(super().initialize)

    def run(self) -> Any:
        """Run; finalise if that fails."""
        return self._or_finalize(super().run)

    def _or_finalize(self, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except BaseException:  # Ctrl-C and SystemExit too
            self._finalize_what_was_made()
            raise

    def _finalize_what_was_made(self) -> None:
        abandon()  # before finalize waits for processes that may wait for this one
        config = self.parser.get(self.final_id)
        ids = [f"{self.final_id}::{i}" for i in range(len(config))] if isinstance(config, list) else [self.final_id]
        for id in ids:
            try:
                if self._is_ready(self.parser.get(id)):
                    self._run_expr(id)
            except BaseException as second:
                logger.debug("finalize failed as well: %s", second)

    def _is_ready(self, expression: Any) -> bool:
        """True if all that the expression refers to has been made, or is a plain value."""
        resolver = self.parser.ref_resolver
        needed = resolver.match_refs_pattern(expression) if isinstance(expression, str) else {}
        unmade = [id for id in needed if id not in resolver.resolved_content]
        return not any(isinstance(resolver.items.get(id), ConfigComponent | ConfigExpression) for id in unmade)


class _QuietWorkflow(FinalizingWorkflow):
    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # Only now, for the bundle's logging.conf has just set the handlers up.
        for handler in logging.getLogger().handlers:
            handler.addFilter(_without_repeats)


def run_checked(checked: Checked, show_all: bool = False) -> None:
    """Check the values of a command, and run it by ``monai.bundle.run``; ``show_all`` leaves MONAI's own lines in."""
    check_ranges(ResolvedConfig(checked.files.files, checked.overrides).settings())
    if isinstance(device := checked.overrides.get("device"), str) and device[0] not in "$@%":
        check_device(device)
    # MONAI drops a plain None without a word; the expression does what was meant.
    overrides = {setting: "$None" if value is None else value for setting, value in checked.overrides.items()}
    with computing_with(checked.threads), nullcontext() if show_all else _quiet():
        run(
            config_file=list(checked.files.files),
            workflow_name=FinalizingWorkflow if show_all else _QuietWorkflow,
            **checked.run_arguments,
            **overrides,
        )


def check_device(name: str) -> None:
    """Refuse a device that torch does not know or this machine does not have with a UsageError."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UsageError(f"device is {name!r}, which torch does not know: write cpu, cuda, or cuda:1") from error
    if device.type != "cuda":
        return
    if not torch.cuda.is_available():
        raise UsageError(f"device is {name}, but torch finds no GPU: leave --device out, or write --device cpu")
    if (count := torch.cuda.device_count()) <= (device.index or 0):
        raise UsageError(f"device is {name}, but there are only {count} GPU(s): write cuda:0 to cuda:{count - 1}")


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the lines in which MONAI tells about itself."""
    loggers = [logging.getLogger(f"monai.bundle.{name}") for name in ("workflows", "scripts")]
    levels = [own.level for own in loggers]
    with warnings.catch_warnings():
        # It says that a config is code: so do `mocoi run --help` and docs/commands.md.
        warnings.filterwarnings("ignore", message="parsing config_file")
        for own in loggers:
            own.setLevel(logging.CRITICAL)  # a missing metadata.json is an error to them
        try:
            yield
        finally:
            for own, level in zip(loggers, levels, strict=True):
                own.setLevel(level)
            for handler in logging.getLogger().handlers:
                handler.removeFilter(_without_repeats)


def _without_repeats(record: logging.LogRecord) -> bool:
    """Leave out what only repeats the error that ends the run, and that the command shows once, at the end."""
    return not (record.levelno >= logging.ERROR and record.name.startswith(("ignite.", "monai.")))
