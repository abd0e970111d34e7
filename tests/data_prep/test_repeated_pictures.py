from __future__ import annotations

import pytest

from data_prep.repeated_pictures import drop_repeats
from tests.data.dataset_folders import picture, save


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


def test_the_test_split_then_the_validation_split_keeps_its_copy(tmp_path):
    shows = {"a": 1, "b": 2, "c": 3, "d": 3, "e": 1, "f": 2, "g": 1, "h": 4, "i": 1}
    for name, number in shows.items():
        save(tmp_path / f"images/{name}.png", picture(number))
    splits = {"training": ["a.png", "b.png", "c.png", "d.png", "h.png"], "validation": ["e.png", "f.png"]}
    splits["test"] = ["g.png", "i.png"]
    assert sorted(drop_repeats(tmp_path, splits)) == ["a.png", "b.png", "e.png"]
    # c and d are the same picture within one split, g and i too: they stay.
    assert splits == {"training": ["c.png", "d.png", "h.png"], "validation": ["f.png"], "test": ["g.png", "i.png"]}
    assert drop_repeats(tmp_path, splits) == []
