from __future__ import annotations

import copy

import pytest
from monai.bundle import ConfigParser, ReferenceResolver

from monai_mocoi.cli.config_ids import find, normal_id
from monai_mocoi.cli.references import expand, referred
from monai_mocoi.errors import UsageError

CONFIG = {
    "a": 1,
    "b": {"key": "@##a", "one": 2, "two": "%#one", "three": [3, 4, "@#1"], "four": "$@##a + @#one"},
    "copy": "%b#three",
    "text": "some@one",
}


def test_expanded_as_monai_does():
    parser = ConfigParser(copy.deepcopy(CONFIG))
    parser.resolve_macro_and_relative_ids()
    ours = expand(CONFIG)
    for setting in ("b#key", "b#two", "b#three#2", "b#four", "copy"):
        theirs = parser[setting]
        expected = [normal_id(v) if isinstance(v, str) else v for v in theirs] if isinstance(theirs, list) else theirs
        assert find(ours, setting) == (normal_id(expected) if isinstance(expected, str) else expected)
    assert CONFIG["b"]["key"] == "@##a"  # the given one is left alone


def test_a_macro_of_another_file(write):
    path = write({"net": {"width": 4}}, "net.json")
    assert expand({"network": f"%{path}#net", "all": f"%{path}"}) == {
        "network": {"width": 4},
        "all": {"net": {"width": 4}},
    }


@pytest.mark.parametrize("text", ["%nothing", "%missing.json#x", "@###a"])
def test_what_names_nothing(text):
    with pytest.raises(UsageError, match=r"^b#x: "):
        expand({"a": 1, "b": {"x": text}})


@pytest.mark.parametrize("text", ["@a", "$@a + @b#c", "some@one", "@a b", "$f(@a::b::0, @a)", "plain", "$1"])
def test_the_references_of_a_text_are_those_that_monai_finds(text):
    assert sorted(set(referred(text))) == sorted(normal_id(i) for i in ReferenceResolver.match_refs_pattern(text))
