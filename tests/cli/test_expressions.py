from __future__ import annotations

import ast

import pytest

from monai_mocoi.cli.expressions import parse_expression


def test_each_reference_becomes_a_name():
    tree, ids = parse_expression("@a * 2 + @b::c + @a")
    assert ast.unparse(tree) == "_setting_0 * 2 + _setting_1 + _setting_2"
    assert ids == {"_setting_0": "a", "_setting_1": "b#c", "_setting_2": "a"}


@pytest.mark.parametrize("expression", ["1 +", "import os", "\0", "(" * 1000 + "1" + ")" * 1000, "-" * 100_000 + "1"])
def test_what_is_no_expression(expression):
    with pytest.raises(ValueError):
        parse_expression(expression)
