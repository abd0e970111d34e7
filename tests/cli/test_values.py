"""Words of the command line as values: of constants in the settings model, and of what only the config knows."""

from __future__ import annotations

from typing import Any

import pytest

from monai_mocoi.cli.values import kind_of, read_value
from monai_mocoi.errors import UsageError

CONFIG: dict[str, Any] = {
    "max_epochs": "$6 if @demo else 100", "learning_rate": 0.1, "cosine": True, "stage": 4, "cache_bits": "auto",
    "max_grad_norm": None, "mean": 0.5, "device": "$d()", "bundle": "x",
    "train": {"epochs": "@max_epochs", "momentum": 0.9, "sizes": [16, 4], "names": ["a"], "steps": 3, "flag": False,
              "note": "text", "part": {"a": 1}, "worked_out": "$1 + 1", "circle": "@train#circle", "none": None},
}  # fmt: skip


def read(setting: str, word: str) -> Any:
    return read_value(setting, word, kind_of(CONFIG, setting, ""))


@pytest.mark.parametrize(
    ("setting", "word", "value"),
    [
        ("max_epochs", "3", 3), ("max_epochs", "+3", 3), ("max_epochs", "$1.5", "$1.5"), ("max_epochs", "@a", "@a"),
        ("train#epochs", "3", 3), ("learning_rate", "3", 3.0), ("learning_rate", "1e-3", 0.001),
        ("learning_rate", ".5", 0.5), ("cosine", "FALSE", False), ("max_grad_norm", "none", None),
        ("max_grad_norm", "NULL", None), ("max_grad_norm", "2", 2.0), ("stage", "2", 2), ("stage", "all", "all"),
        ("cache_bits", "16", 16), ("cache_bits", "auto", "auto"), ("mean", "[0.4, 1]", [0.4, 1.0]),
        ("mean", "['$@a', 1]", ["$@a", 1]), ("bundle", "3", "3"), ("bundle", "none", "none"), ("bundle", "[1]", "[1]"),
        ("device", "cuda:1", "cuda:1"),
        ("train#momentum", "-1", -1.0), ("train#sizes", "[1, 2]", [1, 2]), ("train#sizes#0", "8", 8),
        ("train#names", "['b', \"c\"]", ["b", "c"]), ("train#flag", "true", True), ("train#note", "true", "true"),
        ("train#note", "nan", "nan"), ("train#part", '{"b": [1, null]}', {"b": [1, None]}),
        ("train#worked_out", "2.5", 2.5), ("train#worked_out", "x", "x"), ("train#circle", "[1]", [1]),
        ("train#none", "4", 4), ("train#part#_disabled_", "true", True), ("not_there", "a b", "a b"),
    ],
)  # fmt: skip
def test_a_word_as_a_value(setting: str, word: str, value: Any) -> None:
    found = read(setting, word)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("setting", "word", "allowed"),
    [
        ("max_epochs", "1.5", "a whole number of 1 or more (epochs): write --max_epochs 1 or 2"),
        ("max_epochs", "0.2", "a whole number of 1 or more (epochs): write --max_epochs 1"),
        ("train#epochs", "1e3", "a whole number of 1 or more (epochs): write --train#epochs 1000"),
        ("max_epochs", "0", "a whole number of 1 or more (epochs)"),
        ("max_epochs", "abc", "a whole number"), ("max_epochs", "true", "a whole number"),
        ("max_epochs", "none", "a whole number"), ("max_epochs", "1_000", "a whole number"),
        ("max_epochs", "٣", "a whole number"), ("learning_rate", "nan", "a number above 0"),
        ("learning_rate", "-inf", "a number above 0"), ("learning_rate", "1e999", "a number above 0"),
        ("learning_rate", "10%", "a number above 0: write --learning_rate 0.1"),
        ("learning_rate", "0,1", "a number above 0: write --learning_rate 0.1"),
        ("learning_rate", "1,000.5", "a number above 0"), ("cosine", "1", "true or false"),
        ("stage", "5", "one of 1, 2, 3, 4, all"), ("mean", "[1,", "a number or a list of numbers; a list or an object"),
        ("train#momentum", "x", "a number, like 0.9"), ("train#sizes", "[1, 2.5]", "a list of whole numbers, like"),
        ("train#steps", "2.0", "a whole number, like 3: write --train#steps 2"), ("train#flag", "yes", "true or false"),
        ("train#part", "[1]", "an object {...}, like"), ("train#part#_disabled_", "2", "true or false"),
    ],
)  # fmt: skip
def test_a_word_that_is_no_such_value(setting: str, word: str, allowed: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(setting, word)
    assert f"{setting} is {word!r}, but must be {allowed}" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_model_is_that_of_the_config() -> None:
    config = {"run_dir": "runs/a"}  # which inference.json alone may leave out
    assert read_value("run_dir", "none", kind_of(config, "run_dir", "inference")) is None
    assert read_value("run_dir", "none", kind_of(config, "run_dir", "evaluate")) == "none"


@pytest.mark.parametrize("word", ["20261201", "3.10", "true", "[1]"])
@pytest.mark.parametrize(
    ("config", "setting"),
    [
        *(("train", "run_dir"), ("paper", "run_dir"), ("finetune", "run_dir"), ("evaluate", "evaluation_dir")),
        *(("inference", "inference_dir"), ("analyze", "analysis_dir"), ("train", "output_dir")),
    ],
)
def test_a_folder_may_have_any_name(config: str, setting: str, word: str) -> None:
    assert read_value(setting, word, kind_of({setting: "$os.path.join('a', 'b')"}, setting, config)) == word
