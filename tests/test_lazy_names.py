from __future__ import annotations

import subprocess
import sys

import pytest
from monai_mocoi._lazy import attach


def test_the_package_alone_imports_neither_torch_nor_monai() -> None:
    code = "import sys, monai_mocoi.losses, monai_mocoi.handlers; print('torch' in sys.modules, 'monai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_module_and_a_name_called_the_same_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\['shared'\]"):
        attach("package", {"shared": ["shared"], "other": ["Name"]})
