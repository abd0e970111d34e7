"""A plan in the making: the config, what was found of the data, and what a run would refuse."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from monai_mocoi.cli.messages import with_hint
from monai_mocoi.cli.resolved_config import ResolvedConfig
from monai_mocoi.data.datalist import Datalist
from monai_mocoi.errors import MocoiError

Row: TypeAlias = tuple[str, str, str]
"""Name, value and note."""
AT_RUN_TIME = "known when the run starts"


@dataclass
class Planned:
    """What the sections of a plan share."""

    config: ResolvedConfig
    datalist: Datalist | None = None  # None: no dataset folder is read, or not yet
    refusals: list[tuple[str, int]] = field(default_factory=list)  # text and exit code of what would stop the run

    @cached_property
    def parts(self) -> list[tuple[str, dict[str, Any], Any]]:
        """The parts that the run needs: id, config, and class or function."""
        return list(self.config.reached("run", set()))

    @cached_property
    def targets(self) -> set[str]:
        """Names of the classes and functions of these parts."""
        return {str(part["_target_"]).rpartition(".")[2] for _, part, _ in self.parts}

    def refuse(self, error: MocoiError) -> None:
        """Note an error as a refusal, once."""
        if (refusal := (with_hint(error), error.exit_code)) not in self.refusals:
            self.refusals.append(refusal)

    @contextmanager
    def refusing(self, *errors: type[MocoiError]) -> Iterator[None]:
        """Note such errors as refusals, and go on behind the block."""
        try:
            yield
        except errors as error:
            self.refuse(error)

    def refuse_as(self, checks: str) -> None:
        """Note what the config's own checks refuse; see :meth:`ResolvedConfig.refused`."""
        for error in self.config.refused(checks):
            self.refuse(error)

    def text(self, setting: str) -> str | None:
        """The value at an id where it is a text, else None."""
        return value if isinstance(value := self.config.get(setting), str) else None


def in_words(value: Any) -> str:
    """A value as a plan shows it."""
    if isinstance(value, bool | int | float | list | dict):
        return json.dumps(value, default=str)
    return "none" if value is None else str(value)
