from __future__ import annotations

import gzip

import pytest

from data_prep.nih_metadata import read_metadata
from data_prep.tables import read_image_list
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
