from __future__ import annotations

import gzip

import pytest

from data_prep.eyepacs_labels import TARGETS, Eye, read_labels
from monai_mocoi.errors import DatasetError


def test_rows_by_name(tmp_path):
    path = tmp_path / "trainLabels.csv"
    path.write_bytes("\ufeffimage,level,Usage\r\n13_right,4,x\r\n10_left,0,y\r\n\r\n".encode())
    expected = {"10_left": Eye("10", "left", 0), "13_right": Eye("13", "right", 4)}
    assert read_labels([path]) == expected
    packed = tmp_path / "trainLabels.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert list(read_labels([packed])) == ["10_left", "13_right"]
    other = tmp_path / "testLabels.csv"
    other.write_text("level,image\n2,10_right\n")
    assert read_labels([path, other]) == {**expected, "10_right": Eye("10", "right", 2)}


def test_every_target_gives_each_grade_a_named_class():
    assert set(TARGETS) == {"referable", "any", "grade"}
    for names, classes in TARGETS.values():
        assert len(classes) == 5
        assert set(classes) == set(range(len(names)))
        assert list(classes) == sorted(classes)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("image,grade\n10_left,0\n", "lacks the column"),
        ("", "lacks the column"),
        ("image,level\n", "no rows"),
        ("image,level\n10_left\n", "row 2 has only 1 columns"),
        ("image,level\n10_left,0\n10,1\n", "row 3: image '10'"),
        ("image,level\n../10_left,1\n", "image '../10_left'"),
        ("image,level\n10_left,5\n", "level '5'; it must be a grade from 0 to 4"),
        ("image,level\n10_left,\n", "level ''"),
        ("image,level\n10_left,1\n10_left,1\n", "row 3: '10_left' has a row already"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, error):
    path = tmp_path / "trainLabels.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=error.replace("(", r"\(")):
        read_labels([path])


def test_no_file_and_no_text(tmp_path):
    with pytest.raises(DatasetError, match="there is no file"):
        read_labels([tmp_path / "x.csv"])
    (tmp_path / "x.csv.gz").write_bytes(b"no gzip")
    with pytest.raises(DatasetError, match="no whole gzip"):
        read_labels([tmp_path / "x.csv.gz"])
    (tmp_path / "x.csv").write_bytes(b"image,level\n\xff\xfe,1\n")
    with pytest.raises(DatasetError, match="save it as CSV UTF-8"):
        read_labels([tmp_path / "x.csv"])
