from __future__ import annotations

import pytest

from data_prep.tables import read_split_csv
from monai_mocoi.errors import DatasetError


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
