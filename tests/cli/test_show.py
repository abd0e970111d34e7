from __future__ import annotations

import io

import pytest
from rich.console import Console

from monai_mocoi.cli import Plan
from monai_mocoi.cli.plan import Section
from monai_mocoi.cli.show import show_plan

PLAN = Plan(
    (
        Section("Settings", (("a", "1", ""), ("longer_name", "[bold]x[/]", "command line, was 2"))),
        Section("Written", (("", "p" * 150, "the encoder"),)),
    ),
    (),
)


def test_plain_lines_in_a_pipe(capsys):
    show_plan(PLAN)
    assert capsys.readouterr().out.splitlines() == [
        "Settings",
        "  a            1",
        "  longer_name  [bold]x[/]  command line, was 2",
        "Written",
        f"    {'p' * 150}  the encoder",
    ]


@pytest.mark.parametrize("width", [40, 200])
def test_tables_in_a_terminal_lose_nothing(monkeypatch, width):
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=width, color_system=None, highlight=False)
    monkeypatch.setattr("monai_mocoi.cli.show.Console", lambda **_: console)
    show_plan(PLAN)
    shown = "".join(screen.getvalue().split())
    assert shown.count("p") == 150
    assert "[bold]x[/]" in shown  # a value is text, never markup
