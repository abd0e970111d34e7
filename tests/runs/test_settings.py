from __future__ import annotations

from pathlib import Path

import pytest

from monai_mocoi.errors import SettingsError
from monai_mocoi.runs import check_settings
from monai_mocoi.runs.settings import plain


def test_plain_values_are_what_json_gives_back() -> None:
    assert plain({"a": (1, 2), "b": Path("x"), "c": None}) == {"a": [1, 2], "b": "x", "c": None}


def test_processes_must_be_what_the_settings_say(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_settings({"world_size": 2})
    with pytest.raises(SettingsError, match="started 2 processes, but world_size is 1"):
        check_settings({})


@pytest.mark.parametrize(("value", "meant"), [("false", "False"), ("None", r"'\$None'")])
def test_a_text_that_means_something_else_is_refused(value: str, meant: str) -> None:
    with pytest.raises(SettingsError, match=f"write --cosine {meant}"):
        check_settings({"cosine": value})
