from __future__ import annotations

import pytest

from data_prep.source import check_left_out
from monai_mocoi.errors import DatasetError


def test_as_many_as_allowed_may_be_left_out():
    left_out = {"dark": ["b", "a"], "gone": ["c"]}
    check_left_out(left_out, 10, 0.3, "")
    check_left_out({}, 10, 0, "")
    with pytest.raises(DatasetError) as error:
        check_left_out(left_out, 10, 0.29, "Do this.")
    assert str(error.value) == (
        "3 of 10 images cannot be used, 30.0%; the limit is 29.0%:\n"
        "  dark: 2 (such as a, b)\n  gone: 1 (such as c)\nDo this."
    )
