"""The bundles go into the wheel as data of the package; all else stands in ``pyproject.toml``."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

BUNDLES = Path(__file__).resolve().parent / "bundles"


class BuildWithBundles(build_py):
    """Copies ``bundles/`` to ``monai_mocoi/_bundles/``; an editable install reads them where they are."""

    def run(self) -> None:
        """Build."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "monai_mocoi", "_bundles")
        shutil.rmtree(target, ignore_errors=True)
        for bundle in sorted(path.parent for path in BUNDLES.glob("*_*/configs")):
            shutil.copytree(bundle, target / bundle.name)


setup(cmdclass={"build_py": BuildWithBundles})
