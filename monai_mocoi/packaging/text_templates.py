"""Text templates (Jinja2) of what leaves the project: ``*.md.j2`` in this folder."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
)
_ENVIRONMENT.filters |= {
    "cell": lambda value: str(value).replace("|", "\\|"),  # of a table
    "sentence": lambda text: text[0].upper() + text[1:],
    "short": lambda number: f"{number:g}",
}


def render(template: str, **content: Any) -> str:
    """The text of a template, given by the name of its file, with the content that it names."""
    return _ENVIRONMENT.get_template(template).render(**content)
