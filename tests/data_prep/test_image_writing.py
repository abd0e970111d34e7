import pytest

from data_prep.candidates import Candidate
from data_prep.image_writing import REPEATED, drop_repeats
from tests.data.dataset_folders import picture, save


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))


def _candidates(names):
    return {name: Candidate(name, "", f"images/{name}.png", "p", None) for name in names}


def test_the_test_split_then_the_validation_split_keeps_its_copy(tmp_path, capsys):
    shows = {"a": 1, "b": 2, "c": 3, "d": 3, "e": 1, "f": 2, "g": 1, "h": 4, "i": 1}
    for name, number in shows.items():
        save(tmp_path / f"images/{name}.png", picture(number))
    splits = {"training": list("abcdh"), "validation": list("ef"), "test": list("gi")}

    def drop(exclusions):
        return drop_repeats(tmp_path, splits, _candidates(shows), exclusions)

    exclusions = {REPEATED: ["before"]}
    assert drop(exclusions) == [["a", "e", "g", "i"], ["b", "f"], ["c", "d"]]
    assert exclusions == {REPEATED: ["before", "e", "a", "b"]}
    assert "3 images show exactly the same picture" in capsys.readouterr().out
    # c and d are the same picture within one split, g and i too: they stay.
    assert splits == {"training": list("cdh"), "validation": list("f"), "test": list("gi")}
    exclusions = {}
    assert drop(exclusions) == [["c", "d"], ["g", "i"]]
    assert exclusions == {}
    assert capsys.readouterr().out == ""


def test_a_split_for_pretraining_alone_gives_way_to_all(tmp_path):
    for name, number in {"a": 1, "b": 2, "c": 1}.items():
        save(tmp_path / f"images/{name}.png", picture(number))
    splits = {"training": ["a"], "validation": [], "test": [], "pretraining": ["b", "c"]}
    exclusions: dict[str, list[str]] = {}
    drop_repeats(tmp_path, splits, _candidates("abc"), exclusions)
    assert exclusions == {REPEATED: ["c"]}
    assert splits["pretraining"] == ["b"]
