from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from data_prep.options import Images, Options, as_command
from monai_mocoi.errors import RefusedError


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


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"seed": -1}, "--seed is -1"),
        ({"workers": 0}, "--workers is 0"),
        ({"val_fraction": 0.95}, "--val-fraction is 0.95; it is a share from 0 to 0.9"),
        ({"test_fraction": -0.1}, "--test-fraction is -0.1"),
        ({"max_missing": 1.1}, "--max-missing is 1.1; it is a share from 0 to 1"),
    ],
)
def test_what_is_out_of_range_is_refused(values, text):
    Options(out="o", max_missing=1, val_fraction=0.9, test_fraction=0).check()
    with pytest.raises(RefusedError, match=text):
        Options(out="o", **values).check()
