from __future__ import annotations

import sys
from pathlib import Path

import pytest

from monai_mocoi.own_command import command, python_word


@pytest.mark.parametrize("found", ["mocoi", "python", ""])
def test_the_program_is_the_one_of_this_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    venv = tmp_path / "my venv" / "bin"
    venv.mkdir(parents=True)
    monkeypatch.setattr(sys, "executable", str(venv / "python"))
    monkeypatch.setenv("PATH", str(venv))
    monkeypatch.chdir(tmp_path)
    if found:
        (venv / found).touch(mode=0o755)
    expected = {"mocoi": "mocoi compare a", "python": "python -m monai_mocoi compare a"}
    assert command("compare", "a") == expected.get(found, "'my venv/bin/python' -m monai_mocoi compare a")
    monkeypatch.chdir(venv)
    monkeypatch.setenv("PATH", "")
    assert python_word() == "./python"
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")
    assert python_word() == str(venv / "python")
