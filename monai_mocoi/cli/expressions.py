"""An expression ``$...`` of a config as a syntax tree: it is looked at, never run."""

from __future__ import annotations

import ast

from monai_mocoi.cli.references import substitute


def parse_expression(expression: str) -> tuple[ast.expr, dict[str, str]]:
    """Parse an expression, with a name in the place of each ``@id``.

    Args:
        expression: without its ``$``.

    Returns:
        the tree, and the id that each such name stands for.

    Raises:
        ValueError: it is no Python expression, or one that is nested too deeply.
    """
    ids: dict[str, str] = {}

    def name_of(setting: str) -> str:
        name = f"_setting_{len(ids)}"
        ids[name] = setting
        return name

    try:
        return ast.parse(substitute(expression, name_of), mode="eval").body, ids
    except (SyntaxError, RecursionError, MemoryError) as error:  # the last two by very deep nesting
        raise ValueError(str(error)) from error
