from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def run(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_the_package_alone_imports_neither_torch_nor_monai() -> None:
    code = "import sys, monai_mocoi.losses, monai_mocoi.handlers; print('torch' in sys.modules, 'monai' in sys.modules)"
    assert run(code) == ["False", "False"]


def test_what_bundles_import_gives_every_package_that_they_name(repository: Path) -> None:
    """Their only import is ``monai_mocoi``; in a test's process the others are there already."""
    texts = [path.read_text() for path in (repository / "bundles").glob("*_*/configs/*.json")]
    named = sorted({name for text in texts for name in re.findall(r"monai_mocoi\.(\w+)\.", text)})
    assert "networks" in named
    assert run(f"import monai_mocoi; print(*(name for name in {named} if not hasattr(monai_mocoi, name)))") == []
