"""Typer commands from dataclasses: each field is an option, and one option may take several words."""

import copy
import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand

from data_prep.options import Options

_UsageError: Any = typer.BadParameter.__base__  # of click, wherever this version of typer has it


def as_command(options: type[Any], run: Callable[[Any], None]) -> Callable[..., None]:
    """Make a function for typer that calls ``run`` with an instance of a dataclass; its own fields come first."""
    hints = get_type_hints(options, include_extras=True)
    common = set(vars(Options)["__annotations__"])
    own = [f for f in dataclasses.fields(options) if f.init and f.name not in getattr(options, "hidden", ())]
    fields = sorted(own, key=lambda field: field.name in common)

    def command(**values: Any) -> None:
        run(options(**values))

    parameters = []
    for field in fields:
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        default = inspect.Parameter.empty if default is dataclasses.MISSING else default
        hint = _without_opposite(field.name, hints[field.name])
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(field.name, kind, default=default, annotation=hint))
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__ = options.__doc__
    return command


def _without_opposite(name: str, hint: Any) -> Any:
    """Give a switch its name alone: typer would add --no-name to it."""
    if get_origin(hint) is not Annotated or get_args(hint)[0] is not bool or get_args(hint)[1].param_decls:
        return hint
    info = copy.copy(get_args(hint)[1])
    info.param_decls = ("--" + name.replace("_", "-"),)
    return Annotated[bool, info]


class ManyWords(TyperCommand):
    """A command that takes several words behind an option that may be given again: --images A B."""

    public = True  # errors may repeat what was given

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the words, the option repeated before each further one."""
        many = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        words: list[str] = []
        option = None
        for word in args:
            if word.startswith("--"):
                option = word.partition("=")[0] if word.partition("=")[0] in many else None
            elif option is not None and words[-1] != option:
                words.append(option)
            words.append(word)
        try:
            return super().parse_args(ctx, words)
        except _UsageError as error:
            if self.public:
                raise
            raise _UsageError(self._without_words(error), ctx=ctx) from None

    def _without_words(self, error: Any) -> str:
        """Say what is wrong without repeating what was given: a path may name a patient."""
        options = {name: option for option in self.params for name in option.opts}
        own: Any = getattr(error, "param", None) or options.get(getattr(error, "option_name", None) or "")
        if own is not None:
            called = own.opts[0] if own.opts[0].startswith("-") else own.name.upper()
            if "Missing" in type(error).__name__:
                return f"{called} is missing."
            if (choices := str(getattr(error, "message", "")).rpartition(" is not one of "))[1]:
                return f"{called} must be one of {choices[2]}"
            return f"{called} has no value, or a value of the wrong kind."
        if hasattr(error, "possibilities"):
            near = [name for name in error.possibilities or () if name in options]
            return f"There is no such option{'; did you mean ' + ' or '.join(near) + '?' if near else '.'}"
        return "There is one word too many: it belongs to no option. A path with blanks needs quotes."
