"""What the documentation names is there: modules, classes and functions by their dotted names, and files."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
DOTTED = re.compile(r"(?<![\w./-])(?:monai_mocoi|data_prep)(?:\.[A-Za-z]\w*)+(?![\w/]|\.json|\.md)")
FILE = re.compile(
    r"(?<![\w./-])(?:monai_mocoi|data_prep|tests|benchmarks|docs|bundles)/[\w./-]+\.(?:py|md|jsonl?|toml)\b"
)
NOT_OF_THE_REPOSITORY = re.compile(r"bundles/my_|docs/README\.md")  # of a reader's bundle, and of a package


def is_there(name: str) -> bool:
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.stem)
def test_every_name_and_file_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [name for name in sorted(set(DOTTED.findall(text))) if not is_there(name)] == []
    files = {name for name in FILE.findall(text) if not NOT_OF_THE_REPOSITORY.match(name)}
    assert [name for name in sorted(files) if not (ROOT / name).is_file()] == []


def test_every_package_has_an_api_page() -> None:
    packages = {path.parent.name for path in ROOT.glob("monai_mocoi/*/__init__.pyi")} - {"cli"}  # docs/commands.md
    assert packages <= {page.stem for page in ROOT.glob("docs/api/*.md")}
