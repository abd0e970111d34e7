from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Annotated

import typer
from typer.testing import CliRunner

from data_prep.command_line import as_command
from data_prep.options import Images, Options


@dataclass(kw_only=True)
class _Some(Options):
    """Says what it was given."""

    images: Images
    names: Annotated[list[str], typer.Option(help="names")] = field(default_factory=lambda: ["a", "b"])
    keep: Annotated[bool, typer.Option("--keep", help="keep all")] = False
    inner: list[str] = field(default_factory=list, init=False)


def test_the_fields_are_the_parameters_those_of_its_own_first():
    parameters = inspect.signature(as_command(_Some, print)).parameters
    assert list(parameters) == [
        *("images", "names", "keep"),
        *("out", "split_csv", "val_fraction", "test_fraction", "seed", "max_missing", "workers", "report"),
    ]
    assert parameters["images"].default is inspect.Parameter.empty
    assert parameters["names"].default == ["a", "b"]
    assert parameters["max_missing"].default == 0.01


def test_a_command_line_becomes_an_instance():
    seen: list[_Some] = []
    app = typer.Typer()
    app.command()(as_command(_Some, seen.append))
    words = ["--images", "x", "--images", "y", "--out", "o", "--val-fraction", "0.3", "--keep"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert seen == [_Some(images=["x", "y"], out="o", val_fraction=0.3, keep=True)]
    assert seen[0].names == ["a", "b"]
    assert "Says what it was given." in CliRunner().invoke(app, ["--help"]).stdout
    assert CliRunner().invoke(app, ["--out", "o"]).exit_code == 2
