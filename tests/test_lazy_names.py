from __future__ import annotations

import subprocess
import sys


def test_the_package_alone_imports_neither_torch_nor_monai() -> None:
    code = "import sys, monai_mocoi.losses, monai_mocoi.handlers; print('torch' in sys.modules, 'monai' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
