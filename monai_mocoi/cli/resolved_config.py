"""A config as MONAI's parser works it out, without making what its ``_target_`` parts describe."""

import pydoc
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from monai.bundle import ConfigExpression, ConfigParser, ReferenceResolver

from monai_mocoi.cli.config_ids import find, has, walk
from monai_mocoi.cli.values import setting_names
from monai_mocoi.errors import MocoiError, UsageError

_OF_OTHERS = ("monai", "torch", "ignite")


class Undecided(Exception):
    """Only a run can tell: the value depends on an object that the run makes, or on a file that is not there yet."""


class ResolvedConfig:
    """Values of config files, each of which overlays those before it, with overrides by id; UsageError: unreadable."""

    def __init__(self, files: Sequence[str], overrides: Mapping[str, Any] | None = None) -> None:
        self._parser = ConfigParser()
        try:
            self._parser.read_config(list(files))
            self._parser.update(dict(overrides or {}))
            self._parser.parse()
        except (KeyError, ValueError, OSError) as error:
            raise UsageError(f"the config cannot be read: {error}") from error
        self.raw: dict[str, Any] = self._parser.get()

    def has(self, setting: str) -> bool:
        """Whether there is something at an id."""
        return has(self.raw, setting)

    def value(self, setting: str) -> Any:
        """The value at an id; Undecided if only a run can tell, UsageError if it cannot be worked out at all."""
        return self._work_out(setting, find(self.raw, setting))

    def get(self, setting: str) -> Any:
        """The value at an id; None where there is none, and where only a run can tell."""
        try:
            return self.value(setting) if self.has(setting) else None
        except Undecided:
            return None

    def settings(self) -> dict[str, Any]:
        """The values in ``settings``, without those that only a run can tell."""
        values = {}
        for name in setting_names(self.raw):
            with suppress(Undecided):
                values[name] = self.value(f"settings#{name}")
        return values

    def refused(self, checks: str) -> Iterator[MocoiError]:
        """Try those checks of ``initialize``, by a pattern of names, that need nothing made; give their errors."""
        steps = found if isinstance(found := self.raw.get("initialize"), list) else []
        for step in steps:
            if isinstance(step, str) and re.match(rf"\$monai_mocoi\.[\w.]*\b{checks}\(", step):
                try:
                    self._work_out(step, step)
                except Undecided as undecided:
                    if isinstance(undecided.__cause__, MocoiError):
                        yield undecided.__cause__
                except UsageError as error:
                    yield error

    def reached(self, start: str, seen: set[str]) -> Iterator[tuple[str, dict[str, Any], Any]]:
        """Give the ``_target_`` parts that an id needs: id, arguments, and class or function where it is not MONAI's.

        What is disabled does not count; nor do arguments that the class or function says are ``unused`` with others:
        ``{"solver=lbfgs": ("gradient_handlers",)}``. Ids that were ``seen`` are left out.
        """
        if start in seen or not has(self.raw, start):
            return
        seen.add(start)
        value = find(self.raw, start)
        if isinstance(value, dict) and "_target_" in value:
            if str(self.get(f"{start}#_disabled_")).lower() == "true":
                return
            target = str(value["_target_"])
            is_ours = "." in target and target.partition(".")[0] not in _OF_OTHERS
            maker = pydoc.locate(target) if is_ours else None
            for condition, names in getattr(maker, "unused", {}).items():
                argument, _, text = condition.partition("=")
                if str(self.get(f"{start}#{argument}")) == text:
                    value = {name: own for name, own in value.items() if name not in names}
            yield start, value, maker
        if isinstance(value, str):
            for id in ReferenceResolver.match_refs_pattern(value):
                yield from self.reached(id.replace("::", "#"), seen)
        elif isinstance(value, dict | list):
            for key in value if isinstance(value, dict) else range(len(value)):
                yield from self.reached(f"{start}#{key}", seen)

    def _work_out(self, setting: str, raw: Any) -> Any:
        if self._makes_something(raw, set()):
            raise Undecided(setting)
        expression = isinstance(raw, str) and raw.startswith("$")
        default = {"default": ConfigExpression(raw, setting, globals=self._parser.globals)} if expression else {}
        try:
            return self._parser.get_parsed_content(setting, **default)
        except Exception as error:
            while not isinstance(error, MocoiError) and isinstance(error.__cause__, Exception):
                error = error.__cause__
            if isinstance(error, MocoiError | OSError):
                raise Undecided(setting) from error
            raise UsageError(f"{setting.removeprefix('settings#')}: {raw!r} cannot be worked out: {error}") from error

    def _makes_something(self, raw: Any, seen: set[str]) -> bool:
        parts = [raw, *(value for _, value in walk(raw))]
        if any(isinstance(part, dict) and "_target_" in part for part in parts):
            return True
        ids = {id for part in parts if isinstance(part, str) for id in ReferenceResolver.match_refs_pattern(part)}
        new = [id for id in ids - seen if has(self.raw, id)]
        seen |= ids
        return any(self._makes_something(find(self.raw, id), seen) for id in new)
