from __future__ import annotations

import json

import pytest

from monai_mocoi.files.json_layout import on_lines


@pytest.mark.parametrize("value", [{}, [], {"a": []}, {"a": {"b": [1, None, "é"]}}, [{"a": "x" * 200}], 3, "text"])
def test_it_is_the_same_json(value):
    assert json.loads(on_lines(value)) == value


def test_what_fits_on_a_line_goes_there():
    fits, breaks = ["x" * 20] * 4, ["x" * 20] * 5
    assert on_lines({"fits": fits, "breaks": breaks}).splitlines() == [
        "{",
        f'  "fits": {json.dumps(fits)},',
        '  "breaks": [',
        *[f'    "{"x" * 20}",'] * 4,
        f'    "{"x" * 20}"',
        "  ]",
        "}",
    ]


def test_the_width_counts_the_key_and_the_comma():
    for length, lines in ((106, 3), (107, 5)):
        laid_out = on_lines({"key": ["x" * length]}).splitlines()
        assert len(laid_out) == lines
        assert all(len(line) < 121 for line in laid_out)
