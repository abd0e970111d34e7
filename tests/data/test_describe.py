from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
import torch
from monai.transforms import Compose, Lambda, NormalizeIntensityd, OneOf, RandFlip

from monai_mocoi.data import describe_settings
from monai_mocoi.data.describe import NotDescribableError
from monai_mocoi.transforms import FitSquare, ReadImage

STEPS = """[Compose([NormalizeIntensityd("image", 0.5, 0.25)]), {"a", "b", "c", "d"}]"""


class Slotted:
    __slots__ = ("size",)

    def __init__(self, size):
        self.size = size


@dataclass
class Settings:
    size: int
    weights: np.ndarray


class Bare:
    pass


class Telling:
    __slots__ = ()

    def __repr__(self):
        return "telling"


def _module(text):
    module = {"__name__": "hospital"}
    exec(text, module)
    return module


def test_edited_code_of_ones_own_changes_the_description():
    texts = [
        f"def decode(path, size={size}):\n    {comment}return [{value} for part in path if part in {{'a', 'b'}}]\n"
        f"class Decode:\n    def __call__(self, path):\n        return {value}\nclass Heir(Decode):\n    pass"
        for value, comment, size in ((0.25, "", 1), (0.75, "", 1), (0.25, "# said\n    ", 1), (0.25, "", 2))
    ]
    first, edited, commented, other_default = map(_module, texts)
    for name in ("decode", "Decode"):
        described = describe_settings(first[name])
        assert described.startswith(f"hospital.{name} code ")
        assert describe_settings(edited[name]) != described
        assert describe_settings(commented[name]) == described
    assert describe_settings(other_default["decode"]) != describe_settings(first["decode"])
    assert describe_settings(edited["Heir"]()) != describe_settings(first["Heir"]())
    assert " code " not in describe_settings(Compose([ReadImage(1), np.mean]))  # their versions tell


@pytest.mark.parametrize(
    "text",
    [
        "class Decode:\n    @torch.no_grad()\n    def __call__(self, x):\n        return x + {}",
        "class Decode:\n    WINDOW = (40, {})\n    def __call__(self, x):\n        return self.WINDOW",
        "class Decode:\n    def __call__(self, x, *, level={}):\n        return level",
        "def window(self, width):\n    return width\nclass Decode:\n    apply = functools.partialmethod(window, {})",
        "@functools.lru_cache\ndef Decode(x):\n    return x + {}",
    ],
)
def test_an_edit_behind_a_decorator_or_in_a_constant_is_noticed(text):
    one, other, again = (_module(f"import functools, torch\n{text.format(value)}")["Decode"] for value in (1, 2, 1))
    assert describe_settings(one) != describe_settings(other)
    assert describe_settings(one) == describe_settings(again)


def test_code_is_described_without_addresses():
    text = (
        "class Helper:\n    pass\n"
        "class Decode:\n    own = Helper()\n    def __init__(self, helper=Helper()):\n        pass"
    )
    assert describe_settings(_module(text)["Decode"]) == describe_settings(_module(text)["Decode"])


def test_a_setting_anywhere_changes_the_description():
    array = np.arange(3.0)
    described = [
        describe_settings(value)
        for value in (
            *(None, 1, 1.0, "1", True, [1], [1, 2], (2, 1), {"a": 1}, {"a": 2}, {1}, b"1"),
            *(
                array,
                array + 1,
                array.astype(np.float32),
                array[:, None],
                torch.arange(3),
                torch.bfloat16,
                np.float32(1),
            ),
            *(
                torch.ones(2, dtype=torch.bfloat16),
                1 + torch.ones(2, dtype=torch.bfloat16),
                np.float32,
                np.mean,
                np.sum,
            ),
            *(Slotted(1), Slotted(2), Bare(), Telling(), Settings(1, array), Settings(1, -array)),
            *(ReadImage(1), ReadImage(3), FitSquare(8, "crop"), FitSquare(8, "pad"), FitSquare(9, "crop")),
            *(NormalizeIntensityd("image", 0.5, 0.25), NormalizeIntensityd("image", 0.5, 0.2)),
            *(Compose([ReadImage(1)]), Compose([ReadImage(1), FitSquare(8, "crop")])),
            Compose([Compose([ReadImage(1)]), FitSquare(8, "crop")]),
        )
    ]
    assert len(set(described)) == len(described)
    assert not any(" at 0x" in text for text in described)


@pytest.mark.slow
def test_it_is_the_same_in_another_process():
    code = (
        "from monai.transforms import Compose, NormalizeIntensityd\n"
        "from monai_mocoi.data import describe_settings\n"
        f"print(describe_settings({STEPS}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == describe_settings(eval(STEPS))


def test_the_order_of_settings_does_not_matter():
    assert describe_settings({"a": 1, "b": 2}) == describe_settings({"b": 2, "a": 1})
    assert describe_settings({1, 9, 17, 25}) == describe_settings({25, 17, 9, 1})
    assert describe_settings([1, 2]) != describe_settings([2, 1])


def test_what_is_random_or_shows_nothing_is_refused():
    def inner():
        pass

    for value, text in (
        (RandFlip(), "RandFlip is random"),
        (Compose([ReadImage(1), RandFlip()]), "RandFlip is random"),
        (OneOf([ReadImage(1), ReadImage(3)]), "OneOf is random"),
        (np.random.default_rng(0), "random"),
        (torch.Generator(), "Generator"),
        (Lambda(lambda x: x), "lambda"),
        (inner, "inner"),
        (object(), "object"),
        (partial(np.mean, axis=0), "partial"),
    ):
        with pytest.raises(NotDescribableError, match=text):
            describe_settings(value)
