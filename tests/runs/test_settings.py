from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from monai_mocoi.errors import SettingsError
from monai_mocoi.runs import check_settings
from monai_mocoi.runs.settings import plain


def test_plain_values_are_what_json_gives_back() -> None:
    assert plain({"a": (1, 2), "b": Path("x"), "c": None}) == {"a": [1, 2], "b": "x", "c": None}


def test_processes_must_be_what_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    check_settings({"world_size": 1})
    with pytest.raises(SettingsError, match=r"world_size is 2, .* is 1: .* let torchrun start 2"):
        check_settings({"world_size": 2})
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_settings({})  # torchrun sets RANK and LOCAL_RANK too
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("LOCAL_RANK", "0")
    check_settings({"world_size": 2})
    for settings in ({}, {"world_size": 1}):
        with pytest.raises(SettingsError, match="world_size is 1, but the number of processes is 2"):
            check_settings(settings)


@pytest.mark.parametrize(
    ("text", "meant"), [("false", "False"), ("True", "True"), ("none", r"'\$None'"), ("NULL", r"'\$None'")]
)
def test_a_text_that_means_something_else_is_refused(text: str, meant: str) -> None:
    settings: dict[str, Any] = {"seed": 1, "head": "mlp_bn", "max_grad_norm": None, "cosine": True}
    check_settings(settings)
    with pytest.raises(SettingsError, match=f"cosine is .* write {meant}"):
        check_settings({**settings, "cosine": text})
