"""Command-line options that all preparations have, and the checks of their ranges."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer

from monai_mocoi.errors import RefusedError
from monai_mocoi.files.cache_dir import user_cache_dir
from monai_mocoi.files.home_folder import expand_home


def option(text: str, metavar: str | None = None) -> Any:
    """Describe one option: its help, and the word that its help shows for a value."""
    return typer.Option(help=text, metavar=metavar)


def no_words() -> Any:
    """Return the default of an option that takes several words: an empty list."""
    return field(default_factory=list)


Images = Annotated[list[str], option("folders with the images, at any depth below", "DIR ...")]
Size = Annotated[int, option("shorter side; smaller images are kept", "PX")]
Out = Annotated[str, option("the dataset folder to make or go on with", "DIR")]
Seed = Annotated[int, option("of whatever is drawn here: the same seed, the same files", "N")]
Workers = Annotated[int | None, option("threads (default: one a processor)", "N")]


@dataclass(kw_only=True)
class Options:
    """The options of every preparation; a source adds fields of its own, each one option of its command.

    The annotation makes a field an option: ``Annotated[type, option(help)]``, or ``typer.Option(...)``. The field
    ``val_fraction`` is ``--val-fraction``. A ``list[str]`` takes several words behind one name.
    """

    hidden: ClassVar[Sequence[str]] = ()  # fields for which a source has no option
    out: Out
    split_csv: Annotated[
        str | None, option("columns image (or a patient there) and split (train, val, test); or .gz", "CSV")
    ] = None
    val_fraction: Annotated[float | None, option("share of what validation is drawn from (default 0.1)", "F")] = None
    test_fraction: Annotated[float | None, option("share of all images, for an own split (default 0.2)", "F")] = None
    seed: Seed = 0
    max_missing: Annotated[float, option("share of the images that may be missing, unreadable or in no split", "F")] = (
        0.01
    )
    workers: Workers = None
    report: Annotated[bool, option("write report.html, for people")] = False

    def check(self) -> None:
        """Refuse values out of range (RefusedError); a source with options of its own checks these too."""
        check_range("--seed", self.seed, 0)
        check_range("--workers", self.workers, 1)
        check_range("--val-fraction", self.val_fraction, 0, 0.9)
        check_range("--test-fraction", self.test_fraction, 0, 0.9)
        check_range("--max-missing", self.max_missing, 0, 1)


def check_range(name: str, value: float | None, least: float, most: float = math.inf) -> None:
    """Refuse a value (RefusedError) outside ``least`` to ``most``; None, which means not given, passes."""
    if value is not None and not least <= value <= most:
        limits = f"{least:g} or more" if most == math.inf else f"from {least:g} to {most:g}"
        raise RefusedError(f"{name} is {value}; it must be {limits}.")


def check_alone(ways: dict[str, Any]) -> list[str]:
    """Return the names of the options that were given; refuse more than one."""
    if len(given := [way for way, value in ways.items() if value]) > 1:
        raise RefusedError(f"{' and '.join(given)} exclude one another; give one.")
    return given


def checked_out(out: str, folders: Sequence[str], public: bool = True) -> Path:
    """Return the output folder as an absolute path; refuse one inside a folder with images, or the reverse."""
    user_cache_dir()  # needed at the end: better to know now
    target = expand_home(out).resolve()
    for folder in folders:
        source = expand_home(folder).resolve()
        if target == source or source in target.parents or target in source.parents:
            both = (f"--out '{out}'", f"--images '{folder}'") if public else ("--out", "--images")
            raise RefusedError(f"{' and '.join(both)} lie inside one another; name another folder as --out.")
    return target
