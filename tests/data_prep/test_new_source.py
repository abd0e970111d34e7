"""The source that docs/new_source.md shows whole works as it stands there, and is as short as is said."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data_prep.__main__ import main
from monai_mocoi import exit_codes
from monai_mocoi.data import load_datalist
from tests.data.dataset_folders import picture, save

PAGE = Path(__file__).parents[2] / "docs/new_source.md"


@pytest.fixture
def command(tmp_path, monkeypatch) -> list[str]:
    """The page's own command, in a folder with what it names."""
    monkeypatch.setenv("MONAI_MOCOI_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    Path("wrists.py").write_text(code)
    rows = ["image,patient,side,fracture"]
    for number in range(24):
        save(tmp_path / f"xrays/{number % 3}/w{number}.jpg", picture(number, 40))
        rows.append(f"w{number}.jpg,p{number // 2},{'left' if number % 2 else 'right'},{int(number % 5 == 0)}")
    Path("wrists.csv").write_text("\n".join(rows))
    (line,) = re.findall(r"^python -m data_prep (.*)$", PAGE.read_text(), re.MULTILINE)
    yield shlex.split(line)
    sys.modules.pop("wrists", None)


def test_the_command_makes_a_dataset_folder_and_goes_on(command, capsys):
    assert main([*command, "--size", "32"]) == 0
    splits = load_datalist("wrists224").splits()
    items = {item["name"]: item for own in splits.values() for item in own}
    assert len(items) == 24
    assert all(splits.values())
    assert items["images/w5.jpg.png"]["label"] == 1
    assert items["images/w5.jpg.png"]["side"] == "left"
    assert np.asarray(Image.open("wrists224/images/w5.jpg.png")).shape == (32, 32)
    capsys.readouterr()
    assert main([*command, "--size", "32"]) == 0
    assert "24 images are finished already, 0 are left" in capsys.readouterr().out


def test_what_is_wrong_is_told_as_by_any_other(command, capsys):
    Path("xrays/1/w4.jpg").unlink()
    Path("xrays/2/w5.jpg").write_bytes(b"\xff\xd8\xff half")
    assert main(command) == exit_codes.DATA
    assert "no such file in --images: 1 (such as w4.jpg)" in capsys.readouterr().err
    assert main([*command, "--max-missing", "0.05"]) == exit_codes.DATA
    assert "unreadable: the picture file is damaged" in capsys.readouterr().err
    assert main([*command, "--max-missing", "0.1"]) == 0


def test_it_has_the_common_options_and_its_own(command, capsys):
    assert main([command[0], "--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for option in ("--table CSV", "--images DIR ...", "--split-csv CSV", "--workers N", "Exit codes", "default: 224"):
        assert option in said


def test_it_is_about_thirty_lines():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    body = code[code.index("@dataclass") :]
    assert len([line for line in body.splitlines() if line.strip()]) <= 30


def test_a_source_in_the_current_folder_is_found_by_mocoi_too(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", os.getcwd())])
    assert main([*command, "--size", "32"], "mocoi prepare") == 0
    sys.modules.pop("wrists")
    for word, text in (
        ("wrist:Wrists", "there is no module wrist: go to the folder that has wrist.py"),
        ("wrists:Wrist", "the module wrists has no class 'Wrist': write MODULE:CLASS"),
        (":Wrists", "No such command ':Wrists'"),
    ):
        capsys.readouterr()
        assert main([word, "--images", "xrays"], "mocoi prepare") == exit_codes.USAGE
        assert text in " ".join(capsys.readouterr().err.split())
