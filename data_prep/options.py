"""The options that all preparations have, and how a source's fields become a command line."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, get_type_hints

import typer

from data_prep.checks import check_seed_and_workers, check_share_option

Images = Annotated[list[str], typer.Option(metavar="DIR ...", help="folders with the images, at any depth below")]
Size = Annotated[int, typer.Option(metavar="PX", help="shorter side; smaller images are kept")]
Out = Annotated[str, typer.Option(metavar="DIR", help="the dataset folder to make or go on with")]
Seed = Annotated[int, typer.Option(metavar="N", help="of whatever is drawn here: the same seed, the same files")]
Workers = Annotated[int | None, typer.Option(metavar="N", help="threads (default: one a processor)")]


@dataclass(kw_only=True)
class Options:
    """What every preparation can be told; a source adds fields of its own, each one option of its command.

    A field is an option by its annotation, ``Annotated[type, typer.Option(help=...)]``: ``val_fraction`` is
    ``--val-fraction``. A ``list[str]`` takes several words behind one name, and the name again.
    """

    out: Out
    split_csv: Annotated[
        str | None,
        typer.Option(metavar="CSV", help="columns image (or a patient there) and split (train, val, test); or .gz"),
    ] = None
    val_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="share of what validation is drawn from (default 0.1)")
    ] = None
    test_fraction: Annotated[
        float | None, typer.Option(metavar="F", help="share of all images, for an own split (default 0.2)")
    ] = None
    seed: Seed = 0
    max_missing: Annotated[
        float,
        typer.Option(metavar="F", help="share of the images that may be missing, unreadable or in no split"),
    ] = 0.01
    workers: Workers = None
    report: Annotated[bool, typer.Option("--report", help="write report.html, for people")] = False

    def check(self) -> None:
        """Refuse what is out of range; a source with options of its own checks them too.

        Raises:
            RefusedError: names the option, its value and the limit.
        """
        check_seed_and_workers(self.seed, self.workers)
        check_share_option("--val-fraction", self.val_fraction, 0.9)
        check_share_option("--test-fraction", self.test_fraction, 0.9)
        check_share_option("--max-missing", self.max_missing)


def as_command(options: type[Any], run: Callable[[Any], None]) -> Callable[..., None]:
    """Make a function for typer: its parameters are the fields of a dataclass, those of its own first.

    Args:
        options: the dataclass; fields that are no parameters of its own (``init=False``) are left out.
        run: called with an instance.
    """
    hints = get_type_hints(options, include_extras=True)
    common = set(vars(Options)["__annotations__"])
    fields = sorted((f for f in dataclasses.fields(options) if f.init), key=lambda field: field.name in common)

    def command(**values: Any) -> None:
        run(options(**values))

    parameters = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=_default(field),
            annotation=hints[field.name],
        )
        for field in fields
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {field.name: hints[field.name] for field in fields}
    command.__doc__ = options.__doc__
    return command


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return inspect.Parameter.empty if field.default_factory is dataclasses.MISSING else field.default_factory()
