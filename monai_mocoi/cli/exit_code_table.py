"""Table of exit codes, read from the source of ``exit_codes``, so that the help says what stands there."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise

from monai_mocoi import exit_codes


def exit_code_table() -> Iterator[tuple[int, str]]:
    """Give each code and its meaning, in the order of the file."""
    body = ast.parse(inspect.getsource(exit_codes)).body
    for statement, meaning in pairwise(body):
        match statement, meaning:
            case ast.Assign(targets=[ast.Name(id=name)]), ast.Expr(value=ast.Constant(value=str(text))):
                yield getattr(exit_codes, name), " ".join(text.replace("``", "").split())
