from __future__ import annotations

import gzip

import pytest

from data_prep.nih_metadata import read_metadata
from data_prep.tables import read_image_list, read_split_csv
from monai_mocoi.errors import DatasetError


def test_damaged_and_missing_files(tmp_path):
    whole = gzip.compress(("x" * 10_000).encode())
    for content in (b"not gzip", whole[:-9]):
        (tmp_path / "a.csv.gz").write_bytes(content)
        with pytest.raises(DatasetError, match=r"a\.csv\.gz is no whole gzip file"):
            read_metadata(tmp_path / "a.csv.gz")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="save it as CSV UTF-8"):
        read_metadata(tmp_path / "b.csv")
    with pytest.raises(DatasetError, match="there is no file"):
        read_metadata(tmp_path / "c.csv")


def test_image_lists(tmp_path):
    (tmp_path / "l.txt").write_text("a.png\r\n\n b.png \na.png")
    assert read_image_list(tmp_path / "l.txt") == {"a.png", "b.png"}
    (tmp_path / "l.txt").write_text("\n")
    with pytest.raises(DatasetError, match="names no image"):
        read_image_list(tmp_path / "l.txt")


def test_split_csv(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("x,Image,SPLIT\n1,a,train\n2,b,Training\n3,c,val\n4,d,valid\n5,e,validation\n6,f,TEST\n6,f,test\n")
    train, val, test = "training", "validation", "test"
    assert read_split_csv(path) == {"a": train, "b": train, "c": val, "d": val, "e": val, "f": test}
    for text, error in (
        ("image,fold\n", r"lacks the column\(s\) split"),
        ("image,split\na,dev\n", "row 2: split 'dev'"),
        ("image,split\na,train\na,test\n", "'a' is in training and in test"),
        ("image,split\na\n", "row 2 has only 1"),
        ("image,split\n", "has no rows"),
    ):
        path.write_text(text)
        with pytest.raises(DatasetError, match=error):
            read_split_csv(path)
