from __future__ import annotations

import pytest

from data_prep.checks import check_left_out, check_seed_and_workers, check_share_option, checked_out
from monai_mocoi.errors import DatasetError


def test_out_beside_the_images(tmp_path):
    (tmp_path / "images").mkdir()
    assert checked_out(str(tmp_path / "out"), [str(tmp_path / "images")]) == (tmp_path / "out").resolve()
    for out in ("images", "images/new", "."):
        with pytest.raises(DatasetError, match="lie inside one another"):
            checked_out(str(tmp_path / out), [str(tmp_path / "images")])


def test_shares():
    for value in (None, 0, 0.5, 0.9):
        check_share_option("--x", value, 0.9)
    for value in (-0.01, 0.91, float("nan")):
        with pytest.raises(DatasetError, match=r"--x is .*; it is a share from 0 to 0.9"):
            check_share_option("--x", value, 0.9)


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


def test_seed_and_workers():
    for seed, workers in ((0, None), (7, 1)):
        check_seed_and_workers(seed, workers)
    with pytest.raises(DatasetError, match="--seed is -1; it must be 0 or more"):
        check_seed_and_workers(-1, None)
    with pytest.raises(DatasetError, match="--workers is 0; at least 1 thread"):
        check_seed_and_workers(0, 0)
