from __future__ import annotations

import pytest

from data_prep.options import Options, check_range, checked_out
from monai_mocoi.errors import DatasetError, RefusedError


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"seed": -1}, "--seed is -1"),
        ({"workers": 0}, "--workers is 0"),
        ({"val_fraction": 0.95}, "--val-fraction is 0.95; it must be from 0 to 0.9"),
        ({"test_fraction": -0.1}, "--test-fraction is -0.1"),
        ({"max_missing": 1.1}, "--max-missing is 1.1; it must be from 0 to 1"),
    ],
)
def test_what_is_out_of_range_is_refused(values, text):
    Options(out="o", max_missing=1, val_fraction=0.9, test_fraction=0).check()
    with pytest.raises(RefusedError, match=text):
        Options(out="o", **values).check()


def test_out_beside_the_images(tmp_path):
    (tmp_path / "images").mkdir()
    assert checked_out(str(tmp_path / "out"), [str(tmp_path / "images")]) == (tmp_path / "out").resolve()
    for out in ("images", "images/new", "."):
        with pytest.raises(DatasetError, match="lie inside one another"):
            checked_out(str(tmp_path / out), [str(tmp_path / "images")])


def test_shares():
    for value in (None, 0, 0.5, 0.9):
        check_range("--x", value, 0, 0.9)
    for value in (-0.01, 0.91, float("nan")):
        with pytest.raises(DatasetError, match=r"--x is .*; it must be from 0 to 0.9"):
            check_range("--x", value, 0, 0.9)
