"""The wheel, built from the source distribution: it holds what the packages read, the nine bundles, and no more."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from monai_mocoi import __version__
from tests.bundles.conftest import NAMES

SOURCE = (
    *("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff"),
    *("constraints.txt", "monai_mocoi", "data_prep", "bundles", "tests"),
)


def files_below(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {str(path.relative_to(folder)) for path in found}


@pytest.mark.slow
def test_the_wheel_holds_packages_and_bundles(repository: Path, tmp_path: Path) -> None:
    place = tmp_path / "source"
    place.mkdir()
    for name in SOURCE:
        copy = shutil.copytree if (repository / name).is_dir() else shutil.copy
        copy(repository / name, place / name)
    shutil.copytree(place / "bundles" / "nih_mse", place / "bundles" / "my_study")
    private = place / "bundles" / "nih_mse" / "models" / "model.pt"
    private.parent.mkdir()
    private.write_bytes(b"weights of one's own")
    words = [sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, place]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr

    with zipfile.ZipFile(tmp_path / f"monai_mocoi-{__version__}-py3-none-any.whl") as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        metadata = wheel.read(f"monai_mocoi-{__version__}.dist-info/METADATA").decode()
    assert f"Version: {__version__}\n" in metadata
    expected = {
        f"{package}/{name}" for package in ("monai_mocoi", "data_prep") for name in files_below(place / package)
    }
    for name in NAMES:
        bundle = files_below(repository / "bundles" / name)
        expected |= {f"monai_mocoi/_bundles/{name}/{file}" for file in bundle if file.startswith(("configs/", "docs/"))}
        expected.add(f"monai_mocoi/_bundles/{name}/LICENSE")
    assert names == expected
