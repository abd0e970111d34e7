"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer

INTERVALS: dict[str, tuple[Any, Any]] = {
    "interval": (Annotated[str, typer.Option("--interval", help="bca or percentile.")], "bca"),
    "level": (Annotated[float, typer.Option("--level", help="of the interval, 0 to 1.")], 0.95),
    "resamples": (Annotated[int, typer.Option("--resamples", help="of the patients.")], 2000),
    "seed": (Annotated[int, typer.Option("--seed", help="of everything that is drawn.")], 0),
    "min_positives": (Annotated[int, typer.Option("--min_positives", help="Fewest positives of a scored class.")], 25),
    "min_negatives": (Annotated[int, typer.Option("--min_negatives", help="Fewest negatives of a scored class.")], 25),
}
OWNER: dict[str, tuple[Any, Any]] = {
    "title": (Annotated[str | None, typer.Option("--title", help="For people.")], None),
    "authors": (Annotated[str | None, typer.Option("--authors", help="Who makes it.")], None),
    "contact": (Annotated[str | None, typer.Option("--contact", help="Where they can be asked.")], None),
    "data_statement": (
        Annotated[
            str | None,
            typer.Option(
                "--data-statement", metavar="FILE", help="Text on the images: whose they are, what allows this."
            ),
        ],
        None,
    ),
}
