"""A plan on the screen: tables in a terminal, plain aligned lines in a file or a pipe."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from monai_mocoi.cli.plan import Plan, Section


def show_plan(plan: Plan) -> None:
    """Print a plan to standard output."""
    console = Console(highlight=False)
    for section in plan.sections:
        if console.is_terminal:
            console.print(_table(section))
        else:
            console.file.write(_lines(section))


def _table(section: Section) -> Table:
    table = Table(title=section.title, title_justify="left", title_style="bold", show_header=False, box=None)
    for style in ("cyan", "", "yellow"):
        table.add_column(style=style, overflow="fold")
    for row in section.rows:
        table.add_row(*map(Text, row))
    return table


def _lines(section: Section) -> str:
    name_width = max(len(name) for name, _, _ in section.rows)
    # A single long value must not push all notes out of sight.
    value_width = max((len(value) for _, value, note in section.rows if note and len(value) <= 60), default=0)
    rows = (f"  {name:<{name_width}}  {value:<{value_width}}  {note}".rstrip() for name, value, note in section.rows)
    return "\n".join((section.title, *rows)) + "\n"
