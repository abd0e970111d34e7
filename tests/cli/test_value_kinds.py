from __future__ import annotations

import pytest

from monai_mocoi.cli.value_kinds import check_elements, kinds_of_setting, read_value
from monai_mocoi.errors import UsageError


@pytest.mark.parametrize(
    ("default", "kinds"),
    [
        (1, {"int"}), (1.0, {"float"}), (True, {"bool"}), (None, {"null"}), ("x", {"text"}), ([1], {"list"}),
        ({"a": 1}, {"object"}), ("@whole", {"int"}), ("@whole_expression", {"int"}), ("%whole", {"any"}),
        ("$32 if @flag else 64", {"int"}), ("$32 if @flag else 0.5", {"int", "float"}),
        ("$@whole * 8 // 7", {"int"}), ("$@whole / 2", {"float"}), ("$@whole * 0.5", {"float"}), ("$-@whole", {"int"}),
        ("$@text == 'demo'", {"bool"}), ("$not @flag", {"bool"}), ("$isinstance(@whole, list)", {"bool"}),
        ("$os.path.join('runs', @text)", {"text"}), ("$@text + '/eval'", {"text"}), ("$f'{@whole}'", {"text"}),
        ("$str(@whole)", {"text"}), ("$len(@list)", {"int"}), ("$max(@whole, 2)", {"int"}), ("$[1, 2]", {"list"}),
        ("$@whole or None", {"int", "null"}), ("$torch.device('cpu')", {"any"}), ("$@device.type", {"any"}),
        ("$0 if torch.device(@device).type == 'cpu' else 8", {"int"}), ("$1 +", {"any"}),
    ],
)  # fmt: skip
def test_the_kinds_of_a_default(default, kinds):
    layer = {"whole": 3, "whole_expression": "$@whole + 1", "flag": True, "text": "t", "list": [1], "device": "$d()"}
    assert kinds_of_setting([{**layer, "it": default}], "it") == kinds


def test_the_kinds_of_all_layers_together_and_of_a_circle():
    assert kinds_of_setting([{"a": [0.8, 1.0]}, {"a": None}], "a") == {"list", "null"}
    assert kinds_of_setting([{"a": "@b", "b": "@a"}], "a") == {"any"}


def test_a_word_or_one_of_some_numbers():
    layers = [{"cache_bits": "auto", "decode_fit": "crop", "stage": 4}]
    assert kinds_of_setting(layers, "stage") == {"text", "int"}
    assert kinds_of_setting(layers, "cache_bits") == {"text", "int"}
    assert kinds_of_setting(layers, "decode_fit") == {"text"}
    values = [read_value("cache_bits", word, frozenset({"text", "int"}), False, "") for word in ("16", "auto")]
    assert values == [16, "auto"]


@pytest.mark.parametrize(
    ("kinds", "word", "value"),
    [
        ("int", "3", 3), ("int", "-3", -3), ("int", "+3", 3), ("int", "$1.5", "$1.5"), ("int", "@other", "@other"),
        ("float", "3", 3.0), ("float", "1e-3", 0.001), ("float", ".5", 0.5), ("float", "-1.", -1.0),
        ("bool", "true", True), ("bool", "False", False), ("bool", "FALSE", False),
        ("text", "3", "3"), ("text", "true", "true"), ("text", "none", "none"), ("text", "[1]", "[1]"),
        ("text", "nan", "nan"), ("list", "[1, 2.5]", [1, 2.5]), ("list", "['a', None]", ["a", None]),
        ("list", '["a", true]', ["a", True]), ("list", "[]", []), ("object", '{"a": 1}', {"a": 1}),
        ("null", "none", None), ("null", "NULL", None), ("null", "2", 2), ("null", "2.5", 2.5), ("null", "x", "x"),
        ("null", "true", True), ("null", "[1]", [1]), ("any", "cuda:1", "cuda:1"), ("any", "4", 4),
        ("int null", "none", None), ("int text", "4", 4), ("int text", "x", "x"), ("float int", "4", 4),
    ],
)  # fmt: skip
def test_a_word_as_a_value(kinds, word, value):
    found = read_value("it", word, frozenset(kinds.split()))
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("kinds", "word", "reason"),
    [
        ("int", "1.5", r"it must be a whole number \(6\), not '1.5'. If a fraction is meant .* --it '\$1.5'"),
        ("int", "1e3", "whole number"), ("int", "abc", "not 'abc'"), ("int", "true", "not 'true'"),
        ("int", "none", r"--it '\$None'"), ("int", "[1]", "whole number"), ("int", "1_000", "whole number"),
        ("int", "٣", "whole number"), ("float", "abc", "a number"), ("float", "nan", "no finite number"),
        ("float", "-inf", "no finite number"), ("float", "1e999", "too large"), ("float", "false", "a number"),
        ("bool", "1", "true or false"), ("bool", "yes", "true or false"), ("bool", "none", "true or false"),
        ("list", "0.5", "a list"), ("list", "[1,", "quoted as one word"), ("list", "[x]", "quoted as one word"),
        ("list", "[NaN]", "no number"), ("object", "[1]", "an object"), ("null", "nan", "no finite number"),
        ("int", "$1 +", "no Python expression"), ("text", "$HOME/", "no Python expression"),
        ("list null", "x", "a list such as .* or none"), ("int float", "x", "must be a number"),
        ("float", "10%", "not '10%': write --it 0.1$"), ("float", "0,1", "not '0,1': write --it 0.1$"),
        ("float", "1,000.5", "a number"), ("int", "0,1", "a whole number"),
    ],
)  # fmt: skip
def test_a_word_that_is_no_such_value(kinds, word, reason):
    with pytest.raises(UsageError, match=reason) as error:
        read_value("it", word, frozenset(kinds.split()), default="6")
    assert "\n" not in str(error.value)


def test_a_list_where_the_config_asks_for_one():
    assert read_value("mean", "[0.4, 0.3]", frozenset({"float"}), takes_list=True) == [0.4, 0.3]
    with pytest.raises(UsageError):
        read_value("mean", "[0.4, 0.3]", frozenset({"float"}))


def test_the_elements_of_a_list():
    check_elements("it", [1, 2.5], frozenset({"float"}))
    check_elements("it", ["$1", "@a"], frozenset({"int"}))
    check_elements("it", ["x", {}], frozenset({"any"}))
    for value, kinds in ([1, "x"], {"float"}), ([1, 2.5], {"int"}), ([True], {"int"}), ([1, None], {"float"}):
        with pytest.raises(UsageError, match=f"it#{len(value) - 1} must be"):
            check_elements("it", value, frozenset(kinds))


@pytest.mark.parametrize(
    ("setting", "word", "hint"),
    [
        ("max_epochs", "2.5", "--max_epochs 2 or 3"),
        ("train#trainer#max_epochs", "1e3", "--train#trainer#max_epochs 1000"),
        ("max_epochs", "0.2", "--max_epochs 1"),
        ("weight", "2.0", "--weight 2"),
    ],
)
def test_a_whole_number_is_named_where_one_is_wanted(setting: str, word: str, hint: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_value(setting, word, frozenset({"int"}), default="train.json has 50")
    assert str(refused.value).endswith(f"(train.json has 50), not {word!r}: write {hint}")
